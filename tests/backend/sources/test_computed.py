"""Columns computed elsewhere find their pairs, whatever file they come in; nothing that came along is replaced."""

import csv
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from poolscope.errors import InputError
from poolscope.pool import UID_DTYPE, Pool, uid_pairs
from poolscope.recipe import load, select
from poolscope.sources import import_columns, import_webdataset
from tests.conftest import image_bytes, write_shard


def uids(pool: Pool) -> list[str]:
    return pool.take(range(len(pool)), ["uid"])["uid"].to_pylist()


def shuffled(pool: Pool, count: int = 150) -> np.ndarray:
    return np.random.default_rng(1).permutation(len(pool))[:count]


def test_a_score_from_parquet(tiny_pool, tmp_path):
    rows = shuffled(tiny_pool)
    keys = [uids(tiny_pool)[row] for row in rows]
    scores = np.arange(150) / 7
    table = {"uid": [*keys, keys[0], "f" * 32, "no uid"], "aesthetic": [*scores, 99, 99, 99], "url": ["x"] * 153}
    pq.write_table(pa.table(table), tmp_path / "s.parquet", row_group_size=40)
    made = import_columns(tiny_pool, tmp_path / "s.parquet")
    assert (made.rows, made.unknown, made.repeated) == (153, 2, 1)
    assert made.left_out == ["url"]
    assert made.columns == [{"name": "aesthetic", "from": "aesthetic", "kind": "score", "pairs": 150, "missing": 50}]
    pool = tiny_pool.reload()
    expected = np.full(200, np.nan, np.float32)
    expected[rows] = scores
    np.testing.assert_array_equal(pool.array("aesthetic"), expected)
    about = pool.columns["aesthetic"]
    assert (about.kind, about.made_by["method"], len(about.made_by["digest"])) == ("score", "import columns", 64)
    assert select(load({"keep": [{"score": "aesthetic", "min": 0}]}), pool).kept == 150  # NaN is never kept
    assert not list((pool.path / "work").glob("columns-*"))


def test_text_of_a_csv_becomes_what_all_of_it_is(tiny_pool, tmp_path):
    with (tmp_path / "m.csv").open("w", newline="", encoding="utf-8-sig") as handle:
        writer = csv.writer(handle, delimiter=";")
        writer.writerow(["UID", "nsfw", "quality", "count", "code", "words", "clip score", "switch"])
        for row, uid in enumerate(uids(tiny_pool)[:100]):
            writer.writerow(
                [uid.upper(), row % 2 == 0, f"{row}.5" if row else "", row, f"{row:04d}", f"a;b {row}", 1e-3, row % 2]
            )
        handle.write("one;cell;too;many;in;this;row;here;x\n")
    made = import_columns(tiny_pool, tmp_path / "m.csv")
    pool = tiny_pool.reload()
    kinds = {one["from"]: one["kind"] for one in made.columns}
    assert kinds == {
        "nsfw": "flag", "quality": "score", "count": "metadata", "code": "metadata", "words": "metadata",
        "clip score": "score", "switch": "metadata",
    }  # fmt: skip
    assert made.bad_rows == 1
    first = pool.take([0, 3, 150], ["nsfw", "quality", "count", "code", "words", "clip_score"]).to_pylist()
    assert first[1] == {"nsfw": False, "quality": 3.5, "count": 3, "code": "0003", "words": "a;b 3",
                        "clip_score": pytest.approx(1e-3)}  # fmt: skip
    assert np.isnan(first[0]["quality"])
    assert first[2]["nsfw"] is first[2]["words"] is first[2]["count"] is None
    assert pool.array("nsfw").sum() == 50


@pytest.mark.parametrize("kind", ["x.jsonl", "x.jsonl.gz", "x.json", "utf16.csv", "x.csv.zst", "x.feather"])
def test_any_table_that_an_import_reads(tiny_pool, tmp_path, kind):
    keys, path = uids(tiny_pool)[:50], tmp_path / kind
    rows = [{"uid": key, "quality": number / 7} for number, key in enumerate(keys)]
    lines, table = "".join(json.dumps(row) + "\n" for row in rows), pa.Table.from_pylist(rows)
    text = "uid;quality\n" + "".join(f"{row['uid']};{row['quality']}\n" for row in rows)
    if kind.endswith(".feather"):
        feather.write_feather(table, path)
    elif kind.endswith((".gz", ".zst")):
        with pa.CompressedOutputStream(path, "zstd" if kind.endswith(".zst") else "gzip") as out:
            out.write((lines if "json" in kind else text).encode())
    else:
        path.write_bytes(
            text.encode("utf-16") if "csv" in kind else (lines if "jsonl" in kind else json.dumps(rows)).encode()
        )
    made = import_columns(tiny_pool, path)
    assert made.columns == [{"name": "quality", "from": "quality", "kind": "score", "pairs": 50, "missing": 150}]
    np.testing.assert_allclose(tiny_pool.reload().array("quality")[:50], np.arange(50) / 7, rtol=1e-6)


def test_a_flag_by_option_and_by_row(tiny_pool, tmp_path):
    np.save(tmp_path / "kept.npy", np.arange(200) % 3 == 0)
    made = import_columns(tiny_pool, tmp_path / "kept.npy", on="row", name="third")
    assert made.columns[0]["kind"] == "flag"
    np.save(tmp_path / "ints.npy", np.arange(200) % 3)
    made = import_columns(tiny_pool, tmp_path / "ints.npy", on="row", kind="flag")
    assert made.columns == [{"name": "ints", "from": "ints", "kind": "flag", "pairs": 134, "missing": 66}]
    pool = tiny_pool.reload()
    assert (pool.array("third") == (np.arange(200) % 3 == 0)).all()
    np.save(tmp_path / "short.npy", np.zeros(150, np.float32))
    with pytest.raises(InputError, match="150 rows, and 'pool' has 200 pairs"):
        import_columns(tiny_pool, tmp_path / "short.npy", on="row")
    pq.write_table(pa.table({"row": [5, 7], "part": [0.5, 0.7]}), tmp_path / "part.parquet")
    assert import_columns(tiny_pool, tmp_path / "part.parquet", on="row").columns[0]["pairs"] == 2
    assert tiny_pool.reload().array("part")[7] == np.float32(0.7)


@pytest.mark.parametrize("keys", ["u8", "text", "lines", "npz"])
def test_embeddings_from_arrays(tiny_pool, tmp_path, keys):
    rows = shuffled(tiny_pool)
    matrix = np.random.default_rng(0).normal(size=(150, 24)) * 9
    matrix[3] = 0
    listed = np.array(uids(tiny_pool))[rows]
    options = {"keys": tmp_path / "k.npy"}
    if keys == "u8":
        np.save(tmp_path / "k.npy", uid_pairs(listed.tolist()).astype(UID_DTYPE))
    elif keys == "text":
        np.save(tmp_path / "k.npy", listed)
    elif keys == "lines":
        options = {"keys": tmp_path / "k.txt"}
        (tmp_path / "k.txt").write_text("\n".join(listed) + "\n")
    if keys == "npz":
        options = {}
        np.savez(tmp_path / "e.npz", uid=listed, image=matrix)
        source = tmp_path / "e.npz"
    else:
        np.save(tmp_path / "e.npy", matrix.astype(np.float64))
        source = tmp_path / "e.npy"
    made = import_columns(tiny_pool, source, name="mine", side="img", **options)
    assert made.columns[0] | {"from": ""} == {
        "name": "mine_img",
        "from": "",
        "kind": "embedding",
        "pairs": 149,
        "missing": 51,
    }
    pool = tiny_pool.reload()
    assert (pool.columns["mine_img"].dim, pool.columns["mine_img"].dtype) == (
        24,
        "fixed_size_list<item: halffloat>[24]",
    )
    stored = pool.embeddings("mine_img", rows)
    expected = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    np.testing.assert_allclose(np.delete(stored, 3, 0), np.delete(expected, 3, 0), atol=1e-3)
    assert np.isnan(stored[3]).all()


def test_both_sides_from_lists_in_a_parquet(tiny_pool, tmp_path):
    table = {
        "uid": uids(tiny_pool)[:3],
        "image_embedding": [[3.0, 4.0], None, [1.0]],
        "text_emb": [[1, 0], [0, 2], [3, 3]],
    }
    pq.write_table(pa.table(table), tmp_path / "e.parquet")
    with pytest.raises(InputError, match="--as NAME"):
        import_columns(tiny_pool, tmp_path / "e.parquet")
    made = import_columns(tiny_pool, tmp_path / "e.parquet", name="m", model="ViT-B-32/openai")
    assert [(one["name"], one["pairs"]) for one in made.columns] == [("m_img", 1), ("m_txt", 3)]
    pool = tiny_pool.reload()
    np.testing.assert_allclose(pool.embeddings("m_img", [0])[0], [0.6, 0.8], atol=1e-3)
    assert pool.columns["m_txt"].made_by["model"] == "ViT-B-32/openai"


def test_ids_and_urls_may_repeat_in_the_pool(tmp_path):
    about = [
        {"id": 7, "captions": ["one cat", "a cat"]},
        {"id": "0012", "url": "http://x.org/a"},
        {"url": "http://x.org/a"},
    ]
    write_shard(tmp_path / "0.tar", [
        {"__key__": str(n), "png": image_bytes(n), "json": json.dumps({"caption": f"c {n}"} | one).encode()}
        for n, one in enumerate(about)
    ])  # fmt: skip
    import_webdataset(tmp_path / "0.tar", tmp_path / "pool", caption_key="captions,caption")
    pool = Pool.open(tmp_path / "pool")
    assert len(pool) == 4
    pq.write_table(pa.table({"id": [7.0, None], "s": [0.5, 0.1]}), tmp_path / "s.parquet")
    made = import_columns(pool, tmp_path / "s.parquet", on="id")
    assert (made.columns[0]["pairs"], made.unknown) == (2, 1)
    (tmp_path / "u.csv").write_text("url,place\nhttp://x.org/a,first\nhttp://x.org/a,again\n")
    made = import_columns(pool, tmp_path / "u.csv", on="url")
    assert (made.columns[0]["pairs"], made.repeated) == (2, 1)
    assert pool.reload().strings("place").to_pylist().count("first") == 2


def test_nothing_that_exists_is_replaced(tiny_pool, tmp_path):
    one = {"uid": uids(tiny_pool)[:1]}
    for name, options, says in (
        ("text", {"columns": ["text"]}, "never replaced"),
        ("width", {"columns": ["width"], "force": True}, "never replaced"),
        ("clip_l14", {}, "--force"),
    ):
        pq.write_table(pa.table(one | {name: ["1"] if name == "text" else [1.0]}), tmp_path / "x.parquet")
        with pytest.raises(InputError, match=says):
            import_columns(tiny_pool, tmp_path / "x.parquet", **options)
    import_columns(tiny_pool, tmp_path / "x.parquet", force=True)
    assert np.isnan(tiny_pool.reload().array("clip_l14")[1:]).all()


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("uid,s\n" + "f" * 32 + ",1\n", {}, "none of the 1 keys"),
        ("key_of_mine,s\na,1\n", {}, "no column 'uid'"),
        ("uid,s\na,1\n", {"on": "nothing"}, "no column 'nothing'"),
        ("uid,s\na,1\n", {"kind": "number"}, "--kind"),
        ("uid,s\na,1\n", {"columns": ["t"]}, "no column 't'"),
        ("uid,s\nUID0,word\n", {"kind": "embedding", "name": "m", "side": "img"}, "embedding"),
        ("uid,s\nUID0,1\n", {"side": "img"}, "is for embeddings"),
        ("", {}, "is empty"),
        ("s\n" + "1\n" * 100 + "1,2\n" + "1\n" * 100, {"on": "row"}, "1 rows that can't be read"),
    ],
)
def test_wrong_files_are_told_in_one_line(tiny_pool, tmp_path, content, options, says):
    (tmp_path / "x.csv").write_text(content.replace("UID0", uids(tiny_pool)[0]))
    before = set(tiny_pool.columns)
    with pytest.raises(InputError, match=says):
        import_columns(tiny_pool, tmp_path / "x.csv", **options)
    assert set(tiny_pool.reload().columns) == before
    assert not list((tiny_pool.path / "work").glob("columns-*"))


@pytest.mark.parametrize("name", ["x.parquet", "x.npy", "x.npz", "x.csv.gz"])
def test_damaged_files(tiny_pool, tmp_path, name):
    (tmp_path / name).write_bytes(b"PAR1 nothing here \x93NUMPY")
    with pytest.raises(InputError, match=r"can't be read|is damaged or of another kind"):
        import_columns(tiny_pool, tmp_path / name, on="row")


@pytest.mark.parametrize(
    "damage", [lambda content: content[:40], lambda content: content[:14] + b"\xff" * 9 + content[23:]]
)
def test_a_gzip_file_that_is_cut_or_flipped(tiny_pool, tmp_path, damage):
    rows = "".join(f"{uid},{number}\n" for number, uid in enumerate(uids(tiny_pool)))
    (tmp_path / "x.csv.gz").write_bytes(damage(gzip.compress(f"uid,size\n{rows}".encode())))
    with pytest.raises(InputError, match="can't be read"):
        import_columns(tiny_pool, tmp_path / "x.csv.gz", on="uid")


def test_pickles_are_never_opened(tiny_pool, tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}] * 200, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects, which are never loaded"):
        import_columns(tiny_pool, tmp_path / "x.npy", on="row")


def test_the_command(tiny_pool, tmp_path, capsys):
    from poolscope.cli import main

    pq.write_table(pa.table({"uid": uids(tiny_pool)[:50], "s": np.arange(50.0)}), tmp_path / "s.parquet")
    assert (
        main(["import", "columns", str(tmp_path / "s.parquet"), "--pool", str(tiny_pool.path), "--as", "t", "--json"])
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["columns"] == [{"name": "t", "from": "s", "kind": "score", "pairs": 50, "missing": 150}]
    assert main(["import", "columns", str(tmp_path / "s.parquet"), "--pool", str(tiny_pool.path), "--as", "t"]) == 2


def told(pool, path, rows, separator=",", **options):
    keys = uids(pool)
    path.write_text(f"uid{separator}s\n" + "".join(f"{keys[n]}{separator}{value}\n" for n, value in enumerate(rows)))
    made = import_columns(pool, path, **options)
    return made, pool.reload().take(range(len(rows)), ["s"])["s"].to_pylist()


@pytest.mark.parametrize("kind", [None, "score"])
@pytest.mark.parametrize(("name", "separator"), [("s.csv", ";"), ("s.tsv", "\t")])
def test_decimal_commas_are_read_and_told(tiny_pool, tmp_path, kind, name, separator):
    made, values = told(tiny_pool, tmp_path / name, ["0,5", "-1,25", "", "2"], separator, kind=kind)
    assert made.columns[0] | {"missing": 0} == {"name": "s", "from": "s", "kind": "score", "pairs": 3, "missing": 0}
    assert values[:2] == [0.5, -1.25]
    assert made.notes == ["column 's': its commas are decimal, 0,5 is 0.5"]


def test_commas_that_may_be_of_thousands_are_no_numbers(tiny_pool, tmp_path):
    with pytest.raises(InputError, match="none of its values is a number"):
        told(tiny_pool, tmp_path / "s.csv", ['"1,234"', '"5,678"'], kind="score")
    made, values = told(tiny_pool, tmp_path / "s.csv", ["0,5", "1.5", "word"], ";", kind="score")
    assert (made.columns[0]["pairs"], values[1]) == (1, 1.5)
    assert made.notes == ["column 's': values that are no score, counted as missing: 2"]
    made, _ = told(tiny_pool, tmp_path / "s.csv", ["1,234", "12"], ";", kind="score", force=True)
    assert made.notes == ["column 's': values that are no score, counted as missing: 1"]


def test_words_for_none_are_missing_and_others_are_told(tiny_pool, tmp_path):
    made, values = told(tiny_pool, tmp_path / "s.csv", ["0.5", "NULL", "n/a", "1"])
    assert (made.columns[0]["kind"], made.columns[0]["pairs"], made.notes) == ("score", 2, [])
    made, values = told(tiny_pool, tmp_path / "s.csv", [1, "None", 3], force=True)
    assert (made.columns[0]["kind"], values) == ("metadata", [1, None, 3])
    made, values = told(tiny_pool, tmp_path / "s.csv", ["NULL", "None"], force=True)
    assert values == ["NULL", "None"]


def test_uids_however_they_are_spelled(tiny_pool, tmp_path):
    spelled = [f" {uid.upper()} " for uid in uids(tiny_pool)[:2]]
    spelled += ["-".join([u[:8], u[8:12], u[12:16], u[16:20], u[20:]]) for u in uids(tiny_pool)[2:4]]
    (tmp_path / "s.txt").write_text("uid|s\n" + "".join(f"{uid}|0.5\n" for uid in spelled))
    assert import_columns(tiny_pool, tmp_path / "s.txt").columns[0]["pairs"] == 4


@pytest.mark.parametrize("name", ["k.csv", "k.json", "k.parquet"])
def test_keys_of_an_array_from_a_table(tiny_pool, tmp_path, name):
    keys = uids(tiny_pool)[:5]
    if name == "k.parquet":
        pq.write_table(pa.table({"uid": keys, "n": range(5)}), tmp_path / name)
    else:
        (tmp_path / name).write_text(json.dumps(keys) if name == "k.json" else "uid\r\n" + "\r\n".join(keys) + "\r\n")
    np.save(tmp_path / "s.npy", np.arange(5, dtype=np.float32)[:, None])  # a column of a matrix
    made = import_columns(tiny_pool, tmp_path / "s.npy", keys=tmp_path / name, kind="score")
    assert made.columns[0]["pairs"] == 5
    assert tiny_pool.reload().array("s")[4] == 4


def test_lists_are_no_scores(tiny_pool, tmp_path):
    np.save(tmp_path / "s.npy", np.zeros((200, 3), np.float32))
    with pytest.raises(InputError, match="its values are lists"):
        import_columns(tiny_pool, tmp_path / "s.npy", on="row", kind="score")

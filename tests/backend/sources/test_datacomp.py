"""Import of DataComp's files: what is published comes in unchanged, what is damaged stays out and can come later."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from poolscope.audit.providers.language import language_codes
from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.export import export_subset, export_table
from poolscope.pool import Pool, uid_pairs
from poolscope.progress import silent
from poolscope.recipe import load, select
from poolscope.scores import build
from poolscope.search import by_word
from poolscope.sources import import_datacomp
from poolscope.sources.layout import families

PAIRS = 60
DIMS = {"b32_img": 8, "b32_txt": 8, "l14_img": 48, "l14_txt": 48}


def unit(rng: np.random.Generator, rows: int, dim: int) -> np.ndarray:
    matrix = rng.normal(size=(rows, dim))
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float16)


def write_pair(directory: Path, number: int, *, rows: int = PAIRS, save=np.savez, **changes) -> Path:
    """One parquet and its feature file, as DataComp publishes them; `changes` replace columns."""
    rng = np.random.default_rng(number)
    features = {name: unit(rng, rows, dim) for name, dim in DIMS.items()}
    product = {
        m: np.einsum("nd,nd->n", features[f"{m}_img"], features[f"{m}_txt"], dtype=np.float32) for m in ("b32", "l14")
    }
    columns = {
        "uid": [f"{int.from_bytes(rng.bytes(16)):032x}" for _ in range(rows)],
        "url": [f"https://example.org/{number}/{row}.jpg" for row in range(rows)],
        "text": [f"caption {row} of file {number}" for row in range(rows)],
        "original_width": rng.integers(1, 2000, rows),
        "original_height": rng.integers(1, 2000, rows),
        "clip_b32_similarity_score": product["b32"],
        "clip_l14_similarity_score": product["l14"],
        "face_bboxes": [[[0.1, 0.2, 0.3, 0.4]] if row % 3 == 0 else [] for row in range(rows)],
        "sha256": [f"{row:064x}" for row in range(rows)],
    } | changes
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{number:032x}.parquet"
    pq.write_table(pa.table({name: column for name, column in columns.items() if column is not None}), path)
    save(path.with_suffix(".npz"), **features, dedup=rng.random((rows, 256), dtype=np.float32))
    return path


def skipped(report) -> dict[str, int]:
    return dict(report.skipped)


def test_what_is_published_comes_in_unchanged(tmp_path):
    paths = [write_pair(tmp_path / "m", number) for number in range(2)]
    report = import_datacomp(tmp_path / "m", tmp_path / "pool", dedup_features=True)
    assert (report.added, skipped(report)) == (2 * PAIRS, {})
    pool = Pool.open(tmp_path / "pool")
    source = pa.concat_tables([pq.read_table(path) for path in paths])
    got = pool.take(range(len(pool)), ["uid", "url", "text", "width", "height", "sha256", "face_bboxes"])
    renamed = {"width": "original_width", "height": "original_height"}
    for name in got.column_names:
        assert got[name].to_pylist() == source[renamed.get(name, name)].to_pylist(), name
    for model in ("b32", "l14"):
        assert pool.columns[f"clip_{model}"].kind == "score"
        assert (pool.array(f"clip_{model}") == source[f"clip_{model}_similarity_score"].to_numpy()).all()
        for side in ("img", "txt"):
            name = f"{model}_{side}"
            stored = np.concatenate([np.load(path.with_suffix(".npz"))[name] for path in paths])
            assert pool.columns[name].kind == "embedding"
            assert (pool.embeddings(name, range(len(pool))) == stored.astype(np.float32)).all()
    assert pool.columns["dedup"].dim == 256
    assert (pool.uids_ascending() == np.sort(uid_pairs(source["uid"].combine_chunks()))).all()


def test_embeddings_can_be_chosen(tmp_path):
    write_pair(tmp_path / "m", 0)
    import_datacomp(tmp_path / "m", tmp_path / "some", embeddings=families("l14"))
    assert {"l14_img", "l14_txt"} == {c.name for c in Pool.open(tmp_path / "some").columns.values() if c.dim}
    import_datacomp(tmp_path / "m", tmp_path / "none", embeddings=families("none"))
    assert not any(c.dim for c in Pool.open(tmp_path / "none").columns.values())
    with pytest.raises(InputError, match=r"'h14_img'.*--embeddings none"):
        import_datacomp(tmp_path / "m", tmp_path / "other", embeddings=families("h14"))


def test_compressed_wide_and_unnormalised_features(tmp_path):
    def save(path, **features):
        np.savez_compressed(path, **{name: array.astype(np.float32) * 7 for name, array in features.items()})

    path = write_pair(tmp_path / "m", 0, save=save, clip_b32_similarity_score=None, clip_l14_similarity_score=None)
    import_datacomp(tmp_path / "m", tmp_path / "pool")
    pool = Pool.open(tmp_path / "pool")
    got = pool.embeddings("l14_img", range(PAIRS))
    assert np.allclose(np.linalg.norm(got, axis=1), 1, atol=2e-3)
    assert np.allclose(got, np.load(path.with_suffix(".npz"))["l14_img"] / 7, atol=2e-3)


def test_part_directories_and_a_url(tmp_path):
    for number in range(2):
        write_pair(tmp_path / "m" / f"part_{number}", number)
    assert import_datacomp(tmp_path / "m", tmp_path / "local").added == 2 * PAIRS
    assert import_datacomp(f"file://{tmp_path}/m/", tmp_path / "remote").added == 2 * PAIRS
    local, remote = Pool.open(tmp_path / "local"), Pool.open(tmp_path / "remote")
    assert local.take(range(120), ["uid", "l14_txt"]) == remote.take(range(120), ["uid", "l14_txt"])


def test_foreign_names(tmp_path):
    table = pa.table(
        {"id": [f"{row:032x}" for row in range(5)], "TEXT": ["a b c"] * 5, "link": ["u"] * 5, "aesthetic": [1.5] * 5}
    )
    (tmp_path / "m").mkdir()
    pq.write_table(table, tmp_path / "m" / "x.parquet")
    import_datacomp(tmp_path / "m", tmp_path / "pool", columns={"uid": "id", "url": "link"})
    pool = Pool.open(tmp_path / "pool")
    got = pool.take(range(5), ["uid", "text", "url", "aesthetic"]).to_pylist()
    assert got[3] == {"uid": f"{3:032x}", "text": "a b c", "url": "u", "aesthetic": 1.5}
    with pytest.raises(InputError, match=r"'face'.*allowed are uid, text"):
        import_datacomp(tmp_path / "m", tmp_path / "p2", columns={"face": "x"})
    with pytest.raises(InputError, match="no such column; the parquet has id, TEXT"):
        import_datacomp(tmp_path / "m", tmp_path / "p2", columns={"text": "caption"})


def test_pairs_without_uids_get_the_same_ones_each_time(tmp_path):
    write_pair(tmp_path / "m", 0, uid=None)
    assert import_datacomp(tmp_path / "m", tmp_path / "pool").added == PAIRS
    again = import_datacomp(tmp_path / "m", tmp_path / "pool")
    assert (again.added, again.present) == (0, PAIRS)


def test_damaged_files_are_left_out_and_can_come_later(tmp_path):
    source, aside = tmp_path / "m", tmp_path / "whole"
    paths = [write_pair(source, number) for number in range(6)]
    shutil.copytree(source, aside)
    paths[1].write_bytes(paths[1].read_bytes()[:-100])  # no footer
    paths[2].with_suffix(".npz").unlink()
    whole = paths[3].with_suffix(".npz").read_bytes()
    paths[3].with_suffix(".npz").write_bytes(whole[:-3000])  # no directory of members
    write_pair(source, 4, rows=PAIRS)
    np.savez(paths[4].with_suffix(".npz"), **{n: unit(np.random.default_rng(1), PAIRS - 1, d) for n, d in DIMS.items()})
    paths[5].with_suffix(".npz").write_bytes(_with_flipped_byte(aside / paths[5].with_suffix(".npz").name))
    report = import_datacomp(source, tmp_path / "pool")
    assert report.added == PAIRS
    assert skipped(report) == {"file left out": 5}
    reasons = "\n".join(report.examples["file left out"])
    for words in (
        "parquet can't be read",
        ".npz) is missing",
        "features can't be read",
        "59 rows of features",
        "wrong checksum",
    ):
        assert words in reasons
    for path in aside.iterdir():
        shutil.copy(path, source / path.name)
    later = import_datacomp(source, tmp_path / "pool")
    assert (later.added, later.present, skipped(later)) == (5 * PAIRS, PAIRS, {})
    pool = Pool.open(tmp_path / "pool")
    assert len(pool) == len(np.unique(pool.uids())) == 6 * PAIRS


def _with_flipped_byte(path: Path) -> bytes:
    """The archive with one byte of `l14_txt` changed, which only its checksum can show."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("l14_txt.npy")
    content = bytearray(path.read_bytes())
    content[entry.header_offset + 5000] ^= 1
    return bytes(content)


def test_features_of_other_pairs_are_noticed(tmp_path):
    path = write_pair(tmp_path / "m", 0)
    other = write_pair(tmp_path / "other", 1)
    shutil.copy(other.with_suffix(".npz"), path.with_suffix(".npz"))
    with pytest.raises(InputError, match="no pair could be imported"):
        import_datacomp(tmp_path / "m", tmp_path / "pool")


def captionless(tmp_path: Path) -> tuple[Pool, list[int]]:
    """A pool of 60 of DataComp's pairs, of which the rows 0, 3, …, 27 have an empty caption, in four ways."""
    texts: list[str | None] = [f"a caption of the pair number {row}" for row in range(PAIRS)]
    rows = list(range(0, 30, 3))
    for row, text in zip(rows, [None, "", " \n\t ", "\u3000"] * 3):
        texts[row] = text
    write_pair(tmp_path / "m", 0, text=texts)
    report = import_datacomp(tmp_path / "m", tmp_path / "pool")
    assert (report.added, skipped(report), dict(report.uncaptioned)) == (PAIRS, {}, {"no caption": 10})
    assert report.as_json()["uncaptioned"] == {"no caption": 10}
    return Pool.open(tmp_path / "pool"), rows


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.55])
def test_fractions_are_of_all_pairs_also_those_without_a_caption(fraction, tmp_path):
    """DataComp's `clip_score`: tau is the element `int(N p)` of the descending scores, kept is every score >= tau."""
    pool, rows = captionless(tmp_path)
    assert [
        row for row, text in enumerate(pool.take(range(PAIRS), ["text"])["text"].to_pylist()) if text is None
    ] == rows
    source = pq.read_table(next((tmp_path / "m").glob("*.parquet")))
    given = source["clip_l14_similarity_score"].to_numpy()
    tau = -np.sort(-given)[int(PAIRS * fraction)]
    theirs = np.sort(uid_pairs(source["uid"].combine_chunks().filter(pa.array(given >= tau))))
    np.save(tmp_path / "theirs.npy", theirs)
    recipe = load({"name": "x", "keep": [{"score": "clip_l14", "top": fraction, "ties": "all"}]})
    export_subset(pool, select(recipe, pool), tmp_path / "ours.npy")
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()


def test_what_is_computed_from_captions_leaves_out_pairs_without_one(tmp_path):
    pool, rows = captionless(tmp_path)
    for method in (
        build("metaclip"),
        build("english"),
        build("caption_length", min_words=0, min_characters=0),
        build("basic"),
    ):
        pool = run(pool, method)
    missing = np.isin(np.arange(PAIRS), rows)
    assert np.isnan(pool.array("metaclip")[missing]).all()
    assert np.isfinite(pool.array("metaclip")[~missing]).all()
    for flag in ("english", "caption_length", "basic"):
        assert not pool.array(flag)[missing].any()
    assert pool.array("caption_length")[~missing].all()
    assert not set(by_word(pool, "caption").rows.tolist()) & set(rows)
    assert by_word(pool, "caption").total == PAIRS - 10
    codes, _ = language_codes(pool, silent)
    assert (codes[missing] == -1).all()
    table = tmp_path / "kept.parquet"
    export_table(pool, select(load({"name": "all"}), pool), table)
    assert pq.read_table(table)["text"].null_count == 10


def test_bad_pairs_are_counted(tmp_path):
    texts = [f"caption {row}" for row in range(PAIRS)]
    texts[0], texts[1], texts[2], texts[3] = None, " \t ", "a\0b", "x" * 100_001
    uids = [f"{row:032x}" for row in range(PAIRS)]
    uids[4], uids[5], uids[6], uids[7] = "short", uids[10].upper() + "g", None, uids[8]
    write_pair(tmp_path / "m", 0, text=texts, uid=uids)
    report = import_datacomp(tmp_path / "m", tmp_path / "pool")
    assert skipped(report) == {"uid is not 32 lower-case hex digits": 3, "duplicate uid": 1}
    assert dict(report.uncaptioned) == {
        "no caption": 2,
        "caption holds a NUL byte": 1,
        "caption longer than 100,000 characters": 1,
    }
    pool = Pool.open(tmp_path / "pool")
    assert report.added == len(pool) == PAIRS - 4
    kept = np.load(tmp_path / "m" / f"{0:032x}.npz")["l14_img"][[7, 9, 59]].astype(np.float32)
    rows = pool.rows_of(uid_pairs([uids[8], uids[9], uids[59]]))
    assert (pool.embeddings("l14_img", rows) == kept).all()


def test_another_column_type_is_named(tmp_path):
    write_pair(tmp_path / "m", 0)
    write_pair(tmp_path / "m", 1, text=np.arange(PAIRS))
    write_pair(tmp_path / "m", 2, uid=np.arange(PAIRS))
    write_pair(tmp_path / "m", 3, clip_l14_similarity_score=["high"] * PAIRS)
    report = import_datacomp(tmp_path / "m", tmp_path / "pool")
    assert report.added == PAIRS
    found = "\n".join(report.examples["file left out"])
    for words in ("'text' is int64, not text", "'uid' is int64, not text", "'clip_l14_similarity_score' is string"):
        assert words in found


@pytest.mark.parametrize("into", ["new", "pool"])
def test_a_file_with_two_columns_of_one_name_is_left_out(tmp_path, into):
    write_pair(tmp_path / "first", 0)
    import_datacomp(tmp_path / "first", tmp_path / "pool", embeddings=())
    write_pair(tmp_path / "m", 1)
    write_pair(tmp_path / "m", 2)
    for path in sorted((tmp_path / "m").glob("*.parquet"))[1:]:
        table = pq.read_table(path)
        pq.write_table(table.append_column("original_height", table["original_height"]), path)
    report = import_datacomp(tmp_path / "m", tmp_path / into, embeddings=())
    assert report.added == PAIRS
    assert "2 columns are named 'original_height'" in report.examples["file left out"][0]


@pytest.mark.parametrize("reverse", [False, True])
def test_files_of_different_columns_are_joined(tmp_path, reverse):
    """A column that only a later file has was lost without a word."""
    rows = 5
    more = {
        "aesthetic_similarity_score": np.linspace(0, 1, rows, dtype=np.float32),
        "height_cm": [1.5] * rows,
        "tag": ["x"] * rows,
    }
    less = {
        "clip_b32_similarity_score": None,
        "clip_l14_similarity_score": np.arange(rows),
        "height_cm": [2] * rows,
        "sha256": None,
    }
    for number, changes in enumerate((more, less) if reverse else (less, more)):
        write_pair(tmp_path / "m", number, rows=rows, **changes)
    report = import_datacomp(tmp_path / "m", tmp_path / "pool", embeddings=(), verify=False)
    pool = Pool.open(tmp_path / "pool")
    assert (report.added, skipped(report)) == (2 * rows, {})
    table = pool.take(range(2 * rows), ["aesthetic", "clip_b32", "clip_l14", "height_cm", "tag", "sha256"])
    first, last = (slice(0, rows), slice(rows, None)) if reverse else (slice(rows, None), slice(0, rows))
    lists = {name: table[name].to_pylist() for name in table.column_names}
    assert lists["aesthetic"][first] == pytest.approx(more["aesthetic_similarity_score"])
    assert (
        lists["aesthetic"][last]
        == lists["clip_b32"][last]
        == lists["tag"][last]
        == lists["sha256"][last]
        == [None] * rows
    )
    assert lists["clip_l14"][last] == list(range(rows))
    assert None not in lists["clip_b32"][first]
    assert lists["height_cm"][first] == [1.5] * rows
    assert lists["height_cm"][last] == [2.0] * rows


def test_object_arrays_are_refused_unopened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "executed").touch, ())

    write_pair(tmp_path / "m", 0)
    path = write_pair(tmp_path / "m", 1)
    np.savez(path.with_suffix(".npz"), **{name: np.array([Trap()] * PAIRS, dtype=object) for name in DIMS})
    report = import_datacomp(tmp_path / "m", tmp_path / "pool")
    assert "hold object, not numbers" in report.examples["file left out"][0]
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("column", ["text", "uid"])
def test_a_parquet_that_unpacks_to_terabytes_is_left_out(column, tmp_path):
    """300,000 rows of one value of 5 MB: kilobytes on disk, 1.5 TB in memory."""
    write_pair(tmp_path / "m", 0)
    path = write_pair(tmp_path / "m", 1)
    rows = 300_000
    plain = {"uid": "0" * 32, "text": "a", "url": "u", "original_width": 1, "original_height": 1}
    table = {name: pa.DictionaryArray.from_arrays(np.zeros(rows, np.int8), [value]) for name, value in plain.items()}
    bomb = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int8), ["x" * 5_000_000])
    pq.write_table(pa.table(table | {column: bomb}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 100_000
    path.with_suffix(".npz").unlink()
    report = import_datacomp(tmp_path / "m", tmp_path / "pool", embeddings=())
    assert report.added == PAIRS
    assert f"'{column}' unpacks to more than 4 GiB" in report.examples["file left out"][0]


def test_captions_of_5_mb_are_counted_and_null(tmp_path):
    captions = [f"caption {row}" for row in range(PAIRS)]
    captions[7], captions[30] = "x" * 5_000_000, "nul \0 byte"
    write_pair(tmp_path / "m", 0, text=captions)
    report = import_datacomp(tmp_path / "m", tmp_path / "pool")
    assert dict(report.uncaptioned) == {"caption longer than 100,000 characters": 1, "caption holds a NUL byte": 1}
    assert (report.added, skipped(report)) == (PAIRS, {})
    assert Pool.open(tmp_path / "pool").take([7, 30], ["text"])["text"].to_pylist() == [None, None]


def test_invalid_utf8(tmp_path):
    raw = [b"caption %d" % row for row in range(PAIRS)]
    raw[3] = b"\xff\xfe caption"
    offsets = np.append(0, np.cumsum([len(text) for text in raw])).astype(np.int32)
    text = pa.Array.from_buffers(pa.utf8(), PAIRS, [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(raw))])
    write_pair(tmp_path / "m", 0, text=text)
    report = import_datacomp(tmp_path / "m", tmp_path / "pool")
    assert (report.added, dict(report.uncaptioned)) == (PAIRS, {"caption is not UTF-8": 1})


def test_a_pool_with_other_columns_is_refused(tmp_path):
    write_pair(tmp_path / "m", 0)
    import_datacomp(tmp_path / "m", tmp_path / "pool", embeddings=())
    with pytest.raises(InputError, match=r"no column 'b32_img'.*new pool"):
        import_datacomp(tmp_path / "m", tmp_path / "pool", embeddings=("b32",))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.parquet"):
        import_datacomp(tmp_path / "empty", tmp_path / "pool")


def test_captions_that_repeat_without_url_and_uid_stay_pairs_of_their_own(tmp_path):
    (tmp_path / "m").mkdir()
    table = pa.table({"image_path": [f"/data/{n}.jpg" for n in range(6)], "caption": ["a dog"] * 6})
    pq.write_table(table, tmp_path / "m" / "0.parquet")
    assert import_datacomp(tmp_path / "m", tmp_path / "pool").added == 6
    again = import_datacomp(tmp_path / "m", tmp_path / "pool")
    assert (again.added, again.present) == (0, 6)


def test_a_failed_import_of_a_new_pool_leaves_nothing_and_says_why(tmp_path):
    write_pair(tmp_path / "m", 0)
    write_pair(tmp_path / "m", 1)
    found = sorted((tmp_path / "m").glob("*.npz"))
    content = [path.read_bytes() for path in found]
    for path, other in zip(found, reversed(content)):
        path.write_bytes(other)
    with pytest.raises(InputError, match=r"features differ from \w+ in 2 of 2 files: `--no-verify` takes them"):
        import_datacomp(tmp_path / "m", tmp_path / "pool")
    assert not (tmp_path / "pool").exists()
    assert import_datacomp(tmp_path / "m", tmp_path / "pool", verify=False).added == 2 * PAIRS

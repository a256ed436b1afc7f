"""Groups of one's own: lexicons and tables that are added to a pool."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from poolscope.audit import catalog
from poolscope.audit.own_groups import add, remove
from poolscope.audit.providers.listed import slugs
from poolscope.errors import InputError
from poolscope.pool import Pool, uid_hex

LEXICON = "pack: colours\nfamily: colour\ntitle: Colours\nerror: none\ngroups:\n  red:\n    title: mentions red\n    terms: {en: [red]}\n"


def uids(pool: Pool) -> list[str]:
    keys = pool.uids()
    return uid_hex(np.ascontiguousarray(keys["f0"]), np.ascontiguousarray(keys["f1"])).to_pylist()


def table(path: Path, keys: list[str], groups: list[str], head: str = "uid,group") -> Path:
    path.write_text("\n".join([head, *(f"{key},{group}" for key, group in zip(keys, groups))]) + "\n")
    return path


def test_a_table_makes_groups(tiny_pool, tmp_path):
    keys = uids(tiny_pool)
    file = table(tmp_path / "My Sites.csv", [*keys[:5], keys[0], "f" * 32, keys[9]], ["A b"] * 3 + ["a-b"] * 4 + [""])
    made = add(tiny_pool, file)
    assert made.as_json() == {"name": "my-sites", "kind": "table", "groups": {"A b": 3, "a-b": 2}, "unknown": 1,
                              "repeated": 1, "blank": 1, "bad_rows": 0}  # fmt: skip
    found = catalog.find(tiny_pool, families=["my-sites"])
    assert [about.id for about in found.definitions] == ["own.my-sites.a-b", "own.my-sites.a-b-2"]
    assert np.flatnonzero(found.mask("own.my-sites.a-b")).tolist() == [0, 1, 2]
    assert remove(tiny_pool, "my-sites") == "table"
    assert "my-sites" not in catalog.load(tiny_pool).families
    assert not list(tiny_pool.path.glob("groups/own.my-sites.*"))


def test_a_table_by_url_in_parquet(tiny_pool, tmp_path):
    urls = pa.array([f"http://example.org/{number}.png" for number in (3, 4)])
    pq.write_table(pa.table({"URL": urls, "label": pa.array([1, 2])}), tmp_path / "t.parquet")
    assert add(tiny_pool, tmp_path / "t.parquet").groups == {"1": 1, "2": 1}


def test_pairs_that_come_later_join_their_groups(tmp_path):
    schema = pa.schema([("uid_hi", pa.uint64()), ("uid_lo", pa.uint64()), ("text", pa.utf8())])
    made = Pool.create(tmp_path / "pool", pa.schema(list(schema)[2:]), {"source": "test"})

    def pairs(first: int) -> list[pa.RecordBatch]:
        numbers = np.arange(first, first + 4, dtype=np.uint64)
        return pa.table([pa.array(numbers), pa.array(numbers), pa.array(["x"] * 4)], schema=schema).to_batches()

    made.append(pairs(0))
    keys = [f"{number:016x}" * 2 for number in range(8)]
    pool = Pool.open(tmp_path / "pool")
    assert add(pool, table(tmp_path / "t.csv", keys, ["a", "b"] * 4)).unknown == 4
    pool.append(pairs(4))
    found = catalog.find(Pool.open(tmp_path / "pool"), families=["t"])
    assert found.sizes.tolist() == [4, 4]


def test_a_lexicon_replaces_and_comes_back(tiny_pool, tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text(LEXICON)
    assert add(tiny_pool, file).groups["red"] == 34
    with pytest.raises(InputError, match="exist already"):
        add(tiny_pool, file)
    assert add(tiny_pool, file, force=True).kind == "lexicon"
    with pytest.raises(InputError, match="exist already"):
        add(tiny_pool, file, name="gender")
    add(tiny_pool, file, name="gender", force=True)
    assert "colour" in catalog.find(tiny_pool).families
    assert remove(tiny_pool, "gender") == "lexicon"
    assert "gender" in {family for one in catalog.providers(tiny_pool) for family in one.families}


def test_groups_of_a_lexicon_with_other_words_are_found_anew(tiny_pool, tmp_path):
    """By the digest of the words: the file in the pool was edited, or only written again."""
    file = tmp_path / "x.yaml"
    file.write_text(LEXICON)
    add(tiny_pool, file)
    kept = tiny_pool.path / "lexicons" / "colours.yaml"
    before = _settings(tiny_pool, "red")
    kept.write_text(f"# as it was\n{kept.read_text()}")
    assert catalog.load(tiny_pool).choose(["colour"]).sizes.tolist() == [34]
    kept.write_text(kept.read_text().replace("red", "blue"))
    assert "lexicon-colours" in [one.id for one in catalog.waiting(tiny_pool)]
    assert "colour" not in catalog.load(tiny_pool).families, "what the former words found counts no more"
    found = catalog.find(tiny_pool, families=["colour"])
    blue = [row for row, text in enumerate(tiny_pool.take(range(200), ["text"])["text"].to_pylist()) if "blue" in text]
    assert np.flatnonzero(found.mask("colours.blue")).tolist() == blue != []
    assert _settings(tiny_pool, "blue") != before


def _settings(pool: Pool, group: str) -> str:
    """The digest of what found a group of a lexicon, as its provenance has it."""
    return json.loads((pool.path / "groups" / f"colours.{group}.json").read_text())["made_by"]["settings"]


@pytest.mark.parametrize(
    ("head", "keys", "groups", "options", "words"),
    [
        ("uid,group", ["0" * 32], ["a"], {}, "none of the 1 keys"),
        ("uid,group", ["x"] * 501, [str(n) for n in range(501)], {}, "more than 500"),
        ("name,group", ["x"], ["a"], {}, "no key column"),
        ("uid,group", ["x"], ["a"], {"column": "b"}, "no column 'b'"),
        ("uid,group", ["x"], ["a"], {"name": "language"}, "taken"),
        ("uid,group", ["x"], ["a"], {"name": "../.."}, "no name"),
        ("uid,group", ["x"], ["a" * 300], {}, "above 200"),
        ("id,group", ["x"], ["a"], {}, "no column 'id'"),
    ],
)
def test_what_is_refused_leaves_nothing(tiny_pool, tmp_path, head, keys, groups, options, words):
    with pytest.raises(InputError, match=words):
        add(tiny_pool, table(tmp_path / "t.csv", keys, groups, head), **options)
    assert not list(tiny_pool.path.glob("groups-of-own/*"))


def test_other_files_are_refused(tiny_pool, tmp_path):
    for name in ("a.txt", "none.csv", "none.yaml"):
        with pytest.raises(InputError):
            add(tiny_pool, tmp_path / name)
    with pytest.raises(InputError, match="there are none"):
        remove(tiny_pool, "../pool")


def test_slugs_differ():
    assert len(set(slugs(["a b", "a-b", "a-b-2", "A B"]))) == 4


def test_names_and_keys_by_option(tiny_pool, tmp_path):
    keys = uids(tiny_pool)
    file = table(tmp_path / "my.sites.csv", keys[:2], ["a", "b"], "sample,part")
    with pytest.raises(InputError, match="no key column"):
        add(tiny_pool, file)
    assert add(tiny_pool, file, key="sample", column="part").name == "my-sites"
    add(tiny_pool, file, name="中文", key="sample")
    assert remove(tiny_pool, "中文") == "table"
    (tmp_path / "both.csv").write_text("id,url,group\n1,http://example.org/7.png,seven\n")
    assert add(tiny_pool, tmp_path / "both.csv").groups == {"seven": 1}  # this pool has no column id


def test_a_damaged_table_leaves_the_other_groups(tiny_pool, tmp_path):
    add(tiny_pool, table(tmp_path / "t.csv", uids(tiny_pool)[:20], ["a"] * 20))
    (tiny_pool.path / "groups-of-own" / "t.parquet").write_bytes(b"PAR1")
    found = catalog.find(tiny_pool)
    assert len(found)
    assert "t" not in found.families
    assert remove(tiny_pool, "t") == "table"


def test_json_of_keys_and_lists_of_groups(tiny_pool, tmp_path):
    keys = uids(tiny_pool)
    (tmp_path / "map.json").write_text(json.dumps({key: "ab"[number % 2] for number, key in enumerate(keys[:6])}))
    assert add(tiny_pool, tmp_path / "map.json", on="uid", key="id").groups == {"a": 3, "b": 3}
    rows = [{"uid": key, "groups": ["a", "b"]} for key in keys[:3]]
    (tmp_path / "lists.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match="give one group a row"):
        add(tiny_pool, tmp_path / "lists.jsonl")

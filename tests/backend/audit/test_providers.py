"""Each provider finds its groups, on small real pools."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from poolscope.audit import catalog, group_files
from poolscope.audit.group import Group, slug
from poolscope.audit.lexicon import dump_pack, load_pack, packs, prune, save_pack, shipped
from poolscope.audit.providers.clusters import Clusters
from poolscope.audit.providers.columns import PoolColumns
from poolscope.audit.providers.emoji import Emoji, kinds_of
from poolscope.audit.providers.entries import entry_groups
from poolscope.audit.providers.faces import Faces
from poolscope.audit.providers.language import Language
from poolscope.audit.providers.lexicons import Lexicon
from poolscope.audit.providers.pixels import Pixels, look
from poolscope.audit.providers.shapes import Shapes
from poolscope.audit.providers.unsafe import Unsafe
from poolscope.audit.providers.web import Web
from poolscope.audit.providers.zeroshot import ZeroShot, direction, known_error, read_prompts
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.progress import silent
from poolscope.text.domains import registered

CAPTIONS = [
    "A woman doctor, mail me: a.b@example.org", "black dress", "a black woman in a black dress", "Ärztin und Frau", "女性の医者です",
    "© 2019 Shutterstock, all rights reserved", "call 555 123-4567 now", "Muslim girl", "gay pride parade", "straight leg jeans",
    "nothing here", None,
]  # fmt: skip
URLS = [
    "https://images.shop.example.co.uk/a.png", "http://www.shutterstock.com/x", "//cdn.spiegel.de:8080/y?z", "http://user@host.fr/q",
    "http://192.168.0.1/a", "noto-emoji/1f1e9-1f1ea.png", "noto-emoji/1f469-1f3ff-200d-1f680.png", "http://pornhub.com/1", None,
    "https://a.blogspot.com/", "http://b.blogspot.com", "http://münchen.de/",
]  # fmt: skip


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    n = len(CAPTIONS)
    columns = {
        "uid_hi": pa.array(np.arange(n), pa.uint64()), "uid_lo": pa.array(np.arange(n), pa.uint64()),
        "text": pa.array(CAPTIONS, pa.utf8()), "url": pa.array(URLS, pa.utf8()), "source": pa.array(["emoji", "web"] * 6),
        "width": pa.array([50, 150, 300, 600, 1000, 100, 0, 10, 10, 300, 300, None], pa.int32()),
        "height": pa.array([50, 150, 100, 600, 100, 400, 0, 10, 10, 300, 300, None], pa.int32()),
        "face_bboxes": pa.array([[], [[0.0, 0, 1, 1]], [[0.0, 0, 1, 1]] * 2, None] + [[]] * 8, pa.list_(pa.list_(pa.float64()))),
        "punsafe": pa.array([0.9, 0.1, None] + [0.2] * 9, pa.float32()), "adult": pa.array([True] * 10 + [False, None]),
        "many": pa.array([str(number) for number in range(n)]),
    }  # fmt: skip
    table = pa.table(columns)
    made = Pool.create(tmp_path / "pool", pa.schema(list(table.schema)[2:]), {"source": "test"})
    made.append(table.to_batches())
    return Pool.open(tmp_path / "pool")


def rows(groups: list[Group]) -> dict[str, list[int]]:
    from poolscope.kernels.bits import unpack

    return {group.definition.id: np.flatnonzero(unpack(group.bits, len(CAPTIONS))).tolist() for group in groups}


def test_shipped_lexicons_find_what_they_name(pool):
    found = {}
    for pack in shipped().values():
        found |= rows(Lexicon(pack).find(pool, silent))
    assert found["gender.woman"] == [0, 2, 3, 4, 7]
    assert found["occupation.doctor"] == [0, 3, 4]
    assert found["race.black_people"] == [2]
    assert found["race.black_word"] == [1, 2]
    assert found["personal.email"] == [0]
    assert found["personal.phone"] == [6]
    assert {"copyright.notice", "copyright.agency"} <= {id for id, members in found.items() if 5 in members}
    assert found["religion.muslim"] == [7]
    assert found["orientation.gay"] == [8]
    assert "orientation.straight" not in found


def test_every_shipped_group_can_be_found_by_each_of_its_terms():
    from poolscope.audit.matching import Matcher
    from poolscope.kernels.bits import unpack

    for pack in shipped().values():
        groups = {name: group for name, group in pack.groups.items() if group.terms}
        if not groups:
            continue
        matcher = Matcher.build(groups)
        for place, group in enumerate(groups.values()):
            terms = [term.rstrip("*") for listed in group.terms.values() for term in listed]
            hit = unpack(matcher.find(pa.array([f"x {term} x" for term in terms]))[place], len(terms))
            stopped = [term for term, ok in zip(terms, hit) if not ok]
            assert not stopped, (pack.pack, stopped)


def test_pruning_saves_a_pack_of_its_own(pool):
    pack = packs(pool)["race"]
    save_pack(prune(pack, "black_word", ["black dress*"]), pool)
    own = packs(pool)["race"]
    assert own.version == pack.version + 1
    assert load_pack(dump_pack(own)) == own
    assert rows(Lexicon(own).find(pool, silent))["race.black_word"] == [2]
    assert shipped()["race"].version == pack.version
    with pytest.raises(InputError, match="holds no term"):
        prune(pack, "black_word", ["red dress"])
    with pytest.raises(InputError, match="no group 'x'"):
        prune(pack, "x", ["y"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("pack: [", "not YAML"), ("pack: p", "family"), ("pack: P!\nfamily: f\ntitle: t\nerror: e\ngroups: {a: {title: t, terms: {en: [x]}}}", "is no name"),
        ("pack: p\nfamily: f\ntitle: t\nerror: e\ngroups: {a: {title: t}}", "needs terms"),
        ("pack: p\nfamily: f\ntitle: t\nerror: e\ngroups: {a: {title: t, terms: {en: ['*']}}}", "only at the end"),
        ("pack: p\nfamily: f\ntitle: t\nerror: e\ngroups: {a: {title: t, regex: ['(']}}", "can't be read"),
    ],
)  # fmt: skip
def test_broken_packs_are_refused_in_one_line(text, reason):
    with pytest.raises(InputError, match=reason) as caught:
        load_pack(text)
    assert "\n" not in str(caught.value)


def test_codes_and_words_are_no_booleans():
    pack = load_pack("pack: p\nfamily: f\ntitle: t\nerror: e\ngroups: {a: {title: t, terms: {no: [on, yes]}}}")
    assert pack.groups["a"].terms == {"no": ("on", "yes")}


def test_a_pack_can_use_conditions(pool):
    pack = load_pack("pack: p\nfamily: f\ntitle: t\nerror: e\ngroups: {big: {title: t, where: width >= 600}}")
    assert rows(Lexicon(pack).find(pool, silent)) == {"p.big": [3, 4]}


def test_sites_by_domain_suffix_region_and_kind(pool):
    found = rows(Web(least_domain=1, least_suffix=1).find(pool, silent))
    assert registered("images.shop.example.co.uk") == ("example.co.uk", "co.uk")
    assert registered("192.168.0.1") == ("", "")
    assert found["domain.example.co.uk"] == [0]
    assert found["domain.blogspot.com"] == [9, 10]
    assert found["suffix.uk"] == [0]
    assert found["suffix.de"] == [2, 11]
    assert found["region.europe"] == [0, 2, 3, 11]
    assert found["site.stock"] == [1]
    assert found["site.news"] == [2]
    assert found["site.adult"] == [7]
    assert not any(5 in members or 6 in members for members in found.values())
    assert rows(Web().find(pool, silent)).keys() <= {f"region.{slug(r)}" for r in ("Europe",)} | {
        f"site.{k}" for k in ("stock", "news", "adult", "blog")
    }


def test_emoji_by_their_characters(pool):
    assert kinds_of("1f1e9-1f1ea") == {("flag drawn", "Europe")}
    assert kinds_of("1f680") == set()
    assert kinds_of("1f46e-1f3fb-200d-2642-fe0f") == {
        ("skin tone drawn", "light"),
        ("gender drawn", "man"),
        ("occupation drawn", "police officer"),
    }
    found = rows(Emoji().find(pool, silent))
    assert found["emoji.flag-drawn.europe"] == [5]
    assert found["emoji.occupation-drawn.astronaut"] == [6]
    assert found["emoji.skin-tone-drawn.dark"] == [6]


def test_columns_faces_scores_sizes(pool):
    assert rows(PoolColumns(least=1, most_values=5).find(pool, silent)) == {
        "source.emoji": [0, 2, 4, 6, 8, 10], "source.web": [1, 3, 5, 7, 9, 11], "adult.yes": list(range(10)),
    }  # fmt: skip
    found = rows(Faces().find(pool, silent))
    assert found["faces.one"] == [1]
    assert found["faces.several"] == [2]
    assert 3 not in found["faces.none"]
    assert rows(Unsafe().find(pool, silent)) == {"unsafe.punsafe": [0]}
    shapes = rows(Shapes().find(pool, silent))
    assert shapes["shape.tiny"] == [0, 7, 8]
    assert shapes["shape.wide"] == [2, 4]
    assert shapes["shape.extreme"] == [4, 5]
    assert shapes["shape.tall"] == [5]
    assert not any(6 in members or 11 in members for members in shapes.values())


def test_languages_are_detected_or_read(pool):
    found = rows(Language(least=1).find(pool, silent))
    assert 0 in found["language.en"]
    pool.add_columns({"language": pa.array(["de"] * 6 + ["sw"] * 5 + [None])}, kind="metadata", made_by={})
    assert rows(Language(least=1).find(pool, silent)) == {
        "language.de": list(range(6)),
        "language.sw": list(range(6, 11)),
    }


def test_a_column_that_states_languages_checks_the_detected_ones_instead_of_standing_beside_them(pool):
    detected = rows(Language(least=1).find(pool, silent))
    said = pa.array(["en", "en", None, "en", "ja"] + [None] * 7)
    pool.add_columns({"caption_language": said}, kind="metadata", made_by={})
    assert not any("language" in id for id in rows(PoolColumns(least=1).find(pool, silent)))
    groups = Language(least=1).find(pool, silent)
    assert rows(groups) == detected
    errors = {group.definition.id: group.definition.error for group in groups}
    right = sum(row in detected["language.en"] for row in (0, 1, 3))
    assert f"states to be in it, {100 * right / 3:.1f} % are detected as such" in errors["language.en"]
    assert errors["language.ja"].endswith("`caption_language` states to be in it, 100.0 % are detected as such")


def test_prompts_need_the_model_of_the_embeddings_wherever_the_demo_lies(pool):
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(len(CAPTIONS) * 4), pa.float16()), 4)
    assert ZeroShot().missing(pool) == "the pool has no image embeddings"
    pool.add_columns({"a_img": vectors}, kind="embedding", made_by={"model": "ViT-B-32//gone/weights.pt"})
    assert "has no weights on this disk" in ZeroShot().missing(pool)
    pool.drop_column("a_img")
    pool.add_columns(
        {"a_img": vectors}, kind="embedding", made_by={"model": "poolscope-demo//gone/teacher.safetensors"}
    )
    assert ZeroShot().missing(pool) == ""


def test_entries_are_metaclips(pool):
    found = rows(entry_groups(pool, ["woman", "black dress", "zebra"], silent))
    assert found == {"entry.woman": [0, 2], "entry.black-dress": [1, 2], "entry.zebra": []}


def test_looks_of_images(tiny_pool):
    white = np.full((8, 8, 3), 255, np.uint8)
    assert look(white).tolist() == [True, False, True, True, False]
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    assert look(noise).tolist() == [False, False, False, False, True]
    assert all(group.bits.any() for group in Pixels().find(tiny_pool, silent))


def test_clusters_part_the_pool(tiny_pool):
    first, second = (Clusters(count=4).find(tiny_pool, silent) for _ in range(2))
    assert sum(int(np.bitwise_count(group.bits).sum()) for group in first) == 200
    assert [g.definition for g in first] == [g.definition for g in second]
    assert Clusters(count=24).missing(tiny_pool)


def test_zero_shot_directions_and_their_error(pool):
    rng = np.random.default_rng(0)
    positive, negative = rng.normal(size=(2, 3, 8))
    way = direction(positive, negative)
    near = positive.mean(axis=0) / np.linalg.norm(positive.mean(axis=0))
    assert near @ way > 0 > (negative.mean(axis=0) @ way)
    told = known_error(pool, np.ones(12, bool), np.ones(12, bool), {"is": ["woman"], "not": ["dress"]})
    assert told.startswith("not measured")
    assert {"title", "is", "not"} <= read_prompts(pool)["people"].keys()


def test_groups_are_found_once_and_again_when_a_definition_changes(pool):
    first = catalog.find(pool, families=["gender"])
    assert first.families == ("gender",)
    stamp = group_files.stamp(pool)
    again = catalog.find(pool, families=["gender"])
    assert group_files.stamp(pool) == stamp
    np.testing.assert_array_equal(again.matrix, first.matrix)
    pack = packs(pool)["gender"]
    save_pack(prune(pack, "woman", ["woman doctor"]), pool)
    third = catalog.find(pool, families=["gender"])
    assert third.sizes[third.index("gender.woman")] == first.sizes[first.index("gender.woman")] - 1
    assert third.definitions[0].version == 2
    with pytest.raises(InputError, match="no image embeddings"):
        catalog.find(pool, families=["embedding cluster"])
    with pytest.raises(InputError, match="no family 'weather'"):
        catalog.find(pool, families=["weather"])

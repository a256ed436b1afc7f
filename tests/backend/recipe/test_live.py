"""Live selection gives, bit for bit, what the plain selection gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolscope.errors import InputError
from poolscope.kernels import bits, hashing
from poolscope.kernels.incremental import Counter, Tally
from poolscope.recipe import Recipe, load, rank_files, select_columns
from poolscope.recipe.live import LiveSelection
from poolscope.recipe.plain import PlainSelection
from poolscope.recipe.ranked import Ranked


class Arrays:
    """Columns made by hand."""

    def __init__(self, n: int, seed: int, *, kinds: int = 3) -> None:
        rng = np.random.default_rng(seed)
        self.n = n
        self.rank = rng.permutation(n).astype(np.uint32)
        self.rows_by_uid = np.argsort(self.rank).astype(np.uint32)
        coarse = np.round(rng.normal(size=n), 1).astype(np.float32)  # ties, and zeros of both signs
        coarse[rng.random(n) < 0.1] = np.nan
        fine = rng.normal(size=n).astype(np.float32)
        fine[rng.random(n) < 0.02] = [np.inf, -np.inf][seed % 2]
        self._arrays = {
            "coarse": coarse, "fine": fine, "none": np.full(n, np.nan, dtype=np.float32),
            "width": rng.integers(0, 50, n).astype(np.int32), "wide": np.where(rng.random(n) < 0.1, np.nan, fine * 1.0),
            "flag": rng.random(n) < 0.6,
        }  # fmt: skip

    def array(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def subset(self, file: str) -> np.ndarray:
        return self._arrays["width"] % 3 == 0

    def repeats(self, file: str) -> np.ndarray:
        return np.where(self.subset(file), 1 + self._arrays["width"] % 2, 0).astype(np.uint32)

    def codes(self, name: str) -> tuple[np.ndarray, list[str]]:
        return self._arrays[name] // 2 - 1, [str(code) for code in range(25)]

    def states(self, seed: int) -> np.ndarray:
        return hashing.draw(seed, self.rank, self.rank)

    def tag(self, name: str) -> np.ndarray:
        return self._arrays["width"] % 2 == 0

    def where(self, sql: str) -> np.ndarray:
        return self._arrays["width"] > 20


SCORES = st.sampled_from(["coarse", "fine", "none", "width", "wide"])
NUMBERS = st.one_of(st.sampled_from([0.0, -0.0, 0.1, -1.0, 10.0, float("inf")]), st.floats(-3, 3, width=32))
LEAVES = st.one_of(
    st.builds(
        lambda score, top, of, ties: {"score": score, "top": top, "of": of, "ties": ties},
        SCORES, st.one_of(st.sampled_from([0.0, 0.001, 0.3, 0.5, 1.0]), st.floats(0, 1)),
        st.sampled_from(["pool", "kept"]), st.sampled_from(["uid", "all"]),
    ),
    st.builds(lambda score, low: {"score": score, "min": low}, SCORES, NUMBERS),
    st.builds(lambda score, high: {"score": score, "max": high}, SCORES, NUMBERS),
    st.builds(lambda score, a, b: {"score": score, "between": sorted([a, b])}, SCORES, NUMBERS, NUMBERS),
    st.just({"flag": "flag"}), st.just({"subset": "x.npy"}), st.just({"where": "width > 20"}), st.just({"tag": "t"}),
)  # fmt: skip
SWITCHED = st.builds(
    lambda rule, off: rule | ({"off": True} if off else {}), LEAVES, st.sampled_from([False, False, True])
)
RULES = st.recursive(
    SWITCHED,
    lambda inner: st.one_of(
        st.builds(lambda rules: {"any": rules}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda rules: {"all": rules}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda rule: {"not": rule}, inner),
    ),
    max_leaves=5,
)


def assert_same(recipe: Recipe, live: LiveSelection, columns: Arrays) -> None:
    step, plain = live.step(recipe), select_columns(recipe, columns)
    assert step.counts == plain.counts
    assert (step.mask == plain.mask).all()
    assert (step.dropped_by == plain.dropped_by).all()
    assert (step.kept, step.drawn) == (plain.kept, plain.drawn)
    assert (step.copies is None) == (plain.copies is None)
    if plain.copies is not None:
        assert (step.copies == plain.copies).all()
    assert (step.words == bits.pack(plain.mask)).all()


SIZES = (1, 63, 64, 65, 1000, 20_011)


@settings(max_examples=300, deadline=None)
@given(rules=st.lists(RULES, max_size=4), size=st.sampled_from(SIZES), seed=st.integers(0, 3))
def test_equal_to_the_plain_selection(rules, size, seed):
    columns = Arrays(size, seed)
    live = LiveSelection(columns)
    recipe = load({"name": "x", "keep": rules})
    assert_same(recipe, live, columns)
    assert_same(recipe, live, columns)  # from memory
    shorter = load({"name": "x", "keep": rules[:-1]})
    assert_same(shorter, live, columns)


def test_many_words_on_many_threads():
    columns = Arrays(700_001, 1)
    live = LiveSelection(columns)
    for top in (0.3, 0.31, 0.9):
        rules = [{"score": "coarse", "top": top}, {"score": "fine", "top": 0.2}, {"score": "width", "top": 0.05}]
        assert_same(load({"name": "x", "keep": rules}), live, columns)


ONE = {"caption": "coarse", "image": "width"}
SHARES = {"source": "width", "shares": {"7": 0.5, "8": 1}}
DRAW = {"sample": "wide", "pairs": 900, "penalty": 0.15, "seed": 4}


@pytest.mark.parametrize(
    "rules",
    [
        [DRAW], [{"flag": "flag"}, DRAW, {"score": "fine", "top": 0.5, "of": "kept"}],
        [{"subset": "x.npy"}, {"where": "width > 20"}], [{"subset": "x.npy"}, DRAW], [DRAW, {"subset": "x.npy"}],
        [ONE], [ONE | SHARES, {"flag": "flag"}], [{"not": ONE}], [{"any": [ONE, {"flag": "flag"}]}, ONE | SHARES, DRAW],
        [DRAW, DRAW | {"off": True}, {"flag": "flag"}], [DRAW | {"sample": "none"}], [DRAW, DRAW | {"seed": 5}],
    ],
)  # fmt: skip
def test_draws_with_repetition_are_those_of_the_plain_selection(rules):
    columns = Arrays(1000, 1)
    live, plain = LiveSelection(columns), PlainSelection(columns)
    for end in (len(rules), 1, len(rules)):
        recipe = load({"name": "x", "keep": rules[:end]})
        assert_same(recipe, live, columns)
        edges = {"coarse": np.linspace(-2, 2, 33)}
        counted = live.histograms(live.step(recipe), edges)["coarse"]
        assert counted.tolist() == plain.histograms(plain.step(recipe), edges)["coarse"].tolist()
        step, coarse = plain.step(recipe), columns.array("coarse")
        copies = step.mask.astype(int) if step.copies is None else step.copies
        scored = np.isfinite(coarse)
        expected, _ = np.histogram(np.clip(coarse[scored], -2, 2), edges["coarse"].astype("f4"), weights=copies[scored])
        assert counted.tolist() == expected.tolist()


def test_bars_are_those_of_the_kept_pairs():
    columns = Arrays(50_000, 2)
    live = LiveSelection(columns)
    edges = np.linspace(-2, 2, 33)
    for rules in ([], [{"score": "fine", "top": 0.4}], [{"score": "fine", "top": 0.0}], [{"flag": "flag"}]):
        step = live.step(load({"name": "x", "keep": rules}))
        counted = live.histograms(step, dict.fromkeys(("coarse", "fine", "width", "none"), edges))
        for name in counted:
            kept = columns.array(name)[step.mask].astype(np.float64)
            expected, _ = np.histogram(np.clip(kept[~np.isnan(kept)], -2, 2), edges.astype(columns.array(name).dtype))
            if name == "width":
                expected, _ = np.histogram(np.clip(kept, -2, 2), edges)
            assert counted[name].tolist() == expected.tolist(), name


def test_a_slider_that_moves_little_and_much_stays_exact():
    columns = Arrays(120_000, 3)
    live = LiveSelection(columns)
    edges = np.linspace(-2, 2, 256)  # as many bars as a byte names
    for top in (0.3, 0.3001, 0.31, 0.305, 0.9, 0.001, 0.0, 0.002):
        rules = [{"score": "fine", "top": top}, {"score": "wide", "between": [-top, 2 * top]}]
        recipe = load({"name": "x", "keep": rules})
        assert_same(recipe, live, columns)
        step = live.step(recipe)
        kept = columns.array("fine")[step.mask]
        expected, _ = np.histogram(np.clip(kept, -2, 2), edges.astype(np.float32))
        assert live.histograms(step, {"fine": edges})["fine"].tolist() == expected.tolist()
    with pytest.raises(ValueError, match="256 bars; at most 255"):
        live.histograms(step, {"fine": np.linspace(-2, 2, 257)})


def test_an_uneven_sample_only_costs_time():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=60_000).astype(np.float32)
    rank = rng.permutation(len(scores)).astype(np.uint32)
    ranked = Ranked.of(scores, rank, np.argsort(rank))
    mask = rng.random(len(scores)) < 0.8
    mask[ranked.order[::2048]] = False  # just those that the sample asks
    mask[ranked.order[20_000:50_000]] = False
    places = np.flatnonzero(mask[ranked.order])
    words = bits.pack(mask)
    for number in (1, 101, 12_001, 14_961, 14_900, 14_200, 15_960, len(places), 15_000):
        kept, end = ranked.best(number, words, len(places))
        assert end == places[number - 1] + 1
        assert set(np.flatnonzero(bits.unpack(kept, len(scores)))) == set(ranked.order[places[:number]])


def test_ranked_columns_are_kept_for_the_next_process(tmp_path):
    columns = Arrays(5_000, 1)
    recipe = load({"name": "x", "keep": [{"score": "fine", "top": 0.3}, {"score": "width", "top": 0.1}]})
    assert_same(recipe, LiveSelection(columns, tmp_path), columns)
    held = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(held) == 4
    live = LiveSelection(columns, tmp_path)
    assert not live.ready(recipe)
    assert_same(recipe, live, columns)
    assert live.ready(recipe)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == held


@pytest.mark.parametrize("harm", ["other scores", "other pairs", "cut", "foreign", "out of bounds"])
def test_kept_ranks_that_do_not_fit_are_made_again(harm, tmp_path):
    recipe = load({"name": "x", "keep": [{"score": "fine", "top": 0.3}]})
    columns = Arrays(5_000, 1)
    LiveSelection(columns, tmp_path).step(recipe)
    if harm == "other scores":
        columns = Arrays(5_000, 2)
    elif harm == "other pairs":
        columns = Arrays(5_001, 1)
    for path in tmp_path.iterdir():
        if harm == "cut":
            path.write_bytes(path.read_bytes()[:-100])
        elif harm == "foreign":
            np.save(path, np.zeros(3))
        elif harm == "out of bounds":
            np.save(path, np.full_like(np.load(path), 200))
    assert_same(recipe, LiveSelection(columns, tmp_path), columns)
    assert len(list(tmp_path.iterdir())) == 2


def test_places_are_by_score_then_uid():
    scores = np.array([0.5, np.nan, 0.7, 0.5, -0.0, 0.0], dtype=np.float32)
    rank = np.array([3, 0, 1, 2, 5, 4], dtype=np.uint32)
    ranked = Ranked.of(scores, rank, np.argsort(rank))
    assert ranked.order.tolist() == [2, 3, 0, 5, 4]
    assert ranked.scored == 5


def test_a_flag_is_no_score():
    live = LiveSelection(Arrays(10, 0))
    with pytest.raises(InputError, match="'flag' is not a score but bool"):
        live.step(load({"name": "x", "keep": [{"score": "flag", "top": 0.3}]}))


def test_pack_and_unpack():
    mask = np.random.default_rng(0).random(1001) < 0.5
    assert (bits.unpack(bits.pack(mask), 1001) == mask).all()


def test_a_mask_of_another_pool_is_refused():
    tally = Tally(np.zeros((1000, 1), np.uint8), 4)
    for pairs in (64, 5000):
        with pytest.raises(ValueError, match="for 1,000 pairs"):
            tally.count(bits.pack(np.ones(pairs, bool)))
    with pytest.raises(ValueError, match="words for bitmaps"):
        Counter(np.zeros((3, 20), np.uint64), 1280).count(np.zeros(21, np.uint64))


def test_ranks_that_another_process_replaces_meanwhile(tmp_path, monkeypatch):
    columns = Arrays(5_000, 1)
    keep = rank_files._keep

    def replaced(paths, made):
        keep(paths, made)
        for path in paths:
            path.unlink()

    monkeypatch.setattr(rank_files, "_keep", replaced)
    assert_same(load({"name": "x", "keep": [{"score": "fine", "top": 0.3}]}), LiveSelection(columns, tmp_path), columns)

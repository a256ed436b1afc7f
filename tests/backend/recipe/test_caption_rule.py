"""One caption of each image: the best by a score, or of a source by its share; against loops over the images."""

import numpy as np
import pytest

from poolscope.errors import InputError
from poolscope.export.subset import kept_uids
from poolscope.kernels.hashing import draw
from poolscope.recipe import load, select, select_columns

SOURCES = ["alt", "generated", "translated"]


class Captions:
    """Images with one to three captions of some sources, in memory."""

    def __init__(self, images=4000, seed=0):
        rng = np.random.default_rng(seed)
        often = rng.integers(1, 4, images)
        self.n = int(often.sum())
        order = rng.permutation(self.n)
        self.image = np.repeat(np.arange(images), often)[order].astype(np.int32)
        self.source = rng.integers(0, 3, self.n).astype(np.int32)
        self.score = np.round(rng.normal(size=self.n), 1).astype(np.float32)
        self.score[rng.random(self.n) < 0.1] = np.nan
        self.flag = rng.random(self.n) < 0.7
        self.uid = rng.permutation(self.n)

    def array(self, name):
        return getattr(self, name)

    def codes(self, name):
        return getattr(self, name), SOURCES if name == "source" else []

    def states(self, seed):
        return draw(seed, self.uid, self.uid)

    def reordered(self, order):
        other = Captions()
        for name in ("image", "source", "score", "flag", "uid"):
            setattr(other, name, getattr(self, name)[order])
        return other


def of(*rules):
    return load({"name": "one", "keep": list(rules)})


ONE = {"caption": "score", "image": "image"}


def mixed(**shares):
    return ONE | {"source": "source", "shares": shares}


def test_each_image_keeps_its_best_caption_of_those_that_are_left():
    pool = Captions()
    found = select_columns(of({"flag": "flag"}, ONE), pool)
    left = pool.flag & np.isfinite(pool.score)
    for image in range(300):
        rows = np.flatnonzero(left & (pool.image == image))
        kept = np.flatnonzero(found.mask & (pool.image == image))
        assert len(kept) == min(1, len(rows))
        if len(rows):
            assert pool.score[kept[0]] == pool.score[rows].max()
    assert found.counts[1].kept == len(np.unique(pool.image[left]))
    assert found.copies is None


def test_images_with_all_sources_get_them_by_their_shares():
    pool = Captions(images=9000)
    pool.score[:] = 0.0
    found = select_columns(of(mixed(alt=3, generated=1)), pool)
    both = [np.isin(np.arange(9000), pool.image[pool.source == code]) for code in (0, 1)]
    kept = found.mask & (both[0] & both[1])[pool.image]
    share = (pool.source[kept] == 0).mean()
    assert share == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / kept.sum()))
    assert not (found.mask & (pool.source == 2)).any(), "a source without a share is dropped"
    for code, other in ((0, 1), (1, 0)):
        alone = both[code] & ~both[other]
        assert set(pool.image[found.mask & (pool.source == code)]) >= set(np.flatnonzero(alone))
    assert np.bincount(pool.image[found.mask]).max() == 1


def test_no_order_changes_the_choice_and_a_growing_share_only_wins_images():
    pool = Captions()
    found = select_columns(of(mixed(alt=0.5, generated=0.5)), pool)
    order = np.random.default_rng(1).permutation(pool.n)
    assert (select_columns(of(mixed(alt=0.5, generated=0.5)), pool.reordered(order)).mask == found.mask[order]).all()
    more = select_columns(of(mixed(alt=0.8, generated=0.2)), pool)
    alt = pool.source == 0
    assert (more.mask & alt >= found.mask & alt).all()
    assert (more.mask & ~alt <= found.mask & ~alt).all()
    other = select_columns(of(mixed(alt=0.5, generated=0.5) | {"seed": 1}), pool)
    assert (other.mask != found.mask).any()


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (mixed(), "source and shares belong together"),
        (ONE | {"shares": {"alt": 1}}, "source and shares belong together"),
        (mixed(alt=-1), "from 0 to"),
        (mixed(alt=float("nan")), "from 0 to"),
        (mixed(alt=1e308, generated=1e308), "from 0 to 1,000,000"),
        (mixed(alt=0), "would keep nothing"),
    ],
)
def test_what_can_not_be_chosen_is_refused_in_a_line(rule, why):
    with pytest.raises(InputError, match=why):
        of(rule)


def test_an_unknown_source_is_named():
    with pytest.raises(InputError, match="no caption has the source 'alr'; there are alt, generated, translated"):
        select_columns(of(mixed(alr=1)), Captions(images=5))


def test_a_pool_keeps_one_caption_per_image_and_its_exports_follow(tiny_pool):
    with pytest.raises(InputError, match=r"no column 'image_id' says which captions share an image; .* such as sha256"):
        select(of({"caption": "clip_l14"}), tiny_pool)
    with pytest.raises(InputError, match=r"'image' names the file that many images lie in, .* such as sha256"):
        select(of({"caption": "clip_l14", "image": "image"}), tiny_pool)
    with pytest.raises(InputError, match="can't tell images"):
        select(of({"caption": "clip_l14", "image": "clip_b32"}), tiny_pool)
    found = select(of({"caption": "clip_l14", "image": "width"}), tiny_pool)
    width, scores = tiny_pool.array("width"), tiny_pool.array("clip_l14")
    assert found.kept == len(np.unique(width[np.isfinite(scores)]))
    assert all(scores[row] == np.nanmax(scores[width == width[row]]) for row in np.flatnonzero(found.mask))
    assert len(kept_uids(tiny_pool, found.mask, found.wanted)) == found.kept

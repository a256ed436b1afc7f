"""Every transformation against its definition."""

import numpy as np
import pytest

from poolscope.bias.families import Shuffle, weight_free
from poolscope.bias.families.colour import APPEARANCE, COLOUR_NAMES, MeanColour, appearance, colour_statistics
from poolscope.bias.families.edges import KEY_POINT_FACTS, Sift, canny, key_points
from poolscope.bias.families.frequency import HighPass, HighPassButterworth, LowPass, LowPassButterworth, filtered, mask
from poolscope.bias.families.shuffle import shuffled
from poolscope.bias.image import same_jpeg
from tests.backend.bias.conftest import noise


@pytest.fixture
def sample(make):
    return make(noise(12, 0), np.repeat([0, 1], 6))


def test_mean_colour_is_cut_to_whole_numbers(sample):
    image = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    image[0, 0, 0] = 255
    image[0, :16, :, 1] = 255
    changed = MeanColour().change(image, sample, 0)
    assert (changed[0] == changed[0, 0, 0]).all()
    assert changed[0, 0, 0].tolist() == [0, 127, 0]


@pytest.mark.parametrize("patch", [1, 2, 4, 16])
@pytest.mark.parametrize("fixed", [True, False])
def test_shuffle_moves_patches_and_keeps_them_whole(sample, patch, fixed):
    images = sample.images
    changed = Shuffle(patch=patch, fixed=fixed).change(images, sample, 0)
    side = 32 // patch

    def patches(image):
        tiles = image.reshape(side, patch, side, patch, 3).transpose(0, 2, 1, 3, 4)
        return sorted(tile.tobytes() for tile in tiles.reshape(side * side, patch, patch, 3))

    for before, after in zip(images, changed):
        assert patches(before) == patches(after)
    assert not np.array_equal(changed, images)


def test_fixed_moves_all_images_alike_and_random_does_not(sample):
    position = np.broadcast_to(np.arange(32 * 32).reshape(1, 32, 32, 1) % 251, (12, 32, 32, 3)).astype(np.uint8)
    alike = Shuffle(fixed=True).change(position, sample, 0)
    apart = Shuffle(fixed=False).change(position, sample, 0)
    assert all(np.array_equal(alike[0], one) for one in alike)
    assert not np.array_equal(apart[0], apart[1])


def test_random_shuffle_depends_on_the_uid_only(sample):
    whole = Shuffle().change(sample.images, sample, 0)
    alone = Shuffle().change(sample.images[7:8], sample, 7)
    assert np.array_equal(whole[7:8], alone)


def test_a_patch_that_does_not_fit_leaves_the_rest_black():
    images = np.full((1, 10, 10, 3), 9, dtype=np.uint8)
    moved = shuffled(images, np.arange(4)[None], 4)
    assert (moved[0, :8, :8] == 9).all()
    assert (moved[0, 8:] == 0).all()


def test_ideal_masks_are_complements_and_as_wide_as_said():
    low = mask(224, 40, passes="low", shape="ideal")
    high = mask(224, 40, passes="high", shape="ideal")
    assert ((low + high) == 1).all()
    assert low[112, 112] == low[112, 152] == 1
    assert low[112, 153] == 0
    assert abs(low.sum() - np.pi * 40**2) < 0.02 * np.pi * 40**2


def test_butterworth_passes_half_at_its_radius():
    low = mask(224, 30, passes="low", shape="butterworth")
    high = mask(224, 30, passes="high", shape="butterworth")
    assert low[112, 142] == pytest.approx(0.5)
    assert high[112, 142] == pytest.approx(0.5)
    assert low[112, 112] == pytest.approx(1)
    assert high[112, 112] == pytest.approx(0)
    assert low[112, 172] == pytest.approx(1 / (1 + 2**4))


def test_low_pass_drops_fine_waves_and_high_pass_coarse_ones(sample):
    axis = np.arange(224)
    for waves, passes in ((8, "low"), (90, "high")):
        wave = np.broadcast_to(128 + 100 * np.sin(2 * np.pi * waves * axis / 224), (1, 224, 224))
        kept = filtered(wave, mask(224, 40, passes=passes, shape="ideal"))
        gone = np.fft.ifft2(np.fft.fft2(wave) * np.fft.ifftshift(1 - mask(224, 40, passes=passes, shape="ideal"))).real
        assert kept.min() == 0
        assert kept.max() >= 254
        assert np.ptp(gone) < 1e-6


@pytest.mark.parametrize("size", [64, 224])
def test_high_pass_leaves_nothing_of_one_colour(sample, size):
    for colour in ((200, 13, 77), (255, 255, 255), (1, 2, 3)):
        flat = np.full((1, size, size, 3), colour, dtype=np.uint8)
        assert not HighPass().change(flat, sample, 0).any()
        assert not HighPassButterworth().change(flat, sample, 0).any()


def test_the_radius_scales_with_the_image():
    assert (LowPass().radius, HighPass().radius, LowPassButterworth().radius) == (40, 40, 30)


def test_canny_follows_an_edge_and_nothing_else():
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    image[:, 32:] = 255
    edges = canny(image)
    assert set(np.unique(edges)) <= {0, 255}
    assert np.flatnonzero(edges.any(axis=0)).tolist() in ([31], [32], [31, 32])
    assert not canny(np.full((64, 64, 3), 90, dtype=np.uint8)).any()


def test_sift_sees_the_grey_of_opencv(make):
    """Rounded to 8 bits: on grey that is cut to whole levels it finds other key points."""
    import cv2

    images = noise(6, 2, size=64)
    facts = Sift().features(make(images, np.arange(6) % 2)).matrix[:, : len(KEY_POINT_FACTS)]
    rounded = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    cut = list((images @ np.array([0.299, 0.587, 0.114])).astype(np.uint8))
    assert np.array_equal(facts, [key_points(grey)[0] for grey in rounded])
    assert not np.allclose(facts, [key_points(grey)[0] for grey in cut], atol=1e-3)
    assert (facts[:, 0] > 0).all(), "each image has key points"


def test_appearance_of_plain_images():
    white = np.full((1, 32, 32, 3), 255, dtype=np.uint8)
    red = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    red[..., 0] = 255
    of_white = dict(zip(APPEARANCE, appearance(white)[0]))
    of_red = dict(zip(APPEARANCE, appearance(red)[0]))
    assert of_white["brightness"] == pytest.approx(1, abs=1e-4)
    assert (of_white["white border"], of_white["saturation"], of_white["contrast"]) == pytest.approx(
        (1, 0, 0), abs=1e-4
    )
    assert of_white["few colours"] == 1
    assert of_red["brightness"] == pytest.approx(0.299, abs=1e-3)
    assert (of_red["white border"], of_red["saturation"]) == (0, 1)
    assert of_red["colourfulness"] == pytest.approx(0.3 * np.hypot(255, 127.5) / 255, abs=1e-3)


def test_colour_statistics_name_every_number():
    found = colour_statistics(noise(3, 1))
    assert found.shape == (3, len(COLOUR_NAMES))
    shares = [place for place, name in enumerate(COLOUR_NAMES) if name.startswith("lightness") or "…" in name]
    assert found[:, shares].sum(axis=1) == pytest.approx(4, abs=1e-4)  # four histograms of all pixels


def test_re_encoding_makes_alike_files(sample):
    assert np.array_equal(same_jpeg(sample.images[0]), same_jpeg(sample.images[0].copy()))
    assert not np.array_equal(same_jpeg(sample.images[0]), sample.images[0])


def test_every_family_gives_one_row_per_pair(make):
    texts = tuple(f"a red dog number {number}" for number in range(12))
    sample = make(noise(12, 2), np.repeat([0, 1], 6), texts=texts)
    names = set()
    for family in weight_free():
        assert not family.missing(sample)
        features = family.features(sample)
        assert features.matrix.shape[0] == 12
        assert not features.names or len(features.names) == features.matrix.shape[1]
        dense = features.matrix.toarray() if hasattr(features.matrix, "toarray") else features.matrix
        assert np.isfinite(dense).all(), family.name
        names.add(family.name)
    assert len(names) == len(weight_free()) == 22

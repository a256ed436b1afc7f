import pytest

from poolscope.bench.scales import SCALES, differences, scale_named
from poolscope.errors import InputError


@pytest.mark.parametrize(
    ("name", "model", "samples", "batch", "lr", "warmup", "beta2"),
    [
        ("debug", "ViT-B-32", 128_000, 1024, 1e-4, 500, 0.98),
        ("small", "ViT-B-32", 12_800_000, 4096, 5e-4, 500, 0.98),
        ("medium", "ViT-B-32", 128_000_000, 4096, 5e-4, 500, 0.98),
        ("large", "ViT-B-16", 1_280_000_000, 8192, 5e-4, 500, 0.98),
        ("xlarge", "ViT-L-14", 12_800_000_000, 90_112, 1e-3, 10_000, 0.95),
    ],
)
def test_table_is_datacomps(
    name: str, model: str, samples: int, batch: int, lr: float, warmup: int, beta2: float
) -> None:
    scale = SCALES[name]
    assert (scale.model, scale.samples_seen, scale.batch) == (model, samples, batch)
    assert (scale.lr, scale.warmup, scale.beta2, scale.checkpoints) == (lr, warmup, beta2, 5)


@pytest.mark.parametrize(
    ("name", "steps"), [("small", 3140), ("medium", 31_260), ("large", 156_260), ("xlarge", 142_060)]
)
def test_steps_are_those_of_the_reference(name: str, steps: int) -> None:
    assert SCALES[name].steps() == steps
    assert SCALES[name].changed(workers=24).steps() == steps, "whatever loads the pairs"
    assert SCALES["small"].changed(rounding=1).steps() == 3125


def test_the_table_is_comparable_with_itself_and_a_change_is_not() -> None:
    assert differences(SCALES["small"]) == []
    assert differences(SCALES["small"].changed(lr=1e-3, log_every=7)) == ["lr is 0.001 instead of 0.0005"]


def test_wrong_names_are_told_what_is_allowed() -> None:
    with pytest.raises(InputError, match="demo, debug, small, medium, large, xlarge"):
        scale_named("tiny")
    with pytest.raises(InputError, match=r"'learning_rate' is no setting.*warmup"):
        SCALES["demo"].changed(learning_rate=1)

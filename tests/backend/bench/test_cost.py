import pytest

from poolscope import devices
from poolscope.bench import cost
from poolscope.bench.scales import SCALES
from poolscope.errors import InputError


@pytest.mark.parametrize("name", ["small", "medium", "large", "xlarge"])
def test_macs_are_those_of_the_paper(name: str) -> None:
    found = cost.estimate(12_800_000, name)
    assert found.macs == pytest.approx(SCALES[name].macs, rel=0.025)  # printed with two digits


def test_parameters_of_vit_b_32_are_openclips() -> None:
    assert cost.size_of("ViT-B-32").parameters == pytest.approx(151_277_313, rel=0.005)


def test_gpu_hours_agree_with_datacomps_reports() -> None:
    assert cost.estimate(12_800_000, "small").gpu_hours["A100"] == pytest.approx(4, rel=0.15)
    assert cost.estimate(12_800_000, "xlarge").gpu_hours["A100"] == pytest.approx(81 * 512, rel=0.15)


def test_a_measured_rate_replaces_the_assumed_one() -> None:
    scale = SCALES["demo"]
    before = cost.estimate(1000, scale)
    assert before.basis.startswith("from a table: ")
    cost.remember_rate(scale.on("cpu"), "cpu", 100.0)
    after = cost.estimate(1000, scale)
    assert after.seconds["training"] == scale.samples_seen / 100
    assert after.basis == "measured here on 36,000 pairs (cpu)"
    assert after.repeats == scale.samples_seen / 1000


def test_a_run_on_eight_gpus_is_estimated_by_the_table_until_one_was_measured(monkeypatch) -> None:
    monkeypatch.setattr(devices, "card", lambda: "H100")
    one, eight = (cost.estimate(12_800_000, "small", count=count) for count in (1, 8))
    assert one.seconds["training"] == pytest.approx(3600 * one.gpu_hours["H100"], rel=0.01)
    assert eight.seconds["training"] == pytest.approx(one.seconds["training"] / 8, rel=0.01)
    assert one.basis.startswith("from a table: H100")
    assert "DataComp's reports" in eight.gpu_basis
    cost.remember_rate(SCALES["small"], "H100", 80_000.0, count=8)
    assert cost.estimate(12_800_000, "small", count=2).seconds["training"] == 640
    assert "measured here on 12,800,000 pairs (8 x H100), times 2" in cost.estimate(1000, "small", count=2).basis
    assert cost.estimate(1000, "small", device="cpu").basis.startswith("from a table: ")


def test_unknown_model_is_refused() -> None:
    with pytest.raises(InputError, match="'nothing' is unknown"):
        cost.size_of("nothing")


def test_disk_and_checkpoints_are_told_before_a_run() -> None:
    found = cost.estimate(10_000, "small")
    weights = 4 * found.parameters
    assert found.disk == {"shards": 10_000 * 37_560, "checkpoints": 6 * weights, "weights": weights}
    assert found.total_disk == sum(found.disk.values())
    assert (found.checkpoints, found.steps) == (5, 3140)
    assert {"A100", "H100"} <= set(found.gpu_hours)

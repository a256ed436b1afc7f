"""Rates: every number of the table says where it comes from, and what this machine has measured comes first."""

import runpy
from pathlib import Path

import pytest

from poolscope import devices, files, rates


def test_every_number_says_where_it_comes_from() -> None:
    table = rates.table()
    for name in ("cards", "shares", "core", "evaluation", "bytes"):
        assert table[name]
        for entry in table[name].values():
            assert len(entry["from"]) > 8, (name, entry)
    assert table["disk"]["from"]
    scripts = Path(__file__).parents[1] / "benchmarks"
    for entry in table["columns"].values():
        assert (scripts / entry["by"]).is_file()


def test_what_was_measured_here_comes_first_and_is_kept_for_one_device(home: Path) -> None:
    assert rates.measured("embed ViT-B-32 fp16", "H100") is None
    rates.remember("embed ViT-B-32 fp16", "H100", 8000.0, pairs=128_000_000, devices=8)
    found = rates.measured("embed ViT-B-32 fp16", "H100")
    assert found == rates.Rate(1000.0, "measured here on 128,000,000 pairs (8 x H100)")
    assert rates.measured("embed ViT-B-32 fp16", "cpu") is None
    rates.remember("embed ViT-B-32 fp16", "cpu", 20.0, pairs=4000)
    assert rates.measured("embed ViT-B-32 fp16", "H100") == found
    (home / "rates.json").write_text('{"m fp32 cpu": 645.0, "n cpu": "fast", "o cpu": {"per_second": -1}}')
    assert rates.measured("m fp32", "cpu") == rates.Rate(645.0, "measured here (cpu)")
    assert rates.measured("n", "cpu") is None
    assert rates.measured("o", "cpu") is None
    (home / "rates.json").write_text("[")
    assert rates.measured("m fp32", "cpu") is None


def test_a_card_that_is_not_in_the_table_says_which_one_stands_for_it() -> None:
    known, unknown = rates.on_card("training", "H100"), rates.on_card("training", "RTX 4090")
    assert known.per_second == pytest.approx(0.18 * 989e12)
    assert "H100, 989 TFLOP/s by its data sheet, 18 %" in known.source
    assert "A100, in place of RTX 4090" in unknown.source


@pytest.mark.parametrize(
    ("name", "short"),
    [("NVIDIA H100 80GB HBM3", "H100"), ("NVIDIA A100-SXM4-40GB", "A100"), ("Tesla V100-SXM2-16GB", "V100"),
     ("NVIDIA GeForce RTX 4090", "RTX 4090"), ("NVIDIA L40S", "L40S"), ("NVIDIA H200", "H200"),
     ("NVIDIA GeForce GTX 1080 Ti", "GTX 1080 Ti"), ("Quadro RTX 6000", "RTX 6000"), ("NVIDIA TITAN V", "TITAN V")],
)  # fmt: skip
def test_cards_have_short_names(name: str, short: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.short_name(name) == short
    (tmp_path / "0000:01").mkdir()
    (tmp_path / "0000:01" / "information").write_text(f"Model: \t\t {name}\nIRQ: 5\n")
    monkeypatch.setattr(devices, "DRIVER", tmp_path)
    assert devices.card() == ""
    monkeypatch.setattr(devices, "gpus", lambda: 1)
    assert devices.card() == short
    monkeypatch.setattr(devices, "DRIVER", tmp_path / "nothing")
    assert devices.card() == "GPU"


def test_the_table_of_scales_is_the_one_that_these_rates_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it is not: `python tests/benchmarks/scales.py --write`."""
    scripts = Path(__file__).parents[1] / "benchmarks"
    monkeypatch.syspath_prepend(str(scripts))
    text = runpy.run_path(str(scripts / "scales.py"))["tables"]()
    page = (scripts.parents[1] / "assets" / "results.md").read_text()
    assert text in page
    assert "embeddings of ViT-L/14 | 3,072 B a pair | 39 GB | 393 GB" in text


@pytest.mark.parametrize(
    "damaged",
    [{"per_second": 5, "pairs": "x"}, {"per_second": 5, "devices": None}, {"per_second": float("nan")}, {}, [1]],
)
def test_a_damaged_rate_is_none(damaged: object, home: Path) -> None:
    files.write_json(home / "rates.json", {"embed cpu": damaged})
    assert rates.measured("embed", "cpu") is None

import os
import subprocess
import sys

import pytest

from poolscope import devices
from poolscope.bench.scales import SCALES, differences
from poolscope.errors import InputError


def _elsewhere(**environment: str) -> str:
    code = "from poolscope import devices; print(devices.training_precision('cpu'))"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True)  # fmt: skip
    return done.stdout.strip()


def test_a_processor_without_bfloat16_units_trains_in_float32() -> None:
    assert _elsewhere(DNNL_MAX_CPU_ISA="AVX2") == "fp32"


def test_the_choice_follows_what_was_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    for fast, wanted in ((True, "amp_bf16"), (False, "fp32")):
        monkeypatch.setattr(devices, "_cpu_multiplies_bf16", lambda fast=fast: fast)
        assert SCALES["demo"].on("cpu").precision == wanted
        assert SCALES["small"].on("cpu").precision == wanted
        assert differences(SCALES["demo"].on("cpu")) == []


def test_datacomps_scales_keep_float16_on_a_gpu_and_are_marked_without() -> None:
    assert SCALES["small"].on("cuda").precision == "amp"
    assert differences(SCALES["small"].changed(precision="fp32")) == ["precision is fp32 instead of amp"]
    assert differences(SCALES["demo"].changed(precision="fp16")) == ["precision is fp16 instead of auto"]


def test_a_script_for_other_machines_takes_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cuda_devices", lambda: 0)
    assert SCALES["demo"].on("cuda").precision == "amp_bf16"


def test_devices_are_named_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cuda_devices", lambda: 2)
    assert [devices.choose(name) for name in ("auto", "cpu", "cuda", "cuda:1")] == ["cuda", "cpu", "cuda", "cuda:1"]
    with pytest.raises(InputError, match=r"'cuda:2' is not on this machine, torch sees 2 GPUs"):
        devices.choose("cuda:2")
    for wrong in ("gpu", "cuda:", "cuda:x", ""):
        with pytest.raises(InputError, match="choose one of auto, cpu, cuda, cuda:N"):
            devices.choose(wrong)

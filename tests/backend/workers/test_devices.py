"""Units spread over fake devices: each gets its share, and embedding feeds them from decoding processes."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from poolscope import devices, engine
from poolscope.errors import InputError
from poolscope.models import Model
from poolscope.workers.dispatch import finished, gathered, session
from tests.backend.engine.test_embed import tiny_model  # noqa: F401
from tests.backend.workers.tasks import Process

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Noting:
    """Says on which device each unit was computed; a unit on `slow` takes until all others are there."""

    slow: str = ""
    seen: list[tuple[int, str]] = field(default_factory=list)

    def compute(self, unit: int) -> str:
        device = devices.choose()
        while device == self.slow and len(self.seen) < 39:
            time.sleep(0.01)
        self.seen.append((unit, device))
        return device


def test_each_device_takes_the_next_unit_when_it_is_free():
    task = Noting(slow="cuda:1")
    units = list(range(40))
    done = finished(task, units, devices=["cuda:0", "cuda:1", "cuda:2"], threads=True)
    assert sorted(unit for unit, _ in done) == units
    counts = {name: sum(device == name for _, device in task.seen) for name in ("cuda:0", "cuda:1", "cuda:2")}
    assert sum(counts.values()) == 40
    assert counts["cuda:1"] == 1, "a slow device holds up only its own unit"
    assert devices.choose("cpu") == "cpu"
    assert not hasattr(devices._own, "device"), "the caller keeps no device"


def test_a_unit_that_fails_ends_the_work():
    class Failing(Noting):
        def compute(self, unit):
            if unit == 3:
                raise InputError("unit 3 is wrong")
            return super().compute(unit)

    with pytest.raises(InputError, match="unit 3"):
        list(finished(Failing(), list(range(500)), devices=["cuda:0", "cuda:1"], threads=True))
    assert threading.active_count() < 50


def test_workers_are_processes_with_a_device_of_their_own():
    made = dict(gathered(Process(), [10, 11, 12, 13], workers=2, devices=["cuda:4", "cuda:5"]))
    assert list(made) == [10, 11, 12, 13]
    assert {device for _, device in made.values()} <= {"cuda:4", "cuda:5"}


def test_rounds_within_a_session_are_computed_by_the_same_processes():
    given = {"workers": 2, "devices": ["cuda:4", "cuda:5"]}
    with session("local", **given):
        first, second = (dict(gathered(Process(), list(range(8)), **given)) for _ in range(2))
    assert set(second.values()) <= set(first.values())
    assert os.getpid() not in {process for process, _ in first.values()}
    assert all(process not in psutil.pids() for process, _ in first.values())


def test_all_gpus_are_used_unless_one_is_named(monkeypatch):
    monkeypatch.setattr(devices, "cuda_devices", lambda: 4)
    assert devices.spread() == devices.spread("cuda") == ("cuda:0", "cuda:1", "cuda:2", "cuda:3")
    assert devices.spread(most=2) == ("cuda:0", "cuda:1")
    assert devices.spread("cuda:2") == ("cuda:2",)
    assert devices.spread("cpu") == ("cpu",)
    with pytest.raises(InputError, match="5 GPUs are asked for, and torch sees 4"):
        devices.spread(most=5)
    monkeypatch.setattr(devices, "cuda_devices", lambda: 0)
    assert devices.spread() == ("cpu",)
    with pytest.raises(InputError, match="2 GPUs are asked for, and torch sees 0"):
        devices.spread(most=2)


def test_decoding_processes_give_the_same_vectors(tiny_pool, tiny_model):  # noqa: F811
    plain = engine.embed(tiny_pool, tiny_model, name="one", batch_size=64)
    fed = engine.embed(plain, tiny_model, name="two", batch_size=64, decoders=1)
    for side in ("img", "txt"):
        one, two = (fed.embeddings(f"{name}_{side}", range(200)) for name in ("one", "two"))
        assert np.abs(one - two).max() < 1e-3
    assert "precision" not in fed.columns["two_img"].made_by


def test_half_precision_is_near_and_recorded(tiny_pool, tiny_model):  # noqa: F811
    pool = engine.embed(tiny_pool, tiny_model, name="one", batch_size=100)
    pool = engine.embed(pool, tiny_model, name="half", batch_size=100, precision="bf16")
    assert pool.columns["half_img"].made_by["precision"] == "bf16"
    one, two = (pool.embeddings(f"{name}_img", range(200)) for name in ("one", "half"))
    assert (one * two).sum(axis=1).min() > 0.999
    with pytest.raises(InputError, match="precision 'fp8' is not known"):
        engine.embed(pool, tiny_model, name="x", precision="fp8")


def test_a_model_halves_its_batch_and_moves_to_the_processor(tiny_model, monkeypatch, caplog):  # noqa: F811
    import torch

    devices.note.cache_clear()
    loaded = Model.parse(tiny_model).load("cpu")
    captions = [f"caption {n}" for n in range(10)]
    whole = loaded.texts(captions)
    sizes = []
    forward = loaded._forward

    def scarce(encode, batch, most=4):
        sizes.append(len(batch))
        if len(batch) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(encode, batch)

    monkeypatch.setattr(loaded, "_forward", scarce)
    np.testing.assert_allclose(loaded.texts(captions), whole, atol=1e-6)
    np.testing.assert_allclose(loaded.texts(captions), whole, atol=1e-6)
    assert sizes == [10, 5, 2, 2, 2, 2, 2] + [2] * 5, "what fits is remembered"
    assert "5 are tried" in caplog.text


class Tiny:
    """A network of one number, which has no room on a GPU."""

    device = "cuda"

    def to(self, device):
        self.device = device
        return self

    float = half = to

    def encode_text(self, tokens):
        import torch

        if self.device == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return tokens.float() + 1


def test_a_model_without_room_for_one_row_moves_to_the_processor_with_a_note(monkeypatch, caplog):
    import torch

    from poolscope.models import Loaded

    devices.note.cache_clear()
    network = Tiny()
    monkeypatch.setattr(Tiny, "float", lambda self: self)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *_, **__: self)
    loaded = Loaded(network, None, None, torch.device("cuda"))
    loaded.autocast = "fp16"
    monkeypatch.setattr("poolscope.models.autocast", lambda *_: contextlib.nullcontext())
    vectors = loaded.tokens(torch.tensor([[0, 0], [2, 0]]))
    np.testing.assert_allclose(vectors, [[0.5**0.5, 0.5**0.5], [3 / 10**0.5, 1 / 10**0.5]], atol=1e-6)
    assert (network.device, loaded.device.type, loaded.autocast) == ("cpu", "cpu", "fp32")
    assert "1 are tried" in caplog.text
    assert "it runs on the processor" in caplog.text


def test_batches_for_a_gpu_come_in_pinned_half_precision_two_ahead_from_processes_that_stay(tmp_path):
    import torch

    from poolscope.engine.decoders import Decoders
    from poolscope.models import Loaded

    loaded = Loaded(None, None, None, torch.device("cuda"))
    loaded.autocast = "fp16"
    loader = Decoders(tmp_path, loaded, 3)._loader
    assert (loader.pin_memory, loader.prefetch_factor, loader.num_workers) == (True, 2, 3)
    assert loader.persistent_workers
    assert loader.multiprocessing_context.get_start_method() == "spawn"
    assert loader.dataset.half
    assert not Decoders(tmp_path, Loaded(None, None, None, torch.device("cpu")), 1)._loader.dataset.half


def test_decoders_leave_a_core_to_the_gpu_and_fit_into_shared_memory(monkeypatch, caplog):
    from poolscope.engine import decoders

    monkeypatch.setattr(decoders.os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(decoders, "SHARED_MEMORY", Path("/nowhere"))
    assert [decoders.processes_for(n, 10**6) for n in (1, 2, 8, 64)] == [32, 31, 7, 1]
    room = type("Room", (), {"f_bavail": 64 * 2**20, "f_frsize": 1})
    monkeypatch.setattr(decoders.os, "statvfs", lambda _: room)
    devices.note.cache_clear()
    assert decoders.processes_for(1, 40_000_000) == 0
    assert "--shm-size" in caplog.text


def test_the_benchmark_of_devices_runs_with_fakes():
    command = [sys.executable, "tests/benchmarks/bench_devices.py", "--fake", "--seconds", "0.1", "--units", "24"]
    done = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["devices"] for row in rows] == [1, 2, 4, 8]
    assert rows[3]["units_per_s"] > rows[0]["units_per_s"]
    assert all(0 <= row["idle"] < 1 for row in rows)

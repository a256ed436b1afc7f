"""Scores on a fake GPU: the same values as on the processor, and what crosses to it crosses once.

The fake is torch's processor under another name, which counts the bytes that are sent to it and may run out of memory.
"""

import numpy as np
import pytest
import torch

from poolscope import devices
from poolscope.engine import run
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.kernels import accelerator, device_centroids
from poolscope.targets import add_target

FAKE = "cpu:0"  # for torch the processor; for us no "cpu"


@pytest.fixture
def gpu(monkeypatch):
    """One fake GPU, without Triton; the bytes of every array that is sent to it."""
    sent: list[int] = []
    send = accelerator.send

    def counted(rows, device, kind=None):
        sent.append(rows.nbytes)
        return send(rows, device, kind)

    monkeypatch.setattr(devices, "cuda_devices", lambda: 1)
    monkeypatch.setattr(devices, "choose", lambda device="auto": device if device == "cpu" else FAKE)
    monkeypatch.setattr(accelerator, "_fused", lambda: None)
    monkeypatch.setattr(accelerator, "send", counted)
    monkeypatch.setattr(device_centroids, "send", counted)
    accelerator.resident.cache_clear()
    return sent


@pytest.fixture
def pool(tiny_pool, tmp_path) -> Pool:
    target = np.random.default_rng(5).normal(size=(300, 16))
    np.save(tmp_path / "t.npy", target / np.linalg.norm(target, axis=1, keepdims=True))
    add_target(tiny_pool, "near", tmp_path / "t.npy", model="l14")
    return tiny_pool


def both(pool: Pool, id: str, **parameters) -> tuple[np.ndarray, np.ndarray]:
    """The column on the processor and on the fake GPU."""
    pool = run(pool, build(id, device="cpu", **parameters), column="here")
    pool = run(pool, build(id, **parameters), column="there")
    return pool.array("here"), pool.array("there")


@pytest.mark.parametrize(
    ("id", "parameters"),
    [
        ("vas", {"target": "near"}),
        ("normsim", {"target": "near"}),
        ("normsim", {"target": "near", "p": "2"}),
        ("normsim", {"target": "near", "p": "3"}),
        ("cliploss", {"batch_size": 50, "partitions": 6, "per_reading": 3}),
        ("cliploss", {"batch_size": 60, "partitions": 3}),
        ("vas_d", {"quality": "", "steps": 5}),
    ],
)
def test_a_gpu_gives_the_processor_s_scores(pool, gpu, id, parameters):
    here, there = both(pool, id, **parameters)
    np.testing.assert_allclose(there, here, rtol=3e-5, atol=3e-6)
    assert gpu


def test_a_superblock_is_sent_once_for_all_partitions(pool, gpu):
    method = build("cliploss", batch_size=50, partitions=8, per_reading=4)
    run(pool, method, column="c")
    once = 2 * 200 * 16 * 2  # both sides in float16
    readings = 1  # the pool is one superblock
    assert sum(gpu) == readings * once


def test_targets_and_centroids_stay_on_the_device(pool, gpu, tmp_path):
    half = 2 * 16
    method = build("normsim", target="near")
    object.__setattr__(method, "scan_rows", 32)  # seven batches
    run(pool, method, column="n")
    assert sum(gpu) == half * (300 + 200)
    gpu.clear()
    np.save(tmp_path / "c.npy", np.random.default_rng(1).normal(size=(7, 16)).astype(np.float32))
    here, there = both(pool, "image_based", target="near", centroids=str(tmp_path / "c.npy"), captions=False)
    assert (here == there).all()
    assert sum(gpu) == half * 200 + 4 * 16 * 7 + half * 300 * 2  # pairs, centroids, and the target's tile in float32


def test_k_means_on_a_device_ends_where_faiss_ends(gpu):
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(6, 16)) * 4
    points = (truth[np.arange(600) % 6] + rng.normal(size=(600, 16)) * 0.1).astype(np.float16)
    made = device_centroids.train(points, 24, device=FAKE, iterations=12)
    assert (np.linalg.norm(made[:, None] - truth[None], axis=2).min(axis=0) < 0.3).all()
    again = device_centroids.train(points, 24, device=FAKE, iterations=12)
    assert np.array_equal(made, again)
    assert sum(gpu) == 2 * (points.nbytes + 24 * 16 * 4), "the points are sent once, not for every iteration"


def test_out_of_memory_halves_the_batch_and_is_said(pool, gpu, monkeypatch, caplog):
    send = accelerator.send

    def scarce(rows, device, kind=None):
        if len(rows) > 40:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return send(rows, device, kind)

    devices.note.cache_clear()
    monkeypatch.setattr(accelerator, "send", scarce)
    monkeypatch.setattr(accelerator, "_pairs_at_once", devices.Room(16_384))
    for id, parameters in (("vas", {}), ("normsim", {"p": "3"})):
        monkeypatch.setattr(accelerator, "TARGET_ROWS", 30)
        here = run(pool, build(id, device="cpu", target="near", **parameters), column=f"{id}h").array(f"{id}h")
        there = run(pool, build(id, target="near", **parameters), column=f"{id}t").array(f"{id}t")
        np.testing.assert_allclose(there, here, rtol=3e-5)
    assert accelerator._pairs_at_once.rows == 25
    assert "note: the device is out of memory with 200 rows at once; 100 are tried" in caplog.text


def test_cliploss_that_does_not_fit_is_computed_on_the_processor_to_the_bit(pool, gpu, monkeypatch, caplog):
    def full(*ignored, **also):
        raise torch.OutOfMemoryError("CUDA out of memory")

    devices.note.cache_clear()
    monkeypatch.setattr(accelerator, "send", full)
    here, there = both(pool, "cliploss", batch_size=50, partitions=4, per_reading=2)
    assert np.array_equal(here, there)
    assert "no room for the 200 pairs of a superblock" in caplog.text
    assert "the processor computes it" in caplog.text


def test_a_room_for_nothing_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        devices.Room(8).over(8, lambda part: (_ for _ in ()).throw(torch.OutOfMemoryError("full")))

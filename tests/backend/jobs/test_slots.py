"""Slots: jobs on fake GPUs, side by side and one after another."""

import pytest

from poolscope import devices, jobs
from poolscope.errors import InputError
from poolscope.jobs import queue, slots, table


@pytest.fixture
def eight(monkeypatch):
    """Eight GPUs that are not there, and a queue that only says which jobs it would start."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4,5,6,7")
    started = []
    monkeypatch.setattr(queue, "_spawn", started.append)
    monkeypatch.setattr(queue, "_vanished", lambda found: False)
    return started


def claimed(job_id: int) -> str | None:
    """What the job holds once its runner has claimed it, None if it could not."""
    return table.row(job_id)["device"] if table.claim(job_id, machine="there", pid=1, pid_started=1.0) else None


def submit(device: str) -> int:
    return jobs.submit(["jobs", "list"], kind="t", device=device)


def test_the_words_for_what_a_job_asks_for(eight, monkeypatch):
    assert [devices.slot("cpu"), devices.slot("cuda:3"), devices.slot(), devices.slot(count=8), devices.slot(count=0)] == [
        "cpu", "gpu:3", "gpus:1", "gpus:8", "cpu",
    ]  # fmt: skip
    with pytest.raises(InputError, match="9 GPUs are asked for, and this machine has 8"):
        devices.slot(count=9)
    with pytest.raises(InputError, match="unknown"):
        devices.slot("cuda:x")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices.slot() == "cpu"
    for wrong in ("gpus:0", "gpu:", "gpu:0,", "gpus", "tpu:0", "gpus:2=0,1"):
        with pytest.raises(InputError, match="a job's device is"):
            submit(wrong)


def test_a_sweep_spreads_over_idle_gpus(eight):
    ids = [submit("gpus:1") for _ in range(9)]
    assert eight[:8] == ids[:8]
    assert [claimed(one) for one in ids] == [f"gpus:1={n}" for n in range(8)] + [None]
    table.finish(ids[3], 1, "done", exit_code=0, message=None)
    assert claimed(ids[8]) == "gpus:1=3"


def test_a_set_of_gpus_is_held_whole_and_others_work_beside_it(eight):
    pair, named, all_of_them, cpu = submit("gpus:2"), submit("gpu:1,5"), submit("gpus:8"), submit("cpu")
    assert claimed(pair) == "gpus:2=0,1"
    assert claimed(named) is None, "one of its two is taken"
    assert claimed(all_of_them) is None
    assert claimed(cpu) == "cpu"
    table.finish(pair, 1, "done", exit_code=0, message=None)
    assert claimed(named) == "gpu:1,5"


def test_small_jobs_do_not_keep_a_large_one_waiting_for_ever(eight):
    first, large, small = submit("gpus:1"), submit("gpus:8"), submit("gpus:1")
    claimed(first)
    eight.clear()
    queue.refresh()
    assert eight == []
    table.finish(first, 1, "done", exit_code=0, message=None)
    with table.writing() as connection:
        connection.execute("UPDATE jobs SET spawned=NULL")
    queue.refresh()
    assert eight == [large]
    assert claimed(large) == "gpus:8=0,1,2,3,4,5,6,7"
    assert claimed(small) is None


def test_a_resumed_job_asks_anew(eight):
    one, other = submit("gpus:1"), submit("gpus:1")
    claimed(one)
    table.finish(one, 1, "failed", exit_code=1, message="x")
    claimed(other)
    assert jobs.resume(one).device == "gpus:1"
    assert claimed(one) == "gpus:1=1"


def test_a_job_sees_its_gpus_only():
    assert slots.visible(slots.given("gpus:2=0,3"), None) == "0,3"
    assert slots.visible(slots.given("gpus:2=0,3"), "4,5,6,GPU-aa") == "4,GPU-aa"
    assert slots.visible(slots.given("gpu:1"), "6,7") == "7"
    assert slots.given("cpu") == slots.given(jobs.SHORT) == ()

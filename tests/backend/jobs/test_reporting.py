"""Progress of a job in the table."""

import time
from pathlib import Path

from poolscope import jobs
from poolscope.jobs import TableProgress, table
from poolscope.jobs.runner import last_error


def _running() -> int:
    job_id = table.insert(kind="t", title="", argv=["x"], device=None, cwd="/", environment={})
    assert table.claim(job_id, machine="m", pid=1, pid_started=1.0)
    return job_id


def test_progress_and_figures_arrive():
    job_id = _running()
    TableProgress(job_id)(3, 12, "step\n3", loss=2.5, broken=float("nan"))
    job = table.as_job(table.row(job_id))
    assert (job.progress, job.message, job.figures) == (0.25, "step 3", {"loss": 2.5})


def test_writes_are_rare_but_the_last_one_is_made(monkeypatch):
    written = []
    monkeypatch.setattr(table, "report", lambda *given: written.append(given[1]))
    progress = TableProgress(1, interval=60)
    for step in range(1, 1001):
        progress(step, 1000, "")
    assert written == [0.001, 1.0]


def test_cost_of_a_call_between_writes():
    progress = TableProgress(_running(), interval=60)
    progress(1, 100_000)
    began = time.perf_counter()
    for step in range(2, 10_000):
        progress(step, 100_000, "message", loss=1.0)
    assert time.perf_counter() - began < 0.5


def test_a_table_that_cannot_be_written_does_not_stop_the_work(home: Path):
    job_id = _running()
    (home / "jobs.sqlite").unlink()
    (home / "jobs.sqlite-wal").unlink(missing_ok=True)
    (home / "jobs.sqlite").mkdir()
    TableProgress(job_id)(1, 2)
    (home / "jobs.sqlite").rmdir()


def test_a_job_that_has_ended_takes_no_progress():
    job_id = _running()
    assert table.finish(job_id, 1, "cancelled", exit_code=None, message="cancelled")
    TableProgress(job_id)(1, 2, "late")
    assert jobs.get(job_id).message == "cancelled"
    assert not table.finish(job_id, 1, "done", exit_code=0, message=None)


def test_last_error():
    assert last_error("a\nerror: the pool\nbye\n") == "the pool"
    assert last_error("--- start\nTraceback\nMemoryError\n") == "MemoryError"
    assert last_error("") == ""

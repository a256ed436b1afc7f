"""Jobs of every temper, each a real process; nothing of them is left when a test ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from poolscope import jobs, processes
from poolscope.jobs import family, table

RUN = "import sys; from poolscope.jobs import runner; sys.exit(runner.main(int(sys.argv[1]), sys.argv[2:]))"


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Waits until `condition` holds; fails the test if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _nothing_left(home: Path) -> Iterator[None]:
    yield
    for row in table.rows("state='running'"):
        if row["machine"] == processes.machine():
            living = family.members(row["id"], row["pid"], row["pid_started"])
            family.send(living, signal.SIGKILL)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., int]:
    """Starts a Python program as a job, through the real runner; returns the job's id once it runs."""

    def start_program(source: str, device: str | None = "cpu", **popen: object) -> int:
        program = tmp_path / f"program-{time.time_ns()}.py"
        program.write_text(source)
        job_id = table.insert(kind="test", title="test", argv=[], device=device, cwd=str(tmp_path), environment={})
        subprocess.Popen(
            [sys.executable, "-c", RUN, str(job_id), str(program)],
            start_new_session=True,
            stdout=store_log(job_id),
            stderr=subprocess.STDOUT,
            env={**os.environ, "MARK": str(tmp_path)},
        )
        until(lambda: table.row(job_id)["state"] != "queued")
        return job_id

    return start_program


def store_log(job_id: int):
    path = table.log_path(job_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


@pytest.fixture
def ended() -> Callable[[int], jobs.Job]:
    def wait(job_id: int) -> jobs.Job:
        until(lambda: jobs.get(job_id).finished)
        return jobs.get(job_id)

    return wait

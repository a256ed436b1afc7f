"""What happens to the processes of a job: cancelled, killed from outside, orphaned, rebooted away."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from poolscope import jobs, processes
from poolscope.errors import InputError
from poolscope.jobs import family, queue, table
from tests.backend.jobs.conftest import until

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
nap = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
children = [subprocess.Popen([sys.executable, "-c", nap, os.environ["MARK"]]),
            subprocess.Popen([sys.executable, "-c", nap, os.environ["MARK"]], start_new_session=True)]
print("ready", flush=True)
time.sleep(600)
"""
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"


def marked(tmp_path: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if str(tmp_path) in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_cancel_ends_every_process_even_the_stubborn(start, tmp_path: Path):
    job_id = start(STUBBORN)
    until(lambda: "ready" in jobs.log_tail(job_id) and len(marked(tmp_path)) == 4)
    job = queue.cancel(job_id, grace=0.5)
    assert job.state == "cancelled"
    assert job.message == "cancelled"
    assert marked(tmp_path) == []
    assert jobs.cancel(job_id).state == "cancelled"


def test_cancel_lets_a_polite_program_clean_up(start, tmp_path: Path):
    job_id = start(
        "import pathlib, signal, sys, time\n"
        "def end(*_): pathlib.Path('cleaned').touch(); sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, end); print('ready', flush=True); time.sleep(600)"
    )
    until(lambda: "ready" in jobs.log_tail(job_id))
    job = jobs.cancel(job_id)
    assert (job.state, job.exit_code) == ("cancelled", 3)
    assert (tmp_path / "cleaned").exists()


def test_killed_runner_is_lost_its_orphans_end_and_it_resumes(start, tmp_path: Path, ended):
    job_id = start(STUBBORN)
    until(lambda: "ready" in jobs.log_tail(job_id) and len(marked(tmp_path)) == 4)
    os.kill(table.row(job_id)["pid"], signal.SIGKILL)
    until(lambda: jobs.get(job_id).state == "lost")
    session = [p for p in marked(tmp_path) if os.getsid(p.pid) != p.pid]
    assert session == []
    with table.writing() as connection:
        connection.execute('UPDATE jobs SET argv=\'["jobs", "list"]\' WHERE id=?', (job_id,))
    assert jobs.get(job_id).resumable
    jobs.resume(job_id)
    job = ended(job_id)
    assert (job.state, job.exit_code) == ("done", 0)
    for process in marked(tmp_path):
        process.kill()


def test_killed_command_fails_with_the_signal(start, tmp_path: Path, ended):
    job_id = start(SLEEP)
    until(lambda: "ready" in jobs.log_tail(job_id))
    runner = psutil.Process(table.row(job_id)["pid"])
    for child in runner.children():
        child.kill()
    job = ended(job_id)
    assert (job.state, job.exit_code) == ("failed", -9)
    assert "SIGKILL" in job.message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_runner_that_is_asked_to_end_ends_its_command_first(start, tmp_path: Path, ended, number: int):
    job_id = start(SLEEP)
    until(lambda: "ready" in jobs.log_tail(job_id))
    os.kill(table.row(job_id)["pid"], number)
    job = ended(job_id)
    assert job.state == "cancelled"
    assert job.resumable
    until(lambda: marked(tmp_path) == [])


def test_heartbeat_goes_on(start):
    job_id = start(SLEEP)
    first = table.row(job_id)["heartbeat"]
    until(lambda: table.row(job_id)["heartbeat"] > first)


def _running_row(machine: str, pid: int, pid_started: float, heartbeat: float) -> int:
    job_id = table.insert(kind="t", title="", argv=["jobs", "list"], device="cpu", cwd="/", environment={})
    assert table.claim(job_id, machine=machine, pid=pid, pid_started=pid_started)
    with table.writing() as connection:
        connection.execute("UPDATE jobs SET heartbeat=? WHERE id=?", (heartbeat, job_id))
    return job_id


def test_a_reboot_loses_the_job_and_frees_its_device(ended):
    lost = _running_row("this/earlier-boot/1", os.getpid(), 1.0, time.time() - processes.SILENCE - 1)
    following = jobs.submit(["jobs", "list"], kind="t")
    assert jobs.get(lost).state == "lost"
    assert ended(following).state == "done"


def test_a_job_of_another_machine_is_believed_while_it_beats():
    job_id = _running_row("elsewhere/boot/1", 1, 1.0, time.time())
    assert jobs.get(job_id).state == "running"
    with pytest.raises(InputError, match="runs on elsewhere: cancel it there"):
        jobs.cancel(job_id)


def test_a_reused_pid_is_not_the_job_and_is_left_alone():
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        began = processes.started_at(stranger.pid)
        assert began is not None
        job_id = _running_row(processes.machine(), stranger.pid, began - 1, time.time())
        assert family.members(job_id, stranger.pid, began - 1) == []
        assert jobs.cancel(job_id).state in ("cancelled", "lost")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_zombie_has_ended():
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    until(lambda: processes.started_at(child.pid) is None)
    child.wait()
    assert processes.started_at(os.getpid()) is not None

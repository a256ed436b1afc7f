"""Who a process is, and whether it still runs, here and as seen from another machine."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poolscope import processes
from poolscope.bench.training import _begin
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.runs import Run, runs


def test_this_process_runs_and_a_reused_pid_does_not():
    machine, pid, began = processes.identity()
    assert pid == os.getpid()
    assert processes.running(machine, pid, began, heartbeat=0)
    assert not processes.running(machine, pid, began - 1, heartbeat=time.time())


def test_elsewhere_only_the_heartbeat_counts():
    pid, began = os.getpid(), processes.started_at(os.getpid())
    assert processes.running("elsewhere/boot/1", pid, began, heartbeat=time.time())
    assert not processes.running("elsewhere/boot/1", pid, began, heartbeat=time.time() - processes.SILENCE - 1)


def test_a_heartbeat_goes_on_and_ends(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(processes, "BEAT", 0.05)
    path = tmp_path / "heartbeat"
    beating = processes.Heartbeat(path)
    os.utime(path, (1, 1))
    deadline = time.monotonic() + 10
    while processes.last_heartbeat(path) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    beating.stop()
    assert not path.exists()
    assert processes.last_heartbeat(path) == 0


def test_a_run_of_another_machine_is_running_while_it_beats_and_cannot_be_trained_twice(home: Path):
    """The process runs on a machine that shares this home: its pid means nothing here."""
    run = Run(id="shared")
    run.step_to("training")
    run.machine, run.pid, run.pid_started = "elsewhere/boot/1", 2**22 - 1, 1.0
    run.save()
    assert Run.load("shared").state == "training"
    assert not Run.load("shared").resumable
    with pytest.raises(InputError, match="on elsewhere"):
        _begin({}, Pool.__new__(Pool), "shared", True)
    os.utime(run.path / "heartbeat", (time.time() - 3600,) * 2)
    assert Run.load("shared").state == "stopped"
    assert Run.load("shared").resumable
    os.utime(run.path / "heartbeat", (time.time() + 86_400,) * 2)
    assert Run.load("shared").state == "stopped", "a beat of tomorrow is one of a clock that was set back"
    run.step_to("done")


def test_a_run_stamped_in_the_future_is_listed_like_others(home: Path):
    for name, shift in (("later", 1e9), ("now", 0.0), ("before", -1e9)):
        run = Run(id=name, created=time.time() + shift, ended=time.time() + shift, state="done")
        run.save()
    assert [run.id for run in runs()] == ["later", "now", "before"]
    assert all(run.finished and not run.running for run in runs())


def test_a_run_whose_process_was_killed_is_stopped_at_once_on_its_own_machine(home: Path):
    source = "from poolscope.runs import Run; import os; Run(id='killed').step_to('training'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", source], check=False, env={**os.environ, "POOLSCOPE_HOME": str(home)})
    assert Run.load("killed").state == "stopped"


def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path):
    """However that ends: SIGKILL can't be caught, and what it started would go on to write where it is begun anew."""
    child = "import os, sys, time; from poolscope.processes import end_with; end_with(int(sys.argv[1])); print(os.getpid(), flush=True)"
    parent = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {child + '; time.sleep(300)'!r}, str(os.getpid())])"
    started = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    assert started.stdout is not None
    pid = int(started.stdout.readline())
    began = processes.started_at(pid)
    assert began is not None
    started.kill()
    started.wait()
    until = time.monotonic() + 60
    while processes.alive(pid, began):
        assert time.monotonic() < until
        time.sleep(0.05)
    late = subprocess.run([sys.executable, "-c", child, "1"], check=False)
    assert late.returncode == 143, "its parent had ended before it came so far"

"""The processes of a job: all that its runner started, and how to end every one of them for certain."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from ..processes import GONE, alive, started_at


def members(job_id: int, pid: int, pid_started: float) -> list[psutil.Process]:
    """Every living process of the job whose runner is (or was) `pid`: its session and its descendants.

    Where the runner itself has gone, only processes that carry the job's mark in their environment count.
    """
    here = alive(pid, pid_started)
    if not here and started_at(pid) is not None:
        return []
    family = {}
    if here:
        with suppress(*GONE):
            runner = psutil.Process(pid)
            family = {process.pid: process for process in [runner, *runner.children(recursive=True)]}
    for process in psutil.process_iter():
        with suppress(*GONE):
            mine = os.getsid(process.pid) == pid
            if mine and (here or process.environ().get("POOLSCOPE_JOB") == str(job_id)):
                family[process.pid] = process
    return [process for process in family.values() if started_at(process.pid) is not None]


def send(processes: Iterable[psutil.Process], signal_number: int) -> None:
    for process in processes:
        with suppress(*GONE):
            process.send_signal(signal_number)


def wait_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Waits until all have ended; returns those that have not after `seconds`."""
    identities = [(process, started_at(process.pid)) for process in processes]
    deadline = time.monotonic() + seconds
    while True:
        living = [p for p, began in identities if began is not None and alive(p.pid, began)]
        if not living or time.monotonic() > deadline:
            return living
        time.sleep(0.05)

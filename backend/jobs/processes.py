"""The processes of a job: who they are, whether they live, and how to end all of them for certain."""

import os
import socket
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import psutil

GONE = (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, PermissionError)


@cache
def machine() -> str:
    """Names this boot of this machine (and container); a pid means something only where it was written."""
    parts = [socket.gethostname()]
    boot = Path("/proc/sys/kernel/random/boot_id")
    parts.append(boot.read_text().strip() if boot.exists() else str(int(psutil.boot_time())))
    space = Path("/proc/self/ns/pid")
    if space.exists():
        parts.append(str(space.stat().st_ino))
    return "/".join(parts)


def started_at(pid: int) -> float | None:
    """When the process began (clock ticks since boot on Linux, else seconds), None if it has ended.

    A pid together with this number names one process for ever: it tells a job's process from a
    later one that was given the same pid. A zombie has ended.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except (ProcessLookupError, PermissionError):
        return None
    else:
        return None if fields[0] in "ZX" else float(fields[19])
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except GONE:
        return None


def alive(pid: int, pid_started: float) -> bool:
    return started_at(pid) == pid_started


def members(job_id: int, pid: int, pid_started: float) -> list[psutil.Process]:
    """Every living process of the job whose runner is (or was) `pid`: its session and its descendants.

    Where the runner itself has gone, only processes that carry the job's mark in their environment count.
    """
    here = alive(pid, pid_started)
    if not here and started_at(pid) is not None:
        return []
    found = {}
    if here:
        try:
            runner = psutil.Process(pid)
            found = {process.pid: process for process in [runner, *runner.children(recursive=True)]}
        except GONE:
            found = {}
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) != pid:
                continue
            if here or process.environ().get("POOLSCOPE_JOB") == str(job_id):
                found[process.pid] = process
        except GONE:
            continue
    return [process for process in found.values() if started_at(process.pid) is not None]


def send(processes: Iterable[psutil.Process], signal_number: int) -> None:
    for process in processes:
        try:
            process.send_signal(signal_number)
        except GONE:
            continue


def wait_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Waits until all have ended; returns those that have not after `seconds`."""
    identities = [(process, started_at(process.pid)) for process in processes]
    deadline = time.monotonic() + seconds
    while True:
        living = [p for p, began in identities if began is not None and alive(p.pid, began)]
        if not living or time.monotonic() > deadline:
            return living
        time.sleep(0.05)

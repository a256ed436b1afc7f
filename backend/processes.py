"""The identity of a process (machine, boot, pid namespace, pid, start time), and whether it still runs."""

import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

BEAT = 10.0
"""Seconds between two heartbeats of a process that other machines watch."""
SILENCE = 60.0
"""Seconds without a heartbeat after which a process of another machine counts as gone."""
AHEAD = 3600.0
"""Seconds that the clock of another machine may be ahead of ours; a heartbeat beyond is one of a clock that jumped."""
GONE = (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, PermissionError)


@cache
def machine() -> str:
    """Names this boot of this machine (and container); a pid means something only where it was written."""
    parts = [socket.gethostname()]
    boot = Path("/proc/sys/kernel/random/boot_id")
    parts.append(boot.read_text().strip() if boot.exists() else str(int(psutil.boot_time())))
    namespace = Path("/proc/self/ns/pid")
    if namespace.exists():
        parts.append(str(namespace.stat().st_ino))
    return "/".join(parts)


def started_at(pid: int) -> float | None:
    """When the process began (clock ticks since boot on Linux, else seconds), None if it has ended.

    A pid together with this number names one process for ever: it distinguishes a process from a
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
    """True while the process of this machine that began at `pid_started` runs."""
    return started_at(pid) == pid_started


def identity() -> tuple[str, int, float | None]:
    """Machine, pid and start time of this process."""
    return machine(), os.getpid(), started_at(os.getpid())


def running(where: str | None, pid: int | None, pid_started: float | None, heartbeat: float | None) -> bool:
    """True if the process `pid` of the machine `where` still runs.

    On this machine its start time decides; elsewhere, its last `heartbeat` (seconds since the epoch).
    """
    if pid is None or pid_started is None or heartbeat is None:
        return False
    if where in (None, machine()):
        return alive(pid, pid_started)
    return -AHEAD <= time.time() - heartbeat <= SILENCE


def end_with(parent: int) -> None:
    """Ends this process, by SIGTERM, at once or soon after `parent`, which started it, is gone, however that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(BEAT)
        os._exit(128 + signal.SIGTERM)

    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)
    threading.Thread(target=watch, daemon=True, name=f"ends with {parent}").start()


class Heartbeat:
    """Touches the file `path` every ten seconds, so that other machines see that this process lives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ended = threading.Event()
        path.touch()
        threading.Thread(target=self._beat, daemon=True, name=f"heartbeat {path}").start()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with suppress(OSError):
                os.utime(self.path)

    def stop(self) -> None:
        """Ends the heartbeat and removes its file."""
        self._ended.set()
        self.path.unlink(missing_ok=True)


def last_heartbeat(path: Path) -> float:
    """Seconds since the epoch of the last heartbeat in `path`; 0 if there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

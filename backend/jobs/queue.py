"""Starting, watching, ending and resuming jobs, with one slot per device and a queue behind it."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from math import isfinite
from typing import Any

from .. import files, processes
from ..errors import InputError
from ..paths import home
from . import family, slots, table
from .job import Job

SPAWN_AGAIN = 20.0
"""Seconds a spawned runner has to claim its job before another one is sent."""
SETTINGS = ("POOLSCOPE_", "CUDA_VISIBLE_DEVICES")
"""Beginnings of the names in the environment that a job takes from whoever submits it."""
GRACE = 10.0
"""Seconds between asking a job's processes to end and killing them."""


def submit(argv: Sequence[str], *, kind: str, device: str | None = "cpu", title: str = "") -> int:
    """Starts `poolscope ARGV` as a job, or queues it behind the job that holds `device`; returns its id.

    `device` is "cpu", certain GPUs ("gpu:0", "gpu:0,1"), any so many of them ("gpus:2"), SHORT for a job of seconds,
    which doesn't wait behind long ones, or None for a light job that needs no slot. The job runs in the directory and
    with the POOLSCOPE_* settings of the caller, and outlives it.
    """
    words = [str(word) for word in argv]
    if not words or any("\0" in word for word in words):
        raise InputError(f"a job needs a poolscope command line, not {words!r}: pass for example ['info']")
    if device is not None and not slots.valid(device):
        raise InputError(
            f"a job's device is 'cpu', 'cpu:short', 'gpu:0', 'gpu:0,1', 'gpus:2', … or None, not {device!r}"
        )
    settings = {name: value for name, value in os.environ.items() if name.startswith(SETTINGS)}
    settings.pop("POOLSCOPE_JOB", None)
    title = title or " ".join(words[:3])
    job_id = table.insert(kind=kind, title=title, argv=words, device=device, cwd=os.getcwd(), environment=settings)
    refresh()
    return job_id


def all() -> list[Job]:
    """Every job, newest first."""
    refresh()
    return [table.as_job(entry) for entry in table.rows(order="id DESC")]


def get(job_id: int | str) -> Job:
    """One job; InputError if there is none."""
    table.row(job_id)
    refresh()
    return table.as_job(table.row(job_id))


def resume(job_id: int | str) -> Job:
    """Runs a failed, cancelled or lost job again: the same command line, which skips what it finds done."""
    entry = table.row(job_id)
    refresh()
    with table.writing() as connection:
        cursor = connection.execute(
            "UPDATE jobs SET state='queued', cancel_requested=0, spawned=NULL, started=NULL, ended=NULL, "
            "heartbeat=NULL, machine=NULL, pid=NULL, pid_started=NULL, exit_code=NULL, message='', device=? "
            "WHERE id=? AND state IN ('failed', 'cancelled', 'lost')",
            (entry["device"] and slots.wanted(entry["device"]), entry["id"]),
        )
    if cursor.rowcount == 0:
        state = table.row(job_id)["state"]
        raise InputError(f"job {entry['id']} is {state}: only a failed, cancelled or lost job can be resumed")
    return get(job_id)


def move(job_id: int | str, by: int) -> Job:
    """Moves a waiting job `by` places in the queue of its device: -1 is one earlier, 1 one later; at an end it stays.

    Raises InputError for a job that doesn't wait.
    """
    with table.writing() as connection:
        entry = table.row(job_id)
        if entry["state"] != "queued":
            raise InputError(f"job {entry['id']} is {entry['state']}: only a job that waits can be moved")
        same = connection.execute(
            "SELECT id, created FROM jobs WHERE state='queued' AND device IS ? ORDER BY created, id", (entry["device"],)
        ).fetchall()
        order = [row["id"] for row in same if row["id"] != entry["id"]]
        place = [row["id"] for row in same].index(entry["id"])
        order.insert(min(max(0, place + by), len(order)), entry["id"])
        # the times of submission are dealt out in the new order
        moments = [row["created"] + 1e-6 * nth for nth, row in enumerate(same)]
        connection.executemany("UPDATE jobs SET created=? WHERE id=?", list(zip(moments, order)))
    return get(entry["id"])


def cancel(job_id: int | str, *, grace: float = GRACE) -> Job:
    """Ends a queued or running job and all its processes, and returns only when they are known to be gone.

    Asks first (SIGTERM), kills after `grace` seconds. A job that has ended stays as it is.
    Raises RuntimeError if a process survives even that, InputError for a job of another machine.
    """
    entry = table.row(job_id)
    with table.writing() as connection:
        connection.execute(
            "UPDATE jobs SET state='cancelled', message='cancelled', ended=? WHERE id=? AND state='queued'",
            (time.time(), entry["id"]),
        )
        connection.execute("UPDATE jobs SET cancel_requested=1 WHERE id=? AND state='running'", (entry["id"],))
    entry = table.row(job_id)
    if entry["state"] == "running":
        if entry["machine"] != processes.machine():
            where = str(entry["machine"]).split("/")[0]
            raise InputError(f"job {entry['id']} runs on {where}: cancel it there")
        _end_processes(entry, grace)
        table.finish(entry["id"], entry["pid"], "cancelled", exit_code=None, message="cancelled")
    return get(job_id)


def _end_processes(entry: dict[str, Any], grace: float) -> None:
    runner = entry["pid"]
    if runner is None or entry["pid_started"] is None:
        return
    identity = (entry["id"], runner, entry["pid_started"])
    living = family.members(*identity)
    family.send(living, signal.SIGTERM)
    if family.wait_gone(living, grace):
        # The runner dies last, so that it can reap the others and write how the job ended.
        others = [process for process in family.members(*identity) if process.pid != runner]
        family.send(others, signal.SIGKILL)
        family.wait_gone(living, 3)
    rest = family.members(*identity)
    family.send(rest, signal.SIGKILL)
    rest = family.wait_gone(rest, 5)
    if rest:
        pids = ", ".join(str(process.pid) for process in rest)
        raise RuntimeError(f"job {entry['id']} could not be ended: process {pids} survives SIGKILL")


class TableProgress:
    """A Progress that writes to the jobs table, at most every `interval` seconds and always at the end.

    A table that cannot be written (locked, disk full) costs that one message, never the job.
    """

    def __init__(self, job_id: int, *, interval: float = 0.5) -> None:
        self.job_id = job_id
        self.interval = interval
        self._last = float("-inf")
        self._figures: dict[str, float] = {}

    def __call__(self, done: int, total: int, message: str = "", **figures: float) -> None:
        self._figures.update({name: float(value) for name, value in figures.items() if isfinite(value)})
        now = time.monotonic()
        if now - self._last < self.interval and done < total:
            return
        self._last = now
        fraction = min(1.0, max(0.0, done / total)) if total > 0 else 0.0
        with suppress(sqlite3.Error, InputError):
            table.report(self.job_id, fraction, " ".join(message.split())[:500], self._figures)


def log_tail(job_id: int | str, max_bytes: int = 65536) -> str:
    """The end of what the job has printed, from the start of a line."""
    return files.tail(table.log_path(table.row(job_id)["id"]), max_bytes)


def refresh() -> None:
    """Notices jobs whose processes have vanished, and starts the queued jobs whose device is free."""
    for entry in table.rows("state='running'"):
        if _vanished(entry):
            _bury(entry)
    if table.rows("state='queued'"):
        for job_id in _startable():
            _spawn(job_id)


def _vanished(entry: dict[str, Any]) -> bool:
    return not processes.running(entry["machine"], entry["pid"], entry["pid_started"], entry["heartbeat"])


def _bury(entry: dict[str, Any]) -> None:
    """Writes the end of a job whose runner has gone, after ending what the runner left behind."""
    if entry["machine"] == processes.machine() and entry["pid"] is not None:
        orphans = family.members(entry["id"], entry["pid"], entry["pid_started"])
        family.send(orphans, signal.SIGKILL)
        family.wait_gone(orphans, 2)
    state = "cancelled" if entry["cancel_requested"] else "lost"
    message = "cancelled" if entry["cancel_requested"] else "its processes vanished: resume it to go on"
    table.finish(entry["id"], entry["pid"], state, exit_code=None, message=message)


def _startable() -> list[int]:
    """The first queued job of each free device and all light ones, marked as spawned by this caller."""
    now = time.time()
    with table.writing() as connection:
        busy = table.busy(connection)
        chosen = []
        waiting = connection.execute("SELECT id, device, spawned FROM jobs WHERE state='queued' ORDER BY created, id")
        for row in waiting.fetchall():
            device = slots.assigned(row["device"], busy)
            busy |= slots.kept_free(row["device"]) if device is None else slots.units(device)
            if device is None:
                continue
            age = now - row["spawned"] if row["spawned"] is not None else None
            if age is None or not 0 <= age <= SPAWN_AGAIN:  # the clock may have been set back
                chosen.append(row["id"])
        connection.executemany("UPDATE jobs SET spawned=? WHERE id=?", [(now, job_id) for job_id in chosen])
    return chosen


def _spawn(job_id: int) -> None:
    """Sends a runner, in its own session, to claim the job."""
    path = table.log_path(job_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        runner = subprocess.Popen(
            [*python(), "-m", "poolscope.jobs.runner", str(job_id)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment_of(table.row(job_id)["environment"]),
            start_new_session=True,
        )
    # Somebody has to collect the ended runner, or it stays a zombie as long as the app lives.
    threading.Thread(target=runner.wait, daemon=True, name=f"job {job_id}").start()


def python() -> list[str]:
    """This interpreter, without the current directory on its path: a job may run in any directory."""
    return [sys.executable, "-P"]


def environment_of(recorded: dict[str, str]) -> dict[str, str]:
    """The environment of a job's processes: ours, with the Poolscope settings of the one who submitted it."""
    ours = {name: value for name, value in recorded.items() if name.startswith(SETTINGS) and isinstance(value, str)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    here = {"POOLSCOPE_HOME": str(home().resolve())}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **ours, **here}

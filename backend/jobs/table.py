"""The jobs table: one SQLite file, shared by app, command line and runners.

It is in write-ahead mode, except on a network file system: there SQLite's shared index can't be mapped by two machines,
and the table would be damaged, so it keeps a rollback journal.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

from .. import files
from ..errors import InputError
from ..paths import home
from . import slots
from .job import Job

VERSION = 1
WAIT = 30.0
"""Seconds to wait for another writer."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, title TEXT NOT NULL, argv TEXT NOT NULL, device TEXT,
    cwd TEXT NOT NULL, environment TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued', cancel_requested INTEGER NOT NULL DEFAULT 0,
    progress REAL NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '', figures TEXT NOT NULL DEFAULT '{}',
    created REAL NOT NULL, spawned REAL, started REAL, ended REAL, heartbeat REAL,
    machine TEXT, pid INTEGER, pid_started REAL, exit_code INTEGER
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, device);
"""
TYPES: dict[str, tuple[type, Any]] = {
    "id": (int, 0), "kind": (str, ""), "title": (str, ""), "argv": (list, []), "device": (str, None), "cwd": (str, "/"),
    "environment": (dict, {}), "state": (str, "lost"), "cancel_requested": (int, 0), "progress": (float, 0.0),
    "message": (str, ""), "figures": (dict, {}), "created": (float, 0.0), "spawned": (float, None), "started": (float, None),
    "ended": (float, None), "heartbeat": (float, None), "machine": (str, None), "pid": (int, None),
    "pid_started": (float, None), "exit_code": (int, None),
}  # fmt: skip
"""What each column holds, and what counts where a cell holds something else."""


def log_path(job_id: int) -> Path:
    return home() / "jobs" / f"{job_id}.log"


def _path() -> Path:
    return home() / "jobs.sqlite"


@contextmanager
def _opened() -> Iterator[sqlite3.Connection]:
    """A connection for one use; a table that is damaged or locked is told in one line, a full disk by the boundary."""
    try:
        with closing(connect()) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            raise
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise InputError(
                f"{_path()} has been locked by another process for {WAIT:.0f} s: end it, or try again"
            ) from None
        raise InputError(
            f"{_path()} can't be used ({error}): move it away, and Poolscope makes a new one; pools and runs stay"
        ) from None


def connect() -> sqlite3.Connection:
    """A connection in autocommit mode; it waits up to 30 s for another writer."""
    path = _path()
    connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda content: content.decode(errors="replace")
    try:
        schema = connection.execute("PRAGMA user_version").fetchone()[0]
        if schema > VERSION:
            raise InputError(
                f"{path} was written by a newer Poolscope (version {schema}, this one knows {VERSION}): "
                "upgrade Poolscope or set POOLSCOPE_HOME to another directory"
            )
        _settle_journal(connection, path, new=schema < VERSION)
        if schema < VERSION:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def _settle_journal(connection: sqlite3.Connection, path: Path, *, new: bool) -> None:
    """Write-ahead mode for a new table, a rollback journal for any on a network file system."""
    if _on_network(path.parent):
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            connection.execute("PRAGMA journal_mode=DELETE")
    elif new:
        connection.execute("PRAGMA journal_mode=WAL")


@lru_cache
def _on_network(directory: Path) -> bool:
    return files.on_network(directory)


@contextmanager
def writing() -> Iterator[sqlite3.Connection]:
    """One write transaction: what it reads cannot change before what it writes is there."""
    with _opened() as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def rows(where: str = "1", values: tuple[Any, ...] = (), *, order: str = "id") -> list[dict[str, Any]]:
    """Rows of the table; a cell that holds something else than its column's type counts as empty."""
    with _opened() as connection:
        entries = connection.execute(f"SELECT * FROM jobs WHERE {where} ORDER BY {order}", values).fetchall()
    return [_typed(row) for row in entries]


def _typed(row: sqlite3.Row) -> dict[str, Any]:
    missing = TYPES.keys() - set(row.keys())
    if missing:
        raise InputError(
            f"{_path()} is of another kind (no column {min(missing)!r}): move it away; pools and runs stay"
        )
    return {name: _cell(row[name], kind, default) for name, (kind, default) in TYPES.items()}


def _cell(value: Any, kind: type, default: Any) -> Any:
    """The cell as its column's type: text of JSON as a list or dict, a number finite; else the column's default."""
    try:
        if kind in (list, dict):
            value = json.loads(value)
        elif kind is float and isinstance(value, int):
            value = float(value)
        good = isinstance(value, kind) and (not isinstance(value, float) or isfinite(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        good = False
    return value if good else default


def row(job_id: int | str) -> dict[str, Any]:
    """The row of one job; InputError when there is none."""
    try:
        number = int(job_id)
    except ValueError:
        number = 0
    entries = rows("id = ?", (number,)) if number.bit_length() < 64 else []
    if not entries:
        raise InputError(f"no job {str(job_id)[:40]!r}: `poolscope jobs list` shows the jobs there are")
    return entries[0]


def as_job(entry: dict[str, Any]) -> Job:
    as_they_are = {field.name: entry[field.name] for field in fields(Job) if field.name in entry}
    argv = tuple(map(str, entry["argv"]))
    figures = {name: value for name, value in entry["figures"].items() if isinstance(value, (int, float))}
    return Job(**as_they_are | {"argv": argv, "figures": figures, "log_path": log_path(entry["id"])})


def insert(*, kind: str, title: str, argv: list[str], device: str | None, cwd: str, environment: dict[str, str]) -> int:
    with writing() as connection:
        cursor = connection.execute(
            "INSERT INTO jobs (kind, title, argv, device, cwd, environment, created) VALUES (?,?,?,?,?,?,?)",
            (kind, title, json.dumps(argv), device, cwd, json.dumps(environment), time.time()),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid


def take(job_id: int, keep: Callable[[dict[str, Any]], object]) -> None:
    """Removes the row of a job that has ended once `keep` has kept it. Raises InputError while the job waits or runs."""
    with writing() as connection:
        entry = connection.execute(
            "DELETE FROM jobs WHERE id=? AND state NOT IN ('queued', 'running') RETURNING *", (job_id,)
        ).fetchone()
        if entry is not None:
            keep(dict(entry))
    if entry is None:
        raise InputError(
            f"job {job_id} is {row(job_id)['state']}: cancel it with `poolscope jobs cancel {job_id}` first"
        )


def put(entry: dict[str, Any]) -> None:
    """Puts back a row that `take` removed; ids are never given twice."""
    with writing() as connection:
        known = [column["name"] for column in connection.execute("PRAGMA table_info(jobs)") if column["name"] in entry]
        connection.execute(
            f"INSERT OR IGNORE INTO jobs ({', '.join(known)}) VALUES ({', '.join('?' * len(known))})",
            [entry[name] for name in known],
        )


def claim(job_id: int, *, machine: str, pid: int, pid_started: float) -> bool:
    """Turns a queued job into a running one with the devices that it gets, if they are free; of several runners one wins."""
    now = time.time()
    with writing() as connection:
        entry = connection.execute("SELECT device FROM jobs WHERE id=? AND state='queued'", (job_id,)).fetchone()
        device = slots.assigned(entry["device"], busy(connection)) if entry else None
        if device is None:
            return False
        connection.execute(
            "UPDATE jobs SET state='running', started=?, heartbeat=?, machine=?, pid=?, pid_started=?, device=? WHERE id=?",
            (now, now, machine, pid, pid_started, device or None, job_id),
        )
        return True


def busy(connection: sqlite3.Connection) -> set[str]:
    """The units that running jobs hold."""
    held = connection.execute("SELECT device FROM jobs WHERE state='running'").fetchall()
    return {unit for row in held for unit in slots.units(row["device"])}


def beat(job_id: int, pid: int) -> None:
    with _opened() as connection:
        connection.execute(
            "UPDATE jobs SET heartbeat=? WHERE id=? AND state='running' AND pid=?", (time.time(), job_id, pid)
        )


def report(job_id: int, progress: float, message: str, figures: dict[str, float]) -> None:
    with _opened() as connection:
        connection.execute(
            "UPDATE jobs SET progress=?, message=?, figures=? WHERE id=? AND state='running'",
            (progress, message, json.dumps(figures), job_id),
        )


def finish(job_id: int, pid: int | None, state: str, *, exit_code: int | None, message: str | None) -> bool:
    """Ends the running job of runner `pid`; an end already written stays. `message` None keeps the last."""
    with writing() as connection:
        cursor = connection.execute(
            "UPDATE jobs SET state=?, ended=?, exit_code=?, message=coalesce(?, message), "
            "progress=CASE WHEN ?='done' THEN 1 ELSE progress END "
            "WHERE id=? AND state='running' AND pid IS ?",
            (state, time.time(), exit_code, message, state, job_id, pid),
        )
        return cursor.rowcount == 1

"""The jobs table: one SQLite file in write-ahead mode, shared by app, command line and runners."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..paths import home
from .job import Job

VERSION = 1
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


COLUMNS = (
    "id", "kind", "title", "argv", "device", "cwd", "environment", "state", "cancel_requested", "progress", "message",
    "figures", "created", "spawned", "started", "ended", "heartbeat", "machine", "pid", "pid_started", "exit_code",
)  # fmt: skip


def log_path(job_id: int) -> Path:
    return home() / "jobs" / f"{job_id}.log"


def connect() -> sqlite3.Connection:
    """A connection in autocommit mode; it waits up to 30 s for another writer."""
    path = home() / "jobs.sqlite"
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            raise InputError(
                f"{path} was written by a newer Poolscope (version {found}, this one knows {VERSION}): "
                "upgrade Poolscope or set POOLSCOPE_HOME to another directory"
            )
        if found < VERSION:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def writing() -> Iterator[sqlite3.Connection]:
    """One write transaction: what it reads cannot change before what it writes is there."""
    with closing(connect()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def rows(where: str = "1", values: tuple[Any, ...] = (), *, order: str = "id") -> list[sqlite3.Row]:
    with closing(connect()) as connection:
        return connection.execute(f"SELECT * FROM jobs WHERE {where} ORDER BY {order}", values).fetchall()


def row(job_id: int | str) -> sqlite3.Row:
    """The row of one job; InputError when there is none."""
    try:
        found = rows("id = ?", (int(job_id),))
    except (ValueError, OverflowError):
        found = []
    if not found:
        raise InputError(f"no job {str(job_id)[:40]!r}: `poolscope jobs list` shows the jobs there are")
    return found[0]


def as_job(found: sqlite3.Row) -> Job:
    return Job(
        id=found["id"],
        kind=found["kind"],
        title=found["title"],
        argv=tuple(json.loads(found["argv"])),
        device=found["device"],
        state=found["state"],
        progress=found["progress"],
        message=found["message"],
        figures=json.loads(found["figures"]),
        created=found["created"],
        started=found["started"],
        ended=found["ended"],
        exit_code=found["exit_code"],
        log_path=log_path(found["id"]),
        pid=found["pid"],
    )


def insert(*, kind: str, title: str, argv: list[str], device: str | None, cwd: str, environment: dict[str, str]) -> int:
    with writing() as connection:
        cursor = connection.execute(
            "INSERT INTO jobs (kind, title, argv, device, cwd, environment, created) VALUES (?,?,?,?,?,?,?)",
            (kind, title, json.dumps(argv), device, cwd, json.dumps(environment), time.time()),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid


def take(job_id: int) -> dict[str, Any]:
    """Removes the row of a job that has ended and returns it. Raises InputError while the job waits or runs."""
    with writing() as connection:
        found = connection.execute(
            "DELETE FROM jobs WHERE id=? AND state NOT IN ('queued', 'running') RETURNING *", (job_id,)
        ).fetchone()
    if found is None:
        raise InputError(f"job {job_id} is {row(job_id)['state']}: cancel it with `poolscope jobs cancel {job_id}` first")
    return dict(found)


def put(found: dict[str, Any]) -> None:
    """Puts back a row that `take` removed; ids are never given twice."""
    known = [name for name in COLUMNS if name in found]
    with writing() as connection:
        connection.execute(
            f"INSERT OR IGNORE INTO jobs ({', '.join(known)}) VALUES ({', '.join('?' * len(known))})",
            [found[name] for name in known],
        )


def claim(job_id: int, *, machine: str, pid: int, pid_started: float) -> bool:
    """Turns a queued job into a running one, if its device is free; of several runners at once one wins."""
    now = time.time()
    with writing() as connection:
        cursor = connection.execute(
            "UPDATE jobs SET state='running', started=?, heartbeat=?, machine=?, pid=?, pid_started=? "
            "WHERE id=? AND state='queued' AND (device IS NULL OR NOT EXISTS "
            "(SELECT 1 FROM jobs AS other WHERE other.state='running' AND other.device=jobs.device))",
            (now, now, machine, pid, pid_started, job_id),
        )
        return cursor.rowcount == 1


def beat(job_id: int, pid: int) -> None:
    with closing(connect()) as connection:
        connection.execute(
            "UPDATE jobs SET heartbeat=? WHERE id=? AND state='running' AND pid=?", (time.time(), job_id, pid)
        )


def report(job_id: int, progress: float, message: str, figures: dict[str, float]) -> None:
    with closing(connect()) as connection:
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

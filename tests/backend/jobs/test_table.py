"""A jobs table that is damaged, locked or of another kind, and clocks that jump."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from poolscope import jobs, processes
from poolscope.errors import InputError
from poolscope.jobs import TableProgress, queue, table


def row(**changed: object) -> int:
    job_id = table.insert(kind="t", title="one", argv=["methods"], device="cpu", cwd="/", environment={})
    with table.writing() as connection:
        connection.execute("UPDATE jobs SET state='done' WHERE id=?", (job_id,))
        for name, value in changed.items():
            connection.execute(f"UPDATE jobs SET {name}=? WHERE id=?", (value, job_id))
    return job_id


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00" + b"\xff" * 500])
def test_a_file_that_is_no_table_is_told_and_left_alone(home: Path, content: bytes) -> None:
    (home / "jobs.sqlite").write_bytes(content)
    with pytest.raises(InputError, match=r"jobs\.sqlite can't be used .*: move it away"):
        jobs.all()
    with pytest.raises(InputError, match="move it away"):
        jobs.get(1)
    assert (home / "jobs.sqlite").read_bytes() == content
    (home / "jobs.sqlite").unlink()


def test_a_table_without_its_columns_is_told(home: Path) -> None:
    row()
    with closing(sqlite3.connect(home / "jobs.sqlite", isolation_level=None)) as connection:
        connection.execute("ALTER TABLE jobs RENAME COLUMN figures TO other")
    with pytest.raises(InputError, match="no column 'figures'"):
        jobs.all()
    (home / "jobs.sqlite").unlink()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("argv", "["), ("argv", '{"a": 1}'), ("argv", b"\xff"), ("figures", "[1]"), ("figures", '{"loss": "low"}'), ("environment", "null"),
        ("progress", float("inf")), ("progress", "half"), ("started", "noon"), ("ended", b"\x00"), ("title", b"\xff\xfe"), ("exit_code", "x"),
        ("pid", "x"), ("pid", 2**62), ("created", -1e300), ("message", 3),
    ],
)  # fmt: skip
def test_a_cell_of_another_type_counts_as_empty(name: str, value: object) -> None:
    job_id = row(**{name: value})
    other = row()
    assert {job.id for job in jobs.all()} == {job_id, other}
    assert jobs.get(job_id).state == "done"


def test_a_locked_table_is_told_after_a_while(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = row()
    monkeypatch.setattr(table, "WAIT", 0.2)
    with closing(sqlite3.connect(home / "jobs.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match="locked by another process"):
            jobs.submit(["methods"], kind="t")
        TableProgress(job_id)(1, 2)  # costs that one message, never the job
        other.execute("ROLLBACK")
    assert [job.id for job in jobs.all()] == [job_id]


def test_a_lock_that_goes_is_waited_for(home: Path) -> None:
    row()
    with closing(sqlite3.connect(home / "jobs.sqlite", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        threading.Timer(0.5, other.execute, ("ROLLBACK",)).start()
        began = time.monotonic()
        row()
        assert time.monotonic() - began > 0.3


@pytest.mark.parametrize(
    ("jump", "runs"), [(0.0, True), (-30.0, True), (-3600.0, False), (+600.0, True), (+86_400.0, False)]
)
def test_a_clock_that_jumps_neither_kills_nor_keeps_a_job_of_elsewhere(jump: float, runs: bool) -> None:
    """A heartbeat far in the future is one of a clock that has been set back since; it would otherwise count for years."""
    assert processes.running("elsewhere/boot/1", 1, 1.0, time.time() + jump) is runs


@pytest.mark.parametrize("jump", [-1e6, 1e6])
def test_a_clock_that_jumps_leaves_a_job_of_this_machine_alone(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    where, pid, began = processes.identity()
    now = time.time()
    job_id = row(state="running", machine=where, pid=pid, pid_started=began, heartbeat=now)
    monkeypatch.setattr(time, "time", lambda: now + jump)
    state = jobs.get(job_id).state
    assert table.finish(job_id, pid, "done", exit_code=0, message=None)  # what still runs after a test is killed
    assert state == "running"


def test_a_job_whose_runner_died_is_sent_another_after_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark of its first runner lies in the future now; it would have waited until the clock came by there again."""
    now = time.time()
    job_id = row(state="queued", device=jobs.SHORT, spawned=now + 86_400.0)
    fresh = row(state="queued", device=jobs.SHORT, spawned=now)
    assert queue._startable() == [job_id]
    for one in (job_id, fresh):
        with table.writing() as connection:
            connection.execute("UPDATE jobs SET state='done' WHERE id=?", (one,))


def test_a_job_of_the_future_has_taken_no_time_yet() -> None:
    from poolscope.cli.jobs import _took

    assert _took(jobs.get(row(started=time.time() + 1e6, ended=time.time()))) == "0:00"


def journal(home: Path) -> str:
    with closing(sqlite3.connect(home / "jobs.sqlite")) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_a_table_on_a_network_file_system_keeps_a_rollback_journal(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that every node of a cluster mounts, here by what the table of mounts says of it."""
    import psutil

    def mounted(kind: str) -> None:
        mounts = [SimpleNamespace(mountpoint=place, fstype=of) for place, of in (("/", "ext4"), (str(home), kind))]
        monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
        table._on_network.cache_clear()

    mounted("xfs")
    first = row()
    assert journal(home) == "wal"
    for kind in ("nfs4", "fuse.sshfs", "lustre"):
        mounted(kind)
        assert jobs.get(first).title == "one", "a table of before is taken over"
        assert journal(home) == "delete"
    (home / "jobs.sqlite").unlink()
    assert jobs.get(row()).title == "one"
    assert journal(home) == "delete"
    assert not (home / "jobs.sqlite-wal").exists()
    table._on_network.cache_clear()

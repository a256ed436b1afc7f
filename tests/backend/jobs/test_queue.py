"""Jobs as the app and the command line see them: real `poolscope` command lines."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from poolscope import jobs
from poolscope.errors import InputError
from poolscope.jobs import queue, table
from tests.backend.jobs.conftest import until

FOREVER = ["jobs", "wait"]


def forever(device: str | None = "cpu") -> int:
    """A job that never ends by itself: it waits for one that runs on another machine of a shared home."""
    waited = table.insert(kind="t", title="", argv=["x"], device="gpu:9", cwd="/", environment={})
    assert table.claim(waited, machine="elsewhere/boot/1", pid=1, pid_started=1.0)
    return jobs.submit(["jobs", "wait", str(waited)], kind="t", device=device)


def test_job_runs_to_its_end(ended):
    job_id = jobs.submit(["jobs", "list", "--json"], kind="list", device=None, title="List")
    job = ended(job_id)
    assert (job.state, job.exit_code, job.progress) == ("done", 0, 1.0)
    assert job.title == "List"
    assert job.argv == ("jobs", "list", "--json")
    assert '{"jobs": [' in jobs.log_tail(job_id)
    assert job.started is not None
    assert job.ended is not None
    assert job.created <= job.started <= job.ended


def test_wrong_input_of_a_job_is_its_message(ended):
    job = ended(jobs.submit(["jobs", "show", "999"], kind="t", device=None))
    assert (job.state, job.exit_code) == ("failed", 2)
    assert job.message == "no job '999': `poolscope jobs list` shows the jobs there are"


def test_one_slot_per_device_and_none_for_light_jobs(ended):
    first, second = forever(), jobs.submit(["jobs", "list"], kind="t")
    other = jobs.submit(["jobs", "list"], kind="t", device="gpu:0")
    light = jobs.submit(["jobs", "list"], kind="t", device=None)
    assert ended(other).state == "done"
    assert ended(light).state == "done"
    until(lambda: jobs.get(first).state == "running")
    assert jobs.get(second).state == "queued"
    assert jobs.cancel(first).state == "cancelled"
    assert ended(second).state == "done"


def test_next_job_starts_without_the_app(ended):
    """The runner itself starts the next one: nobody looks at the table until it has run."""
    argvs = [["jobs", "list"], ["jobs", "list"], ["jobs", "list"]]
    ids = [jobs.submit(argv, kind="t") for argv in argvs]
    until(lambda: all(row["state"] == "done" for row in table.rows()))
    begun = [table.row(job_id)["started"] for job_id in ids]
    over = [table.row(job_id)["ended"] for job_id in ids]
    assert over[0] <= begun[1]
    assert over[1] <= begun[2]


def test_of_many_runners_one_gets_the_device():
    ids = [table.insert(kind="t", title="", argv=["x"], device="cpu", cwd="/", environment={}) for _ in range(8)]
    barrier, won = threading.Barrier(8), []

    def claim(job_id: int) -> None:
        barrier.wait()
        if table.claim(job_id, machine="m", pid=job_id, pid_started=1.0):
            won.append(job_id)

    threads = [threading.Thread(target=claim, args=(job_id,)) for job_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert [row["id"] for row in table.rows("state='running'")] == won


def test_cancel_a_queued_job_and_resume_it(ended):
    first, second = forever(), jobs.submit(["jobs", "list"], kind="t")
    assert jobs.cancel(second).state == "cancelled"
    jobs.cancel(first)
    assert jobs.get(second).state == "cancelled"
    assert jobs.resume(second).state in ("queued", "running", "done")
    assert ended(second).state == "done"
    with pytest.raises(InputError, match="is done: only a failed, cancelled or lost job"):
        jobs.resume(second)


def test_a_job_outlives_the_process_that_submitted_it(ended, tmp_path: Path):
    code = "from poolscope import jobs; print(jobs.submit(['jobs', 'list'], kind='t', device=None))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ended(int(printed.stdout)).state == "done"


def test_a_job_keeps_the_directory_and_settings_of_its_submitter(ended, tmp_path: Path, monkeypatch):
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "__init__.py").write_text("raise SystemExit('the wrong backend')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POOLSCOPE_POOL", "here")
    blocker = forever()
    job_id = jobs.submit(["jobs", "list"], kind="t")
    monkeypatch.delenv("POOLSCOPE_POOL")
    monkeypatch.chdir("/")
    row = table.row(job_id)
    assert row["cwd"] == str(tmp_path)
    assert queue.environment_of({"POOLSCOPE_POOL": "here"})["POOLSCOPE_POOL"] == "here"
    assert row["environment"]["POOLSCOPE_POOL"] == "here"
    jobs.cancel(blocker)
    assert ended(job_id).state == "done"


def test_log_tail_begins_with_a_whole_line(ended):
    job_id = jobs.submit(["jobs", "list"], kind="t", device=None)
    ended(job_id)
    table.log_path(job_id).write_text("".join(f"line {i}\n" for i in range(1000)))
    tail = jobs.log_tail(job_id, 40)
    assert tail.splitlines()[0] == "line 996"
    assert tail.endswith("line 999\n")


@pytest.mark.parametrize("wrong", ["nonsense", "", "99999999999999999999999", "-1", 4711])
def test_unknown_job(wrong):
    for call in (jobs.get, jobs.cancel, jobs.resume, jobs.log_tail):
        with pytest.raises(InputError, match="no job"):
            call(wrong)


def test_a_job_needs_a_command_and_a_known_device():
    with pytest.raises(InputError, match="command line"):
        jobs.submit([], kind="t")
    with pytest.raises(InputError, match="'tpu'"):
        jobs.submit(["jobs", "list"], kind="t", device="tpu")
    assert jobs.all() == []


def test_newest_first():
    ids = [table.insert(kind="t", title="", argv=["x"], device="cpu", cwd="/", environment={}) for _ in range(3)]
    with table.writing() as connection:
        connection.execute("UPDATE jobs SET state='done'")
    assert [job.id for job in jobs.all()] == ids[::-1]


def test_table_of_a_newer_poolscope_is_left_alone(home: Path):
    with table.writing() as connection:
        connection.execute("SELECT 1")
    connection = sqlite3.connect(home / "jobs.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(InputError, match="newer Poolscope"):
        jobs.all()
    (home / "jobs.sqlite").unlink()


def test_a_job_of_seconds_does_not_wait_behind_a_long_one(ended):
    long = forever()
    assert ended(jobs.submit(["jobs", "list"], kind="t", device=jobs.SHORT)).state == "done"
    until(lambda: jobs.get(long).state == "running")
    jobs.cancel(long)


def test_the_queue_can_be_reordered(ended):
    long = forever()
    until(lambda: jobs.get(long).state == "running")
    first, second, third = (jobs.submit(["jobs", "list"], kind="t") for _ in range(3))
    jobs.move(third, -1)
    jobs.move(first, 99)
    jobs.move(third, -99)
    moved = sorted((jobs.get(one) for one in (first, second, third)), key=lambda job: job.created)
    assert [job.id for job in moved] == [third, second, first]
    with pytest.raises(InputError, match=f"job {long} is running: only a job that waits can be moved"):
        jobs.move(long, 1)
    jobs.cancel(long)
    ran = sorted((ended(one) for one in (first, second, third)), key=lambda job: job.started)
    assert [job.id for job in ran] == [third, second, first]

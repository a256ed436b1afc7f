"""`poolscope jobs`."""

import time

from poolscope import jobs
from poolscope.jobs import table


def queued() -> int:
    """A job whose runner is on its way."""
    job_id = table.insert(kind="train", title="A run", argv=["train", "x"], device="gpu:9", cwd="/", environment={})
    with table.writing() as connection:
        connection.execute("UPDATE jobs SET spawned=? WHERE id=?", (time.time(), job_id))
    return job_id


def test_list_has_the_promised_shape(poolscope):
    assert poolscope("jobs", "list", "--json").json == {"jobs": []}
    assert "no jobs yet" in poolscope("jobs", "list").out
    job_id = queued()
    (job,) = poolscope("jobs", "list", "--json").json["jobs"]
    assert {"id": job_id, "kind": "train", "state": "queued", "progress": 0, "message": ""}.items() <= job.items()
    assert "A run" in poolscope("jobs", "list").out


def test_show_cancel_and_resume(poolscope):
    job_id = queued()
    assert poolscope("jobs", "show", job_id, "--json").json["argv"] == ["train", "x"]
    assert "poolscope train x" in poolscope("jobs", "show", job_id).out
    assert "is queued" in poolscope("jobs", "resume", job_id).refused()
    assert poolscope("jobs", "cancel", job_id, "--json").json["state"] == "cancelled"
    assert "is cancelled already" in poolscope("jobs", "cancel", job_id).refused()
    assert poolscope("jobs", "wait", job_id).code == 1
    with table.writing() as connection:
        connection.execute('UPDATE jobs SET argv=\'["jobs", "list"]\' WHERE id=?', (job_id,))
    assert poolscope("jobs", "resume", job_id).code == 0
    assert poolscope("jobs", "wait", job_id, "--json").json["state"] == "done"
    assert "poolscope jobs list" in poolscope("jobs", "log", job_id).out
    assert len(poolscope("jobs", "log", job_id, "--bytes", "20").out) <= 20


def test_progress_of_a_job_reaches_the_table(poolscope, monkeypatch):
    from poolscope.cli.console import progress_bar

    job_id = queued()
    table.claim(job_id, machine="m", pid=1, pid_started=1.0)
    monkeypatch.setenv("POOLSCOPE_JOB", str(job_id))
    with progress_bar("embed") as progress:
        progress(5, 10, "half", loss=0.5)
    job = table.as_job(table.row(job_id))
    assert (job.progress, job.message, job.figures) == (0.5, "half", {"loss": 0.5})


def test_unknown_job(poolscope):
    for command in ("show", "log", "wait", "cancel", "resume"):
        assert "no job '77'" in poolscope("jobs", command, 77).refused()
    assert jobs.all() == []

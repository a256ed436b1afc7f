"""`poolscope sweep`: queue, look, stop, resume; what the runs do is tested elsewhere."""

import pytest

from poolscope import jobs


@pytest.fixture(autouse=True)
def queue(monkeypatch):
    """Command lines that were submitted; they stay queued."""
    lines = []

    def submit(argv, *, kind, device="cpu", title=""):
        lines.append(list(argv))
        return jobs.table.insert(
            kind=kind, title=title, argv=list(argv), device=device, cwd="/", environment={}
        )  # fmt: skip

    monkeypatch.setattr(jobs, "submit", submit)
    monkeypatch.setattr(jobs.queue, "_spawn", lambda job: None)
    return lines


def test_a_sweep_is_queued_shown_stopped_and_resumed(poolscope, tiny_pool, queue):
    argv = ("--scores", "clip_b32, clip_l14", "--fractions", "0.5,1", "--seeds", "0,1", "--pool", tiny_pool.path)
    made = poolscope("sweep", "start", *argv, "--recipe", "random-30", "--as", "s", "--json").json
    assert (made["sweep"], made["scale"], made["states"]) == ("s", "demo", {"queued": 8})
    assert len(queue) == len(made["runs"]) == 8
    assert {run["score"] for run in made["runs"]} == {"", "clip_b32", "clip_l14"}
    assert poolscope("sweep", "show", "s", "--json").json["points"] == []
    assert "8 queued" in poolscope("sweep", "show", "s").out
    assert poolscope("sweep", "stop", "s", "--json").json["stopped"] == 8
    assert poolscope("sweep", "resume", "s", "--json").json["states"] == {"queued": 8}
    assert [one["sweep"] for one in poolscope("sweep", "list", "--json").json["sweeps"]] == ["s"]
    assert "8 queued" in poolscope("sweep", "list").out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "no run"),
        (("--scores", "nothing"), "nothing"),
        (("--scores", "clip_b32", "--fractions", "half"), "'half'"),
        (("--scores", "clip_b32", "--fractions", "1.5"), "1.5"),
        (("--scores", "clip_b32", "--seeds", "-1"), "'-1'"),
        (("--scores", "clip_b32", "--scale", "huge"), "'huge'"),
        (("--scores", "clip_b32", "--base", "none-such"), "'none-such'"),
    ],
)
def test_wrong_sweeps_queue_nothing(argv, said, poolscope, tiny_pool, queue):
    assert said in poolscope("sweep", "start", *argv, "--pool", tiny_pool.path).refused()
    assert queue == []
    assert "'x'" in poolscope("sweep", "show", "x").refused()

import os

import pytest

from poolscope import runs as record
from poolscope.errors import InputError
from poolscope.runs import Run, runs


def test_record_survives_and_lists_newest_first() -> None:
    for number in range(2):
        one = Run(id=f"run-{number}", scale="demo", created=float(number), notes=["é"])
        one.step_to("done")
    assert [run.id for run in runs()] == ["run-1", "run-0"]
    assert Run.load("run-0").notes == ["é"]
    assert Run.load("run-0").ended is not None


def test_a_run_whose_process_is_gone_is_stopped_not_training() -> None:
    one = Run(id="a", scale="demo")
    one.step_to("training")
    assert Run.load("a").state == "training"
    assert one.pid == os.getpid()
    one.pid = 2**22 - 1
    one.save()
    assert Run.load("a").state == "stopped"
    assert Run.load("a").resumable


def test_a_reused_process_id_is_told_apart() -> None:
    one = Run(id="a")
    one.step_to("training")
    one.pid_started = (one.pid_started or 0) - 1000
    one.save()
    assert Run.load("a").state == "stopped"


def test_a_torn_result_line_is_ignored_and_the_last_of_a_key_counts() -> None:
    one = Run(id="a")
    one.step_to("done")
    path = one.path / "results.jsonl"
    lines = [{"key": "x", "dataset": "X", "metrics": {"main_metric": value}} for value in (0.1, 0.2)]
    record.write_results(path, lines)
    with path.open("a") as file:
        file.write('{"key": "y", "data')
    assert one.results() == [lines[1]]


def test_unknown_runs_name_those_alike() -> None:
    Run(id="demo-a-1").step_to("done")
    Run(id="demo-a-2").step_to("done")
    assert Run.load("demo-a-1").id == "demo-a-1"
    with pytest.raises(InputError, match="demo-a-1, demo-a-2"):
        Run.load("demo-a")
    with pytest.raises(InputError, match="none"):
        Run.load("../../etc")


def test_an_unreadable_record_does_not_hide_the_others() -> None:
    Run(id="good").step_to("done")
    Run(id="bad").step_to("done")
    (Run(id="bad").path / "run.json").write_text("{")
    assert [run.id for run in runs()] == ["good"]
    with pytest.raises(InputError, match="not readable"):
        Run.load("bad")


def test_ids_are_readable_and_unique() -> None:
    first = record.new_id("demo", "CLIP score, top 30 %", "s0")
    assert first.startswith("demo-clip-score-top-30-s0-")
    Run(id=first).step_to("done")
    assert record.new_id("demo", "CLIP score, top 30 %", "s0") != first
    with pytest.raises(InputError, match="letters"):
        record.check_id("a/b")

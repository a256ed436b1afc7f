from pathlib import Path

import pytest

from poolscope.bench import metrics
from poolscope.runs import Run

LINES = """\
2026-11-21,02:29:20 | INFO | Start epoch 0
2026-11-21,02:29:20 | INFO | Train Epoch: 0 [  256/3072 (8%)] Data (t): 0.695 Batch (t): 10.050, 25.4717/s, 25.4717/s/gpu LR: 0.000025 Logit Scale: 14.286 Contrastive_loss: 5.6054 (5.6054) Loss: 5.6054 (5.6054)
2026-11-21,02:29:40 | INFO | Train Epoch: 0 [ 3072/3072 (100%)] Data (t): 0.008 Batch (t): 0.500, 300.2/s, 300.2/s/gpu LR: 0.000125 Logit Scale: 14.283 Contrastive_loss: 5.4762 (5.5) Loss: 5.4762 (5.5)
2026-11-21,02:30:40 | INFO | Train Epoch: 1 [  256/3072 (8%)] Data (t): 0.008 Batch (t): 0.512, 500/s, 500/s/gpu LR: 0.001000 Logit Scale: 14.100 Contrastive_loss: nan (nan) Loss: nan (nan)
"""


def test_lines_of_open_clip_become_figures() -> None:
    found = [figures for line in LINES.splitlines() if (figures := metrics.parse(line, batch=256))]
    assert [f["step"] for f in found] == [1, 12, 13]
    assert found[1] == {
        "step": 12, "samples": 3072, "loss": 5.4762, "lr": 0.000125, "samples_per_s": 512.0, "data_s": 0.008,
        "batch_s": 0.5, "logit_scale": 14.283,
    }  # fmt: skip
    assert found[2]["loss"] != found[2]["loss"]
    assert found[2]["samples"] == 3328


def test_follower_reads_only_whole_new_lines(tmp_path: Path) -> None:
    log = tmp_path / "out.log"
    follower = metrics.Follower(log, batch=256)
    assert follower.new() == []
    head, tail = LINES[:200], LINES[200:]
    log.write_text(head)
    assert follower.new() == []
    with log.open("a") as file:
        file.write(tail)
    assert [f["step"] for f in follower.new()] == [1, 12, 13]
    assert follower.new() == []


def test_steps_done_again_after_a_resume_count_as_done_last() -> None:
    run = Run(id="r", settings={"batch": 256})
    run.step_to("done")
    for step, loss in ((1, 5.0), (2, 4.0), (3, 3.0), (2, 3.5), (4, 2.0)):
        metrics.append(run.path / "metrics.jsonl", {"step": step, "loss": loss})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')
    found = metrics.curves("r")
    assert found["step"] == [1, 2, 4]
    assert found["loss"] == [5.0, 3.5, 2.0]
    assert found["lr"] == [None, None, None]


def test_a_run_from_a_cluster_has_curves_from_its_log_alone() -> None:
    run = Run(id="r", settings={"batch": 256})
    run.step_to("done")
    run.log_path.parent.mkdir(parents=True)
    run.log_path.write_text(LINES)
    assert metrics.curves("r")["lr"] == pytest.approx([0.000025, 0.000125, 0.001])

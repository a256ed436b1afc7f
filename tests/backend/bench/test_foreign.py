import json
import os
import pickle
from pathlib import Path

import pytest

from poolscope.bench import foreign
from poolscope.errors import InputError
from poolscope.runs import Run, runs, write_results


def info(tmp_path: Path, **changes: object) -> Path:
    content = {
        "scale": "small", "checkpoint": tmp_path / "checkpoints" / "epoch_5.pt", "data_dir": "/data/shards",
        "scale_config": {"batch_size": 4096, "learning_rate": 0.0005, "train_num_samples": 12_800_000, "warmup": 500,
                         "model": "ViT-B-32", "beta2": None},
    } | changes  # fmt: skip
    path = tmp_path / "info.pkl"
    path.write_bytes(pickle.dumps(content))
    return path


def test_info_pkl_is_read(tmp_path: Path) -> None:
    found = foreign.read_info(info(tmp_path))
    assert found["checkpoint"] == str(tmp_path / "checkpoints" / "epoch_5.pt")
    assert found["scale_config"]["batch_size"] == 4096


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/poolscope-was-here",)


def test_no_code_of_a_pickle_is_run(tmp_path: Path) -> None:
    marker = Path("/tmp/poolscope-was-here")
    marker.unlink(missing_ok=True)
    with pytest.raises(InputError, match=r"names (posix|nt|os)\.system; only paths"):
        foreign.read_info(info(tmp_path, data_dir=Bomb()))
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"hello", pickle.dumps([1]), pickle.dumps({"scale": "small"})])
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "info.pkl").write_bytes(content)
    with pytest.raises(InputError, match=r"no info\.pkl"):
        foreign.read_info(tmp_path / "info.pkl")


def test_eval_results_round_trip(tmp_path: Path) -> None:
    theirs = tmp_path / "eval_results.jsonl"
    theirs.write_text(
        '{"key": "mnist", "dataset": "MNIST", "metrics": {"acc1": 0.5, "acc5": null, "main_metric": 0.5}}\n'
        '{"key": "fairness/geode", "dataset": "GeoDE", "metrics": {"acc_region:3": NaN, "main_metric": 0.25}}\n'
    )
    results = foreign.read_eval_results(theirs)
    assert results[1].metrics == {"acc_region:3": None, "main_metric": 0.25}
    run = Run(id="a")
    run.step_to("done")
    write_results(run.path / "results.jsonl", [result.as_json() for result in reversed(results)])
    foreign.write_eval_results(run, tmp_path / "ours.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "ours.jsonl").read_text().splitlines()]
    assert [line["key"] for line in lines] == ["mnist", "fairness/geode"]
    assert set(lines[0]) == {"key", "dataset", "metrics"}
    theirs.write_text("[]\n")
    with pytest.raises(InputError, match="line 1, is no result"):
        foreign.read_eval_results(theirs)


def test_a_run_made_elsewhere_joins_the_board(tmp_path: Path) -> None:
    info(tmp_path)
    (tmp_path / "eval_results.jsonl").write_text(
        '{"key": "mnist", "dataset": "MNIST", "metrics": {"acc1": 0.5, "main_metric": 0.5}}\n'
    )
    run = foreign.import_run(tmp_path, name="theirs")
    assert (run.scale, run.model, run.not_comparable) == ("small", "ViT-B-32", [])
    assert run.results()[0]["metrics"]["main_metric"] == 0.5
    info(tmp_path, scale_config={"batch_size": 1024, "learning_rate": 0.0005, "train_num_samples": 12_800_000,
                                 "warmup": 500, "model": "ViT-B-32"})  # fmt: skip
    assert foreign.import_run(tmp_path, name="other").not_comparable == ["batch is 1,024 instead of 4,096"]
    (tmp_path / "eval_results.jsonl").write_text("{}")
    with pytest.raises(InputError, match="no result"):
        foreign.import_run(tmp_path, name="damaged")
    assert {run.name for run in runs()} == {"theirs", "other"}, "a run is listed with its results, or not at all"

"""`make results`: what it says of its duration, and that it goes on where it was stopped."""

import sys
from pathlib import Path

import pytest

from poolscope.runs import Run

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_it_says_how_long_it_takes_and_goes_on(home, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import results

    assert results.ahead().startswith("105 of 105 runs to train, about ")
    for seed in (0, 1):
        run = Run(
            id=f"run-{seed}", scale="demo", seed=seed, recipe="Basic", seconds={"training": 110.0, "shards": 10.0}
        )
        run.step_to("done")
    assert "103 of 105 runs to train, about 103 minutes (as the 2 before, 2 at a time)" in results.ahead()

    mark = home / "second"
    fails = [sys.executable, "-c", f"import pathlib, sys; sys.exit(not pathlib.Path({str(mark)!r}).exists())"]
    monkeypatch.setattr(results, "steps", lambda work: [("runs", fails[1:])])
    with pytest.raises(SystemExit, match="start again to go on from there"):
        results.main()
    mark.touch()
    results.main()
    said = capsys.readouterr().out
    assert "the durations recorded by 2 runs add up to 4 minutes" in said
    assert "earlier times included" in said

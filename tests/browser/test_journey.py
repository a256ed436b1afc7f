"""From the demo to the board in one go: the swapped captions, a lasso that becomes a rule, a run, its row."""

import pytest

from poolscope.runs import runs
from tests.browser import journey

pytestmark = pytest.mark.browser


def test_from_the_swapped_captions_to_the_board(page, app_home, monkeypatch):
    from poolscope.pool import Pool

    monkeypatch.setenv("POOLSCOPE_HOME", str(app_home))
    before = {run.id for run in runs()}
    steps: list[str] = []
    swapped = journey.walk(page, steps.append)
    assert swapped == int(Pool.open(app_home.parent / "pool").array("planted").sum())
    assert len(steps) == 9
    (run,) = [run for run in runs() if run.id not in before]
    assert (run.state, run.scale) == ("done", "demo")
    assert run.rules[-1]["rule"].startswith("not") or "tag" in str(run.rules[-1])
    assert 0 < run.kept < 1000
    assert any("samples_seen is" in why for why in run.not_comparable)
    cells = page.locator("[role='gridcell']")
    assert cells.filter(has_text="done").count()

"""Costs of methods are measured by a job and filled in; a pool that changed has them measured again."""

import os
import time

import pytest

from poolscope import jobs
from poolscope.engine import cost
from poolscope.explorer import method_cost
from poolscope.jobs import table
from poolscope.scores import METHODS
from tests.explorer.conftest import texts


@pytest.fixture
def queued(monkeypatch, home, no_runner):
    """Command lines that were submitted, as jobs that wait."""
    lines = []

    def submit(argv, *, kind, device, title):
        lines.append(list(argv))
        return table.insert(kind=kind, title=title, argv=list(argv), device=device, cwd="/", environment={})

    monkeypatch.setattr(jobs, "submit", submit)
    return lines


def ended() -> None:
    with table.writing() as connection:
        connection.execute("UPDATE jobs SET state='done'")


def test_costs_are_measured_once_for_each_version_of_the_pool(queued, tiny_pool):
    assert method_cost.in_background(tiny_pool)
    assert method_cost.in_background(tiny_pool), "it waits or works"
    assert queued == [["methods", "--costs", "--pool", str(tiny_pool.path)]]
    ended()
    assert not method_cost.in_background(tiny_pool)
    os.utime(tiny_pool.path / "pool.json", (time.time() + 60, time.time() + 60))
    assert method_cost.in_background(tiny_pool)
    assert len(queued) == 2


def test_a_cost_is_filled_in_when_it_is_known(start, mapped_pool, queued, monkeypatch):
    app = start(mapped_pool, "methods")
    monkeypatch.setattr(method_cost, "in_background", lambda pool: True)
    app.run()
    assert texts(app).count("measuring what it costs here") > 5
    monkeypatch.setattr(cost, "loadable", lambda: ([METHODS["random"]], []))
    found, problems = cost.measure(mapped_pool)
    assert [one.method for one in found] == ["random"]
    assert problems == {}
    assert cost.known(mapped_pool, METHODS["random"]()) == found[0]
    waiting = texts(app).count("measuring what it costs here")
    app.run()
    assert texts(app).count("measuring what it costs here") == waiting - 1
    assert "for 200 pairs here" in texts(app)

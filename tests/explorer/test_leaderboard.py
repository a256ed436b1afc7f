"""The Leaderboard page: published rows, filters, response curves, two compared, groups."""

import json

import numpy as np
import pytest

from poolscope import jobs
from poolscope.bench import evaluation, published
from poolscope.bench.board import Summary
from poolscope.bench.tasks.datacomp import TASKS
from poolscope.bench.verdicts import Gap
from poolscope.explorer import curves, theme
from poolscope.recipe import Recipe, dump
from poolscope.runs import Run, write_results
from tests.explorer.conftest import texts


def trained(recipe: str, seed: int, right: float, keep: list[dict[str, object]], kept: int, **more: object) -> Run:
    """A finished demo run that gets this share of the flags right, with its recipe and predictions."""
    run = Run(id=f"{recipe}-{seed}".replace(" ", "-").replace("%", ""), scale="demo", recipe=recipe, seed=seed, kept=kept,
              pool_pairs=200, pool="/pool", settings={"tasks": "demo", "order": "passes"}, **more)  # type: ignore[arg-type]  # fmt: skip
    run.step_to("done")
    (run.path / "recipe.yaml").write_text(dump(Recipe(name=recipe, keep=keep)))
    rng = np.random.default_rng(0)
    label, region = rng.integers(0, 40, 200), rng.integers(0, 5, 200)
    guess = np.where(np.random.default_rng(1 + seed).random(200) < right, label, label + 1)
    top = np.stack([guess, *(label + shift for shift in (2, 3, 4, 5))], axis=1)
    evaluation.keep_predictions(run.path / "predictions", "flags", {"label": label, "top": top, "by_region": region})
    keys = ["clipart_categories", "clipart_objects", "digits", "emoji_gender", "emoji_groups", "emoji_people",
            "emoji_skin_tone", "flags", "retrieval/clipart", "retrieval/emoji"]  # fmt: skip
    write_results(
        run.path / "results.jsonl", [{"key": k, "dataset": k, "metrics": {"main_metric": right}} for k in keys]
    )
    return run


@pytest.fixture
def runs():
    """No filter and two fractions of a score, two seeds each."""
    for seed in (0, 1):
        trained("no filter", seed, 0.3 + 0.01 * seed, [], 200)
        trained("a 30 %", seed, 0.8 + 0.01 * seed, [{"score": "a", "top": 0.3}], 60)
        trained("a 60 %", seed, 0.6, [{"score": "a", "top": 0.6}], 120, track="byod")


def view(app, name):
    app.get_by_key("board-view").set_value(name).run()
    assert not app.exception
    return app


def figures(app):
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def test_published_rows_stand_beside_with_their_source_even_without_runs(start, mapped_pool):
    app = start(mapped_pool, "leaderboard")
    assert not app.exception
    assert app.get_by_key("board-scale").value == "small"
    table = app.dataframe[0].value.set_index("recipe")
    assert table.loc["CLIP L/14 30 %", "average"] == pytest.approx(17.3)
    assert "2304.14108" in table.loc["CLIP L/14 30 %", "source"]
    chart = figures(app)[0]
    assert [trace["name"] for trace in chart["data"]] == ["published", "published frontier"]


def test_the_frontier_is_drawn_through_the_best_published_rows():
    rows = [row for row in published.rows() if row.scale == "medium"]
    line = next(trace for trace in curves.against_size([], rows).data if trace.name == "published frontier")
    assert list(line.y) == [100 * row.average for row in published.frontier("medium")]


def test_many_recipes_bear_their_names_where_there_is_room(start, mapped_pool):
    for place in range(12):
        trained(f"a {place}", 0, 0.3 + 0.04 * place, [{"score": "a", "top": 0.3}], 60 + 10 * (place % 3))
    trained("twin of a 11", 0, 0.3 + 0.04 * 11, [{"score": "b", "top": 0.3}], 80)
    trained("no filter", 0, 0.35, [], 200)
    (points,) = [t for t in figures(start(mapped_pool, "leaderboard"))[0]["data"] if t["mode"] == "markers+text"]
    named = [name for name in points["text"] if name]
    assert len(points["text"]) == 14
    assert len({"a 11", "twin of a 11"} & set(named)) == 1, "points at one place share one name"
    assert len(named) > 10
    assert sorted(set(points["marker"]["color"])) == sorted({theme.KEPT, theme.DROPPED})


def test_many_recipes_stand_beside_published_ones_on_one_axis():
    rows = [row for row in published.rows() if row.scale == "medium"]
    found = [
        Summary(recipe=f"r {k}" if k < 5 else f"r {k}" + " and more" * 9, scale="medium", pool="p", kept=kept, seeds=(0,), mean=0.3, sd=None, gap=Gap(k - 4.0, (1, 1)),
                baseline=False, tasks={})
        for k, kept in enumerate([None, *[10**7] * 4, *[10**8] * 4])
    ]  # fmt: skip
    chart = curves.against_size(found, rows)
    low, high = chart.layout.xaxis.range
    sizes = [np.log10(row.kept) for row in rows if row.kept]
    assert chart.layout.xaxis.type == "log"
    assert 5 < low < min(sizes) < max(sizes) < high < 12
    (points,) = [trace for trace in chart.data if trace.mode == "markers+text"]
    assert [name for name in points.text if name] == ["r 0", "r 1", f"{'r 5' + ' and more' * 4:.33}…"], (
        "equal points share one name, and a long one is cut"
    )
    assert list(points.marker.color) == [theme.DROPPED] * 4 + [theme.KEPT] * 5


def test_a_track_is_chosen(start, mapped_pool, runs):
    app = start(mapped_pool, "leaderboard")
    assert set(app.dataframe[0].value["recipe"]) == {"no filter", "a 30 %", "a 60 %"}
    app.get_by_key("board-track").set_value("byod").run()
    assert set(app.dataframe[0].value["recipe"]) == {"a 60 %"}


def test_runs_that_vary_in_one_fraction_draw_their_response(start, mapped_pool, runs):
    chart = figures(view(start(mapped_pool, "leaderboard"), "Response"))[0]
    line = chart["data"][0]
    assert line["name"] == "a"
    assert np.allclose(_values(line["x"]), [30, 60, 100])
    assert np.allclose(_values(line["y"]), [80.5, 60, 30.5])
    assert chart["layout"]["shapes"][0]["y0"] == pytest.approx(30.5)


def _values(entry):
    """Numbers of a figure, which Plotly may have packed."""
    if isinstance(entry, dict):
        import base64

        return np.frombuffer(base64.b64decode(entry["bdata"]), dtype=np.dtype(entry["dtype"]))
    return np.array(entry, dtype=float)


def test_two_recipes_get_a_verdict_and_two_single_runs_none(start, mapped_pool, runs):
    app = view(start(mapped_pool, "leaderboard"), "Compare two")
    assert app.get_by_key("compare-a").value.startswith("a 30 %")
    assert app.get_by_key("compare-b").value.startswith("no filter")
    assert "**better: +50.0 points" in texts(app).replace("\\", "")
    assert "could see" in texts(app)
    seeds = {trace["name"]: trace for trace in figures(app)[0]["data"]}
    assert len(seeds["this, a seed each"]["x"]) == len(seeds["that"]["x"]) == 2 * len(set(seeds["that"]["y"])), (
        "a point per seed"
    )
    assert app.dataframe[0].proto.placeholder == "–", "what is not known is a dash"
    app.get_by_key("compare-a").set_value("run a-30--0").run()
    app.get_by_key("compare-b").set_value("run a-30--0").run()
    assert "Choose two different ones" in app.info[0].value
    app.get_by_key("compare-b").set_value("run a-30--1").run()
    assert "**no verdict, one seed each: -0.6 points is within what seeds do" in texts(app).replace("\\", "")
    assert "more than noise" not in texts(app)
    assert all(button.key != "compare-more" for button in app.button), "no seed tells a recipe from itself"


def test_the_seeds_that_would_decide_it_are_queued_by_a_click(start, mapped_pool, monkeypatch):
    lines = []
    monkeypatch.setattr(jobs, "submit", lambda argv, **_: lines.append(list(argv)) or len(lines))
    for seed in (0, 1):
        trained("no filter", seed, 0.4 + 0.05 * seed, [], 200)
        trained("a 30 %", seed, 0.5 + 0.05 * seed, [{"score": "a", "top": 0.3}], 60)
    app = view(start(mapped_pool, "leaderboard"), "Compare two")
    assert "**not told apart: +10.1 points" in texts(app).replace("\\", "")
    button = app.get_by_key("compare-more")
    count = int(button.label.split()[1])
    assert count > 0
    assert "--seed" in app.code[0].value
    button.click().run()
    assert len(lines) == count
    assert sorted({int(argv[-1]) for argv in lines}) == list(range(2, 2 + count // 2))
    assert all(argv[0] == "train" and argv[1].endswith("recipe.yaml") for argv in lines)


def test_a_models_accuracy_by_group_is_shown(start, mapped_pool, runs):
    app = view(start(mapped_pool, "leaderboard"), "By group")
    assert "**Country flags, worst region**: five nearest by region" in texts(app)
    chart = figures(app)[0]
    assert chart["layout"]["yaxis"]["ticktext"] == ["Oceania", "Europe", "Asia", "Americas", "Africa"]
    assert len(chart["data"]) == 2
    assert "audit of the data is missing" in texts(app)


def test_own_runs_and_published_ones_are_followed_over_scales(start, mapped_pool):
    for scale, value in (("small", 0.1), ("medium", 0.2)):
        run = Run(id=scale, scale=scale, recipe="mine", seed=0, settings={"tasks": "datacomp"})
        run.step_to("done")
        lines = [{"key": t.key, "dataset": t.name, "metrics": {"main_metric": value}} for t in TASKS if t.averaged]
        write_results(run.path / "results.jsonl", lines)
    chart = figures(view(start(mapped_pool, "leaderboard"), "Over scales"))[0]
    lines = {trace["name"]: trace for trace in chart["data"]}
    assert lines["mine"]["x"] == ["small", "medium"]
    assert lines["mine"]["line"]["dash"] == "solid"
    assert lines["No filtering (published)"]["line"]["dash"] == "dot"
    assert lines["mine"]["line"]["width"] > lines["No filtering (published)"]["line"]["width"]
    ends = [(note["x"], note["y"]) for note in chart["layout"]["annotations"]]
    assert "mine" in [note["text"] for note in chart["layout"]["annotations"]]
    assert all(abs(a[1] - b[1]) > 1.5 for a in ends for b in ends if a != b and a[0] == b[0]), (
        "names don't cover each other"
    )

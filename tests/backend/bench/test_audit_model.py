import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from poolscope.bench import evaluation
from poolscope.bench.audit import GroupAccuracy, audit_data, audit_model, gaps
from poolscope.pool import Pool
from poolscope.recipe import Recipe, select
from poolscope.runs import Run


def test_accuracy_by_group_with_wilsons_interval() -> None:
    run = Run(id="a")
    run.step_to("done")
    rng = np.random.default_rng(0)
    n = 500
    region, label = rng.integers(0, 3, n), rng.integers(0, 4, n)
    top = np.stack([(label + (rng.random(n) > 0.2 + 0.2 * region)) % 4, (label + 2) % 4], axis=1)
    stored = {"label": label, "top": top, "by_region": region, "by_country": region}
    evaluation.keep_predictions(run.path / "predictions", "fairness/geode", stored)
    found = {group.group: group for group in audit_model("a") if group.field == "region"}
    for g in range(3):
        mine = (top[:, 0] == label)[region == g]
        assert (found[str(g)].n, found[str(g)].accuracy) == (len(mine), pytest.approx(mine.mean()))
        low, high = proportion_confint(mine.sum(), len(mine), method="wilson")
        assert (found[str(g)].low, found[str(g)].high) == (pytest.approx(low), pytest.approx(high))
    spread = gaps(list(found.values()))["fairness/geode", "class", "region"]
    assert spread == pytest.approx(max(g.accuracy for g in found.values()) - min(g.accuracy for g in found.values()))


def test_faces_are_judged_by_race_gender_and_age_with_their_names() -> None:
    run = Run(id="a")
    run.step_to("done")
    rng = np.random.default_rng(0)
    stored = {name: rng.integers(0, count, 300) for name, count in (
        ("race", 7), ("gender", 2), ("age", 9), ("toxic", 22), ("by_age", 9), ("by_gender", 2), ("by_race", 7),
        ("by_race_binary", 2),
    )}  # fmt: skip
    evaluation.keep_predictions(run.path / "predictions", "fairness/fairface", stored)
    found = {(g.what, g.field, g.group): g for g in audit_model("a")}
    mine = stored["by_race"] == 6
    one = found["gender", "race", "east asian"]
    assert one.accuracy == pytest.approx(np.mean(stored["gender"][mine] == stored["by_gender"][mine]))
    assert ("age", "gender", "female") in found


def test_the_data_that_made_a_model_is_audited_beside_it(tiny_pool: Pool) -> None:
    from poolscope.audit import Definition, Group, group_files
    from poolscope.audit.catalog import providers
    from poolscope.export import export_subset
    from poolscope.kernels import bits

    rng = np.random.default_rng(0)
    members = {"light": rng.random(200) < 0.5, "dark": rng.random(200) < 0.4, "medium": np.arange(200) < 12}
    provider = next(one for one in providers(tiny_pool) if not one.missing(tiny_pool))
    groups = [
        Group(Definition(f"emoji.skin-tone-drawn.{tone}", "skin tone drawn", tone, tone, "", "", "test"), bits.pack(mask))
        for tone, mask in members.items()
    ]  # fmt: skip
    group_files.save(tiny_pool, provider, groups)
    recipe = Recipe(name="half", keep=[{"where": "width >= 259"}])
    selection = select(recipe, tiny_pool)
    run = Run(id="a", pool=str(tiny_pool.path))
    run.step_to("done")
    export_subset(tiny_pool, selection, run.path / "subset.npy")
    asked = [
        GroupAccuracy("emoji_gender", "", "class", "skin_tone", tone, 9, 0.5, 0.4, 0.6) for tone in (*members, "x")
    ]
    found = audit_data("a", asked)
    for tone in ("light", "dark"):
        one = found["skin_tone", tone]
        assert (one.pairs, one.kept) == (members[tone].sum(), (members[tone] & selection.mask).sum())
        assert one.rate == one.kept / one.pairs
    assert found["skin_tone", "medium"].kept == 0
    assert set(found) == {("skin_tone", tone) for tone in members}
    run.pool = "/nowhere"
    run.save()
    assert audit_data("a", asked) == {}


def test_groups_of_single_examples_are_left_out() -> None:
    run = Run(id="a")
    run.step_to("done")
    label = np.arange(60) % 4
    stored = {"label": label, "top": label[:, None], "by_region": np.arange(60) % 3, "by_country": np.arange(60)}
    evaluation.keep_predictions(run.path / "predictions", "fairness/geode", stored)
    assert {group.field for group in audit_model("a")} == {"region"}

"""The first minute: steps that go away for good, and a checklist of buttons for a pool of one's own."""

import pytest
from streamlit.testing.v1 import AppTest

from poolscope import jobs, paths
from poolscope.explorer import checklist
from poolscope.pool import Pool
from tests.explorer.conftest import texts


@pytest.fixture
def submitted(monkeypatch) -> list[tuple[list[str], str]]:
    """Command lines of the jobs that were asked for, which are not run."""
    asked: list[tuple[list[str], str]] = []
    monkeypatch.setattr(
        jobs, "submit", lambda argv, *, kind, title, **_: asked.append((list(argv), kind)) or len(asked)
    )
    return asked


def test_three_steps_are_ticked_off_one_by_one_and_stay_away(start, mapped_pool):
    app = start(mapped_pool)
    assert "A recipe decides" in texts(app)
    for name in ("slide", "look", "prove"):
        app.button(key=f"step-{name}").click().run()
        assert not app.exception
    assert "A recipe decides" not in texts(app)
    assert (paths.home() / "first-steps.json").exists()
    assert "A recipe decides" not in texts(start(mapped_pool))


def bare(pool: Pool) -> Pool:
    """The tiny pool as it was imported."""
    made = [name for name, column in pool.columns.items() if column.kind in ("score", "flag", "embedding")]
    for name in made:
        pool.drop_column(name)
    return Pool.open(pool.path)


def test_a_new_pool_shows_a_checklist_without_a_shell_command(start, tiny_pool, submitted):
    pool = bare(tiny_pool)
    assert checklist.lacking(pool) == ["embeddings", "map", "groups", "a first score"]
    app = start(pool)
    assert not app.exception
    assert "This pool is new" in texts(app)
    assert "poolscope " not in texts(app)
    assert app.button(key="checklist-map").disabled
    app.text_input(key="checklist-model").set_value("ViT-B-32/openai").run()
    app.button(key="prepare-all").click().run()
    assert submitted == [(["prepare", "ViT-B-32/openai", "--pool", str(pool.path)], "prepare")]


@pytest.mark.parametrize(
    ("step", "words", "kind"),
    [("groups", ["groups"], "groups"), ("map", ["map", "--model", "l14"], "map")],
)
def test_each_button_starts_its_job(start, tiny_pool, submitted, step, words, kind):
    app: AppTest = start(tiny_pool, "pool")
    assert not app.exception
    app.button(key=f"checklist-{step}").click().run()
    assert submitted == [([*words, "--pool", str(tiny_pool.path)], kind)]

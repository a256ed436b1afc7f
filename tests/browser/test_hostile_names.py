"""Names that somebody else gave are drawn as they are written: no page asks a foreign host, renders markup or breaks.

Columns, recipes, groups, tasks, runs, jobs, target sets and pools come with downloads of others, and this file makes them as
such a download has them, past what the product itself would refuse to write.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pyarrow as pa
import pytest
import yaml

from tests.browser.conftest import costs_were_measured
from tests.browser.places import PAGES, settle
from tests.explorer.test_leaderboard import trained

pytestmark = pytest.mark.browser

NAME = (
    "![i](http://evil/i-png) <img src=x onerror=pwned=1> [evil-link](http://evil/l) **evil-bold** $\\evil-tex$ :red[evil-red] "
    ":material/skull: {{7*7}}evil `evil-code` # a'; DROP TABLE pairs; -- \u202eLIVE \U0001f480 " + "x" * 60
)
FILE = NAME.replace("/", "\u2215")[:110]  # what a file or folder can be called
# What of the names became markup, by where it would be seen.
MARKUP = """() => { const markup = []
  const all = (selector) => [...document.querySelectorAll(selector)]
  const say = (what, nodes) => nodes.forEach((one) => markup.push(`${what} in ${one.closest('[data-testid^=st]:not([data-testid=stMarkdownContainer], [data-testid=stMarkdown])')?.dataset.testid}: ${one.outerHTML.slice(0, 200)}`))
  say('image', all('img').filter((one) => /evil/.test(one.src) || one.getAttribute('src') === 'x' || one.hasAttribute('onerror')))
  say('link', all('a[href*="evil"]').filter((one) => !one.href.startsWith(location.origin)))
  say('bold', all('strong, b, em, del, h1 *, h2 *').filter((one) => /^evil-/.test(one.textContent.trim())))
  say('formula', all('.katex').filter((one) => /evil/.test(one.textContent)))
  say('code', all('code').filter((one) => one.textContent.trim() === 'evil-code'))
  say('colour', all('span').filter((one) => one.textContent.trim() === 'evil-red'))
  say('icon', all('[data-testid=stIconMaterial]').filter((one) => one.textContent.trim() === 'skull'))
  if (document.body.innerText.includes('49evil')) markup.push('template')
  if (window.pwned) markup.push('script')
  say('exception', all('[data-testid=stException]'))
  return markup }"""


@pytest.fixture(scope="module")
def hostile(address: str, app_home: Path, pool_source: Path) -> Iterator[str]:
    """The query of an address with a pool in which everything has such a name, and whose recipe names its columns."""
    place = app_home.parent / FILE
    shutil.copytree(pool_source, place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POOLSCOPE_HOME", str(app_home))
        rules = _columns(place)
        costs_were_measured(app_home, place)
        written = [place, *_saved(place), *_records(app_home, place), *_reports(place)]
        query = {"pool": str(place), "recipe": json.dumps({"name": NAME, "note": NAME, "keep": rules})}
        yield "&".join(f"{key}={quote(value)}" for key, value in query.items())
        for path in written:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _columns(place: Path) -> list[dict[str, object]]:
    from poolscope.pool import Pool, commit
    from poolscope.pool.columns import described

    pool, name = Pool.open(place), NAME.replace("`", "'")  # Lance takes a backtick for the quote of a path
    score, flag, word = f"{name} score", f"{name} flag", f"{name} word"
    values = {
        "score": pa.table({score: pa.array(np.linspace(0, 1, len(pool), dtype=np.float32))}),
        "flag": pa.table({flag: pa.array(np.arange(len(pool)) % 3 > 0)}),
        "metadata": pa.table({word: pa.array([NAME] * len(pool))}),
    }
    for kind, table in values.items():
        schema = described(
            table.schema, kind=kind, made_by={"method": NAME, "source": NAME, "parameters": {NAME: NAME}}
        )
        commit.add_columns(place, len(pool), schema, table.to_batches(), replace=False)
    return [{"score": score, "top": 0.5}, {"flag": flag}, {"where": f"text <> '{NAME.replace(chr(39), chr(39) * 2)}'"}]


def _saved(place: Path) -> list[Path]:
    """A recipe, a lexicon with its groups, a tag and a target set in the pool."""
    from poolscope import targets
    from poolscope.audit import catalog
    from poolscope.pool import Pool

    (place / "recipes").mkdir()
    recipe = {"name": NAME, "note": NAME, "keep": [{"where": "width > 10"}]}
    (place / "recipes" / f"{FILE}.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True))
    (place / "lexicons").mkdir()
    group = {"title": NAME, "where": "width > 10"}
    pack = {
        "pack": "evil",
        "family": "evil",
        "title": NAME,
        "error": NAME,
        "groups": {"one": group, "two": {**group, "where": "height > 130"}},
    }
    (place / "lexicons" / "evil.yaml").write_text(yaml.safe_dump(pack, allow_unicode=True))
    pool = Pool.open(place)
    catalog.find(pool, families=["evil"])
    (place / "tags").mkdir()
    np.save(place / "tags" / f"{FILE}.npy", np.sort(pool.uids()[:20]))
    vectors = place / f"{FILE}.npy"
    np.save(vectors, pool.embeddings("demo_img", range(40)))
    targets.add_target(pool, "evil", vectors, model="demo")
    return []


def _records(home: Path, place: Path) -> list[Path]:
    """Runs, a race, a sweep, jobs and a task in the home."""
    from poolscope.jobs import table

    runs = [trained("evil", seed, 0.6 + seed / 10, [{"score": "clip_score", "top": 0.3}], 900) for seed in (0, 1)]
    runs += [trained("meek", seed, 0.4 + seed / 10, [{"score": "clip_score", "top": 0.6}], 1200) for seed in (0, 1)]
    for run in runs[:2]:
        record = run.path / "run.json"
        said = {
            "recipe": NAME,
            "name": NAME,
            "error": NAME,
            "pool": str(place),
            "model": NAME,
            "rules": [{"rule": NAME, "kept": 9}],
        }
        record.write_text(json.dumps(json.loads(record.read_text()) | said))
    for number, state in enumerate(("done", "failed", "lost")):
        job = table.insert(kind="score", title=NAME, argv=["jobs", NAME], device=None, cwd="/", environment={})
        with table.writing() as connection:
            connection.execute(
                "UPDATE jobs SET state=?, message=?, started=?, ended=?, exit_code=? WHERE id=?",
                (state, NAME, time.time() - 9, time.time(), number, job),
            )
    entries = [{"recipe": NAME, "file": str(place / "recipes" / f"{FILE}.yaml"), "kept": 9}] * 2
    race = home / "races" / "evil.json"
    race.parent.mkdir(exist_ok=True)
    race.write_text(json.dumps({"id": "evil", "scale": "demo", "pool": str(place), "entries": entries, "budget": None}))
    cells = [{"recipe": NAME, "axis": NAME, "value": 0.5, "seed": seed} for seed in (0, 1)]
    sweep = home / "sweeps" / "evil.json"
    sweep.parent.mkdir(exist_ok=True)
    sweep.write_text(json.dumps({"id": "evil", "scale": "demo", "pool": str(place), "cells": cells, "note": NAME}))
    task = home / "tasks" / "own" / "evil"
    (task / "test").mkdir(parents=True)
    about = {"key": "own/evil", "name": NAME, "kind": "classification", "suite": NAME, "classes": 2, "size": 4}
    (task / "task.json").write_text(json.dumps(about))
    (task / "test" / "nshards.txt").write_text("0")
    return [race, sweep, task, *(run.path for run in runs)]


def _reports(place: Path) -> list[Path]:
    from poolscope import bias
    from poolscope.pool import Pool
    from poolscope.recipe import Recipe

    pool = Pool.open(place)
    half = Recipe.model_validate({"name": NAME, "keep": [{"score": "clip_score", "top": 0.5}]})
    settings = bias.Settings(per_set=40, size=32, families=("mean_rgb", "caption_words"), folds=2)
    path = bias.save(bias.build(bias.kept_and_dropped(half, pool), settings), pool)
    report = json.loads(path.read_text())
    for part in report["sets"]:
        part["name"] = NAME
    for family in report["families"]:
        family["title"] = family["keeps"] = NAME
    report["examples"]["family"] = NAME
    path.write_text(json.dumps(report | {"note": NAME}))
    return []


def test_no_name_is_markup_on_any_page(browser, address: str, hostile: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    errors, foreign = [], []
    page.on("console", lambda one: errors.append(f"{one.text} {one.location}") if one.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    own = urlsplit(address).netloc
    page.on("request", lambda one: foreign.append(one.url) if urlsplit(one.url).netloc not in ("", own) else None)
    context.route(re.compile("^http://evil"), lambda route: route.abort())
    markup = {}
    for name, path in {**PAGES, "leaderboard by group": "leaderboard?board-view=By+group"}.items():
        page.goto(f"{address}{path}{'&' if '?' in path else '?'}{hostile}")
        settle(page, 300)
        shown = page.inner_text("body")
        assert name == "import" or "evil" in shown, f"nothing of the names is on {name}: this shows nothing there"
        markup[name] = page.evaluate(MARKUP)
    assert not any(markup.values()), markup
    assert foreign == []
    # Streamlit looks for its server below the address of each page before it asks the root.
    assert [one for one in errors if "/_stcore/" not in one] == []
    context.close()

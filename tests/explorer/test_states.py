"""Every page on what is wrong, and on a pool that has next to nothing."""

from pathlib import Path

import pytest

from poolscope.pool import Pool
from poolscope.sources import look
from tests.explorer.conftest import texts

PAGES = sorted(path.stem for path in (Path(__file__).parents[2] / "explorer" / "app_pages").glob("[a-z]*.py"))
WITHOUT_A_POOL = {"imports", "jobs", "leaderboard"}


@pytest.mark.parametrize("page", PAGES)
def test_a_path_that_is_no_pool_is_one_line(start, tmp_path, page):
    app = start(tmp_path, page)
    assert not app.exception
    if page in WITHOUT_A_POOL:
        assert not app.error
    else:
        assert [error.value.count("\n") for error in app.error] == [0]
        assert "is not a pool" in app.error[0].value


@pytest.fixture(scope="module")
def bare_pool(tmp_path_factory) -> Pool:
    """Three captions: no image, no embedding, no score."""
    home = tmp_path_factory.mktemp("bare")
    (home / "pairs.csv").write_text("text,url\na cat,http://example.org/1\na dog,http://example.org/2\n,\n")
    look(home / "pairs.csv").run(home / "pool")
    return Pool.open(home / "pool")


@pytest.mark.parametrize("page", PAGES)
def test_a_pool_of_captions_alone(start, bare_pool, page):
    app = start(bare_pool, page)
    assert not app.exception
    # Runs says in one line why these pairs can't be trained on; nothing else is wrong.
    assert [error.value.count("\n") for error in app.error] == ([0] if page == "runs" else [])
    assert texts(app) or app.info

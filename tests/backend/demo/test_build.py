"""Building the demo pool from a few of the shipped pairs with the shipped teacher."""

import importlib
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from poolscope import projection
from poolscope.audit import catalog
from poolscope.engine.prepare import prepare
from poolscope.errors import InputError
from poolscope.pool import Pool

building = importlib.import_module("poolscope.demo.build")


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Assets with 60 pairs; the map and the slow groups are left out, they have their own tests."""
    source = tmp_path / "assets"
    source.mkdir()
    shutil.copy(building.SOURCE / "thumbnails.zip", source)
    shutil.copy(building.SOURCE / "teacher.safetensors", source)
    pq.write_table(pq.read_table(building.SOURCE / "pairs.parquet").slice(0, 60), source / "pairs.parquet")
    monkeypatch.setattr(building, "SOURCE", source)
    monkeypatch.setattr(projection, "build", lambda pool, **options: None)
    monkeypatch.setattr(catalog, "find", partial(catalog.find, families=["language", "occupation"]))
    return source


def test_the_pool_has_images_embeddings_and_first_scores(few: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    path = tmp_path / "pools" / "demo"
    pool = building.build(path, progress=lambda done, total, message="", **figures: seen.append(done), prepare=prepare)
    assert len(pool) == 60
    assert pool.path == path
    assert seen == sorted(seen)
    assert seen[-1] == 100
    kinds = {name: column.kind for name, column in pool.columns.items()}
    assert kinds["demo_img"] == kinds["demo_txt"] == "embedding"
    assert kinds["clip_score"] == kinds["random"] == "score"
    assert kinds["english"] == kinds["basic"] == "flag"
    assert kinds["planted"] == kinds["group"] == "metadata"
    image, text = (pool.embeddings(f"demo_{part}", range(60)) for part in ("img", "txt"))
    np.testing.assert_allclose((image * text).sum(1), pool.array("clip_score"), atol=2e-3)
    assert all(pool.image(row)[:4] == b"RIFF" for row in range(60))  # type: ignore[index]
    groups = catalog.load(pool)
    assert "language.en" in {one.id for one in groups.definitions}
    table = pq.read_table(few / "pairs.parquet")
    assert pool.take([7], ["uid", "text"]).to_pylist() == table.select(["uid", "text"]).slice(7, 1).to_pylist()


def test_an_interrupted_build_leaves_no_pool_and_goes_on(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "demo"

    def stop(pool: Pool, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(projection, "build", stop)
        with pytest.raises(KeyboardInterrupt):
            building.build(path, prepare=prepare)
    assert not path.exists()
    before = Pool.open(tmp_path / "demo.part").version
    pool = building.build(path, prepare=prepare)
    assert pool.version == before  # only the map was left to do
    assert building.build(path, prepare=prepare).version == Pool.open(path).version


def test_a_directory_with_other_things_is_left_alone(few: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match=r"letter|not a pool"):
        building.build(tmp_path / "mine", prepare=prepare)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"

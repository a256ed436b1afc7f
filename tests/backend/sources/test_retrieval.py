"""clip-retrieval's layout becomes a pool with embeddings, part by part in the order of their numbers."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.sources import import_retrieval
from poolscope.sources.retrieval import retrieval_parts


@pytest.fixture
def layout(tmp_path):
    """12 parts of 3 rows; the caption of one is blank, one part has no text embeddings."""
    rng = np.random.default_rng(0)
    vectors = {"img_emb": rng.normal(size=(36, 8)), "text_emb": rng.normal(size=(36, 8))}
    for part in range(12):
        rows = range(3 * part, 3 * part + 3)
        table = {"caption": ["" if row == 4 else f"caption {row}" for row in rows],
                 "url": [f"http://x.org/{row}" for row in rows], "similarity": [row / 36 for row in rows]}  # fmt: skip
        (tmp_path / "r" / "metadata").mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(table), tmp_path / "r" / "metadata" / f"metadata_{part}.parquet")
        for folder, matrix in vectors.items():
            (tmp_path / "r" / folder).mkdir(exist_ok=True)
            if (folder, part) != ("text_emb", 5):
                np.save(tmp_path / "r" / folder / f"{folder}_{part}.npy", matrix[list(rows)].astype(np.float16))
    return tmp_path / "r", vectors


def test_metadata_and_embeddings_stay_together(layout, tmp_path):
    root, vectors = layout
    report = import_retrieval(root, tmp_path / "pool")
    assert (report.added, dict(report.skipped)) == (35, {"no caption": 1})
    pool = Pool.open(tmp_path / "pool")
    assert "retrieval_row" not in pool.columns
    texts = pool.take(range(35), ["text"])["text"].to_pylist()
    for name, folder, pairs in (("clip_img", "img_emb", 35), ("clip_txt", "text_emb", 32)):
        stored = pool.embeddings(name, range(35))
        assert np.isfinite(stored).all(axis=1).sum() == pairs
        for place, text in enumerate(texts):
            row = int(text.removeprefix("caption "))
            if folder == "text_emb" and row // 3 == 5:
                assert np.isnan(stored[place]).all()
            else:
                vector = vectors[folder][row]
                np.testing.assert_allclose(stored[place], vector / np.linalg.norm(vector), atol=2e-3)


def test_parts_that_don_t_fit_are_refused_before_a_pool_is_made(layout, tmp_path):
    root, _ = layout
    np.save(root / "img_emb" / "img_emb_3.npy", np.ones((2, 8), np.float16))
    with pytest.raises(InputError, match="each row needs its vector"):
        import_retrieval(root, tmp_path / "pool")
    assert not (tmp_path / "pool").exists()
    assert retrieval_parts(tmp_path) == []
    with pytest.raises(InputError, match="not clip-retrieval's"):
        import_retrieval(tmp_path, tmp_path / "pool")

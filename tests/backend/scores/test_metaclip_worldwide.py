"""Balancing each language by itself: keys, counts and thresholds of a language are those of its captions alone."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from poolscope.audit import audit
from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.scores import Method, build
from poolscope.scores.metaclip import tail_threshold
from poolscope.scores.metaclip_worldwide import tail_share


@pytest.fixture
def pool(tiny_pool: Pool) -> Pool:
    """140 English, 50 French and 10 pairs of no known language, of words as frequent as words are."""
    rng = np.random.default_rng(0)
    languages = np.array(["en"] * 140 + ["fr"] * 50 + [None] * 10)[rng.permutation(200)]
    weights = 1 / np.arange(1, 31)
    texts = [
        " ".join(f"{code or 'xx'}w{n}" for n in rng.choice(30, 3, p=weights / weights.sum())) for code in languages
    ]
    tiny_pool.add_columns({"text": pa.array(texts)}, kind="metadata", made_by={}, replace=True)
    tiny_pool.add_columns({"language": pa.array(languages.tolist())}, kind="metadata", made_by={})
    return tiny_pool.reload()


def built(**parameters: Any) -> Method:
    return build("metaclip_worldwide", **{"language": "language"} | parameters)


def counted(pool: Pool, language: str | None) -> Counter[str]:
    rows = zip(pool.strings("text").to_pylist(), pool.strings("language").to_pylist())
    return Counter(word for text, code in rows if code == language for word in set(text.split()))


def test_each_language_is_balanced_as_if_it_were_alone(pool: Pool, tmp_path: Path) -> None:
    made = run(pool, built(tail_share=0.4, seed=3))
    score, codes = made.array("metaclip_worldwide"), np.array(pool.strings("language").to_pylist())
    assert np.isfinite(score).all(), "every caption holds a word of its language"
    report = json.loads(next((made.path / "reports").glob("metaclip_worldwide-*.json")).read_text())
    for code in ("en", "fr", None):
        counts = counted(pool, code)
        t = tail_threshold(np.array(list(counts.values())), 0.4)
        found = report["languages"][code or "unknown"]
        assert found["t"] == t
        assert found["matches"] == counts.total()
        (tmp_path / f"{code}.txt").write_text("\n".join(counts))
        name = f"alone_{code or 'xx'}"
        made = run(made, build("metaclip", metadata=str(tmp_path / f"{code}.txt"), seed=3), column=name)
        here = codes == code
        np.testing.assert_allclose(score[here] * t, made.array(name)[here], rtol=1e-6)


def test_the_tail_share_of_english_gives_the_threshold_of_the_others(pool: Pool) -> None:
    run(pool, built(t=20.0))
    report = json.loads(next((pool.path / "reports").glob("metaclip_worldwide-*.json")).read_text())
    english, french = (np.array(list(counted(pool, code).values())) for code in ("en", "fr"))
    share = english[english < 20].sum() / english.sum()
    assert report["tail_share"] == pytest.approx(share) == tail_share(english, 20)
    assert report["languages"]["en"]["t"] == 20
    assert report["languages"]["fr"]["t"] == tail_threshold(french, share)
    assert report["languages"]["fr"]["t"] < 20


def test_the_audit_shows_the_languages_before_and_after(pool: Pool, tmp_path: Path) -> None:
    words = {word for code in ("en", "fr", None) for word in counted(pool, code)}
    (tmp_path / "all.txt").write_text("\n".join(sorted(words)))
    made = run(pool, build("metaclip", metadata=str(tmp_path / "all.txt")))
    made = run(made, built(tail_share=0.1))
    t = json.loads(next((made.path / "reports").glob("metaclip_worldwide-*.json")).read_text())["languages"]["en"]["t"]
    before, after = (
        {
            row.definition.id: row.rate
            for row in audit(made, load({"keep": [rule]}), families=["language"], minimum=10).rows
        }
        for rule in ({"score": "metaclip", "min": -t}, {"score": "metaclip_worldwide", "min": -1})
    )
    assert before["language.en"] == pytest.approx(after["language.en"], abs=0.02), "English keeps its own threshold"
    assert before["language.fr"] > 0.95, "by English's threshold nearly nothing of a small language is balanced"
    assert after["language.fr"] < before["language.fr"] - 0.05


def test_entries_of_a_file_by_language(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text(json.dumps({"en": ["enw0", "frw0"], "fr": ["frw1"], "de": ["x"]}))
    made = run(pool, built(metadata=str(tmp_path / "e.json"), tail_share=1.0))
    texts, codes = (pool.strings(name).to_pylist() for name in ("text", "language"))
    listed = {"en": "enw0", "fr": "frw1"}
    holds = [listed.get(code, "?") in text.split() for text, code in zip(texts, codes)]
    assert np.isfinite(made.array("metaclip_worldwide")).tolist() == holds
    kept = select(load({"keep": [{"score": "metaclip_worldwide", "min": -1}]}), made)
    assert kept.mask.tolist() == holds, "with all matches in the tail everything that matches is kept"


@pytest.mark.parametrize(
    ("content", "why"),
    [("[1]", "not an object of lists"), ("{", "is not JSON"), ('{"en": [3]}', "are not all text"), ("{}", "holds no entries")],
)  # fmt: skip
def test_what_is_no_list_by_language_is_said_in_a_line(pool: Pool, tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "e.json").write_text(content)
    with pytest.raises(InputError, match=why):
        run(pool, built(metadata=str(tmp_path / "e.json")))


def test_what_is_missing_is_said_in_a_line(tiny_pool: Pool, pool: Pool) -> None:
    with pytest.raises(InputError, match="holds no text"):
        run(pool, built(language="width"))
    with pytest.raises(InputError, match="no entries at"):
        run(pool, built(metadata="/nowhere.json"))
    with pytest.raises(InputError, match="no column 'missing'"):
        run(pool, built(language="missing"))


def test_without_a_column_the_language_is_identified(tiny_pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text(json.dumps({"en": ["dog", "chat"], "fr": ["chat"]}))
    made = run(tiny_pool, built(language="", metadata=str(tmp_path / "e.json"), tail_share=1.0))
    holds = ["dog" in text or "chat" in text for text in tiny_pool.strings("text").to_pylist()]
    assert np.isfinite(made.array("metaclip_worldwide")).tolist() == holds

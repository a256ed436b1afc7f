"""Dynamic trimming against its golden vectors and a plain loop."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.kernels import dealing, laid_out, trimming
from poolscope.scores.kernels.trimming import Held, kept_after, removal_steps
from poolscope.scores.vas import quadratic_form
from tests.backend.scores.pairs import copy_of, unit

ROWS = unit([[-2, 2, -1], [-1, -3, 4], [4, 3, 1], [-3, 2, -4], [-1, -1, 4], [-2, -3, 1], [4, -4, 4], [1, -4, -4]])


def whole(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    return (*Held(vectors).moments(), len(vectors))


def test_the_golden_vectors_hold() -> None:
    square, _, count = whole(ROWS)
    expected = [0.41003196, 0.47945191, 0.27906896, 0.4737456, 0.41324602, 0.36585684, 0.47142704, 0.214605]
    np.testing.assert_allclose(quadratic_form(ROWS, square / count), expected, atol=1e-6)
    steps = removal_steps(Held(ROWS), whole(ROWS), final=3, steps=5)
    survivors = ["".join(str(i) for i in np.flatnonzero(steps > t)) for t in range(1, 6)]
    assert survivors == ["0123456", "013456", "01346", "0136", "036"]
    assert np.flatnonzero(removal_steps(Held(ROWS), whole(ROWS), final=3, steps=1) > 1).tolist() == [1, 3, 6]


@pytest.mark.parametrize(("start", "final", "steps"), [(20, 10, 7), (8, 3, 5), (5, 5, 4), (10, 0, 3), (100, 99, 30)])
def test_the_schedule_falls_and_lands(start: int, final: int, steps: int) -> None:
    sizes = [start, *kept_after(start, final, steps)]
    assert sizes[-1] == final
    assert all(0 <= a - b <= -(-(start - final) // steps) for a, b in pairwise(sizes))


def plain(vectors: np.ndarray, final: int, steps: int, center: bool) -> np.ndarray:
    alive, step = list(range(len(vectors))), np.full(len(vectors), steps + 1.0)
    for t, size in enumerate(kept_after(len(vectors), final, steps)):
        f = vectors[alive].astype(np.float64)
        moment = f.T @ f / len(f) - (np.outer(f.mean(0), f.mean(0)) if center else 0)
        order = np.argsort(-np.einsum("nd,de,ne->n", f, moment, f), kind="stable")
        for gone in order[size:]:
            step[alive[gone]] = t + 1
        alive = sorted(alive[i] for i in order[:size])
    return step


@pytest.mark.parametrize("center", [False, True])
def test_a_long_trim_agrees_with_a_plain_loop(center: bool) -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(400, 12)) + 0.3)
    got = removal_steps(Held(vectors), whole(vectors), final=100, steps=120, center=center)
    np.testing.assert_array_equal(got, plain(vectors, 100, 120, center))


def test_the_column_starts_from_the_quality_cut_and_ignores_row_order(tiny_pool: Pool, tmp_path) -> None:
    order = np.random.default_rng(3).permutation(len(tiny_pool))
    other = copy_of(tiny_pool, tmp_path / "other", order, 3)
    quality = tiny_pool.array("clip_b32")
    other.add_columns({"clip_b32": quality[order]}, kind="score", made_by={})
    method = build("vas_d", quality="clip_b32", quality_top=0.5, final=0.1, steps=20)
    first = run(tiny_pool, method, column="trim").array("trim")
    second = run(other, method, column="trim").array("trim")
    np.testing.assert_array_equal(first[order], second)
    assert (first > 0).sum() == 100
    assert quality[first > 0].min() > quality[first == 0].max()
    assert (first == 21).sum() == 20
    assert np.bincount(first.astype(int), minlength=22)[1:21].tolist() == [4] * 20


def test_normsim_d_trims_like_vas_d_from_its_own_quality_score(tiny_pool: Pool) -> None:
    with pytest.raises(InputError, match="'cliploss'"):
        run(tiny_pool, build("normsim_d"))
    one = run(tiny_pool, build("normsim_d", quality="clip_b32", steps=10)).array("normsim_d")
    two = run(tiny_pool, build("vas_d", quality="clip_b32", steps=10)).array("vas_d")
    np.testing.assert_array_equal(one, two)


def test_what_has_no_quality_score_or_no_embedding_is_not_scored(tiny_pool: Pool) -> None:
    got = run(tiny_pool, build("vas_d", quality="clip_l14", steps=5)).array("vas_d")
    assert np.isnan(got[:3]).all()
    assert not np.isnan(got[3:]).any()
    with pytest.raises(InputError, match="final is"):
        run(tiny_pool, build("vas_d", final=0.5), column="other")


@pytest.mark.parametrize("method", ["vas_d", "normsim_d"])
def test_a_trimming_that_is_interrupted_goes_on_to_the_same_column(
    method: str, tiny_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trimming, "SAVE_S", 0.0)
    made = build(method, quality="clip_b32", quality_top=0.5, final=0.1, steps=80)
    whole = run(tiny_pool, made, column="whole").array("whole")
    seen: list[str] = []

    def killed_at(step: int) -> Callable[..., None]:
        def progress(done: int, total: int, message: str = "", **figures: float) -> None:
            if message.endswith("pairs left"):
                seen.append(message)
                if len(seen) == step:
                    raise KeyboardInterrupt

        return progress

    for step in (30, 55):  # before and after the moments are made anew from all survivors
        with pytest.raises(KeyboardInterrupt):
            run(tiny_pool, made, column="parts", progress=killed_at(step))
    (saved,) = (tiny_pool.path / "work").glob("*/trimming.npz")
    parts = run(tiny_pool, made, column="parts", progress=killed_at(0)).array("parts")
    assert parts.tobytes() == whole.tobytes()
    assert len(seen) == 80, "no step was done twice"
    assert not saved.exists()


@pytest.mark.parametrize(("workers", "parameters"), [(1, {"center": True}), (2, {"quality": ""})])
def test_rounds_over_blocks_on_disk_end_in_the_same_column(
    tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, parameters: dict[str, Any]
) -> None:
    """In three fragments, four blocks and by two processes, interrupted in the middle of a round."""
    order = np.random.default_rng(3).permutation(200)
    pool = copy_of(tiny_pool, tmp_path / "other", order, 3)
    pool.add_columns({"clip_b32": tiny_pool.array("clip_b32")[order]}, kind="score", made_by={})
    made = build("vas_d", **{"quality": "clip_b32", "quality_top": 0.5, "final": 0.1, "steps": 60} | parameters)
    whole = run(pool, made, column="whole").array("whole")
    monkeypatch.setattr(dealing, "IN_MEMORY", 0)
    monkeypatch.setattr(laid_out, "BLOCK", 60 if made.quality == "" else 30)
    assert made.temporary(pool) == (2 if made.quality == "" else 1) * 200 * 16 * 2
    computed: list[tuple[str, int]] = []
    real = laid_out._Forms.__call__

    def counted(part: Any, pool: Pool, unit: Any) -> np.ndarray:
        computed.append((unit.id, len(unit)))
        if len(computed) == 83:
            raise KeyboardInterrupt
        return real(part, pool, unit)

    if workers == 1:
        monkeypatch.setattr(laid_out._Forms, "__call__", counted)
        with pytest.raises(KeyboardInterrupt):
            run(pool, made, column="parts")
        assert len(list((pool.path / "work").glob("*/rounds/*/*.npy"))) == (82 - 80), "two blocks of round 21 stay"
        monkeypatch.setattr(laid_out._Forms, "__call__", real)
    parts = run(pool, made, column="parts", workers=workers).array("parts")
    np.testing.assert_array_equal(parts, whole)
    assert not list((pool.path / "work").glob("*/*"))


def test_a_damaged_save_is_not_gone_on_from(tmp_path: Path) -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(60, 8)))
    first = (*Held(vectors).moments(), 60)
    whole = removal_steps(Held(vectors), first, final=10, steps=5)
    for content in (b"", b"PK\x03\x04 torn", b"\x93NUMPY"):
        (tmp_path / "saved").write_bytes(content)
        assert (
            removal_steps(Held(vectors), first, final=10, steps=5, saved=tmp_path / "saved").tobytes()
            == whole.tobytes()
        )

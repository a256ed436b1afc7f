"""`poolscope compare A B`: how alike two scores rank the pairs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..number_format import percent
from .console import emit, line, table
from .options import PoolPath, open_pool

if TYPE_CHECKING:
    import numpy as np

    from ..pool import Pool

SHOWN = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
Score = Annotated[str, typer.Argument(metavar="SCORE", help="A score column of the pool, see `poolscope info`.")]


def compare(
    a: Score,
    b: Score,
    pool: PoolPath = None,
    most: Annotated[int, typer.Option(min=0, max=1000, help="Pairs to list at each end.")] = 10,
) -> None:
    """Compare two scores: ranks, shared tops, disagreements."""
    from ..recipe import agreement

    opened = open_pool(pool)
    for name in (a, b):
        opened.require(name, "score")
    comparison = agreement.compare(opened.array(a), opened.array(b), opened.uid_order(), fractions=SHOWN, most=most)
    ends = {
        "higher_by_a": _pairs(opened, comparison.rows_a, comparison.places_a, a, b),
        "higher_by_b": _pairs(opened, comparison.rows_b, comparison.places_b, a, b),
    }

    def text() -> None:
        line(f"{a} and {b}: rank correlation {comparison.spearman:.4f} over {comparison.pairs:,} pairs that both score")
        shares = (
            (f"{percent(f, 0)}", f"{percent(o)}") for f, o in zip(comparison.fractions, comparison.overlap, strict=True)
        )
        table(("top#", "shared#"), shares)
        for listed, (high, low) in zip(ends.values(), ((a, b), (b, a)), strict=True):
            if listed:
                line(f"high by {high}, low by {low}")
                rows = [(e["uid"], *(_place(e, side) for side in "ab"), (e["text"] or "")[:80]) for e in listed]
                table(("uid", f"{a}#", f"{b}#", "caption"), rows)

    emit({"a": a, "b": b, **comparison.as_json(), **ends}, text=text)


def _place(entry: dict[str, Any], side: str) -> str:
    return f"{entry[side]:.4g} (top {percent(entry[f'place_{side}'])})"


def _pairs(pool: "Pool", rows: "np.ndarray", places: "np.ndarray", a: str, b: str) -> list[dict[str, Any]]:
    wanted = ["uid", *dict.fromkeys((a, b)), *(["text"] if "text" in pool.columns else [])]
    known = pool.take(rows, wanted).to_pylist()
    return [
        {"uid": one["uid"], "a": one[a], "b": one[b], "place_a": place[0], "place_b": place[1], "text": one.get("text")}
        for one, place in zip(known, places.tolist(), strict=True)
    ]

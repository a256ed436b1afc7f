"""`poolscope score METHOD --estimate`: what a column would cost on this pool, measured on a sample."""

from typing import TYPE_CHECKING

from .console import emit, line, progress_bar

if TYPE_CHECKING:
    from ..pool import Pool
    from ..scores import Method


def show_estimate(pool: "Pool", method: "Method", as_json: bool) -> None:
    """Measures and prints; makes no column."""
    from ..engine.cost import duration, estimate

    with progress_bar(f"{method.id} on a sample") as progress:
        cost = estimate(pool, method, progress=progress)

    def text() -> None:
        line(f"{method.id}: about {duration(cost.seconds)} for {cost.pairs:,} pairs, {size(cost.disk)} on disk")
        line(f"measured on {cost.sample:,} pairs in {cost.measured:.2f} s with {cost.cores} cores")
        parts = [f"{cost.start:.1f} s to start", f"{1e6 * cost.per_pair:,.1f} µs per pair"]
        if cost.training:
            parts.insert(1, f"{duration(cost.training)} of training, not measured")
        line(", ".join(parts))
        if cost.temporary:
            line(f"{size(cost.temporary)} more on disk while it runs")

    emit(cost.as_json(), as_json=as_json, text=text)


def show_costs(pool: "Pool", as_json: bool) -> None:
    """Measures and prints the costs that are not known yet."""
    from ..engine.cost import duration
    from ..engine.costs import measure

    with progress_bar("costs") as progress:
        found, problems = measure(pool, progress=progress)

    def text() -> None:
        for cost in found:
            line(f"{cost.method}: about {duration(cost.seconds)} for {cost.pairs:,} pairs, {size(cost.disk)} on disk")
        for id, why in problems.items():
            line(f"{id}: {why}")
        if not found and not problems:
            line("all costs are known")

    emit({"costs": [cost.as_json() for cost in found], "problems": problems}, as_json=as_json, text=text)


def size(count: int) -> str:
    """`1438680` is "1.4 MB"."""
    return f"{count / 1e6:,.1f} MB" if count >= 50_000 else f"{count / 1e3:,.1f} kB"

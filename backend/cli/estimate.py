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
        made = estimate(pool, method, progress=progress)

    def text() -> None:
        line(f"{method.id}: about {duration(made.seconds)} for {made.pairs:,} pairs, {size(made.disk)} on disk")
        line(f"measured on {made.sample:,} pairs in {made.measured:.2f} s with {made.cores} cores")
        parts = [f"{made.start:.1f} s to start", f"{1e6 * made.per_pair:,.1f} µs per pair"]
        if made.training:
            parts.insert(1, f"{duration(made.training)} of training, not measured")
        line(", ".join(parts))

    emit(made.as_json(), as_json=as_json, text=text)


def size(count: int) -> str:
    """`1438680` is "1.4 MB"."""
    return f"{count / 1e6:,.1f} MB" if count >= 50_000 else f"{count / 1e3:,.1f} kB"

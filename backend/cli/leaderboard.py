"""`poolscope leaderboard`: runs side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import emit, line, table
from backend.cli.options import Json

if TYPE_CHECKING:
    from backend.bench import Row
    from backend.bench.board import Summary


def leaderboard(
    scale: Annotated[str | None, typer.Option("--scale", metavar="S", help="Only runs at this scale.")] = None,
    pool: Annotated[Path | None, typer.Option("--pool", "-p", metavar="P", help="Only runs on this pool.")] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Show published results beside them (not run here).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show runs side by side, best average first."""
    from backend.bench import leaderboard as board
    from backend.bench.board import summaries

    rows = board(scale, pool=None if pool is None else str(pool.resolve()))
    own = [row for row in rows if not row.published]
    reference = [row for row in rows if row.published] if published else []
    joined = summaries(own)
    content = {
        "runs": [row.as_json() for row in own],
        "recipes": [summary.as_json() for summary in joined],
        "published": [row.as_json() for row in reference],
    }
    emit(content, as_json=as_json, text=lambda: _print(own, joined, reference))


def _print(rows: "list[Row]", joined: "list[Summary]", reference: "list[Row]") -> None:
    if not rows and not reference:
        line("no runs yet: start one with `poolscope train RECIPE.yaml --scale demo`")
        return
    columns = ("run", "recipe", "scale", "seed#", "kept#", "average#", "state", "note")
    table(
        columns,
        [
            (r.run or r.source, r.recipe, r.scale or "", "" if r.seed is None else r.seed,
             "" if r.kept is None else f"{r.kept:,}", _share(r.average), r.state, "; ".join((*r.reasons, *r.notes)))
            for r in [*rows, *reference]
        ],
    )  # fmt: skip
    if joined:
        table(
            ("recipe", "scale", "kept#", "seeds#", "average#", "spread (sd)#", "against no filter#", "95 %"),
            [
                (s.recipe, s.scale, "" if s.kept is None else f"{s.kept:,}", len(s.seeds), _share(s.mean),
                 _share(s.sd), "" if s.difference is None else f"{s.difference:+.4f}",
                 "" if s.low is None or s.high is None else f"{s.low:+.4f} to {s.high:+.4f}")
                for s in joined
            ],
        )  # fmt: skip


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"

"""`poolscope leaderboard`: runs side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..number_format import percent
from .console import cell, emit, line, progress_bar, say, table

if TYPE_CHECKING:
    from ..bench import Row
    from ..bench.audit import DataGroup, GroupAccuracy
    from ..bench.board import Summary
    from ..bench.response import Point
    from ..bench.significance import Difference
    from ..bench.verdicts import Gap


def leaderboard(
    scale: Annotated[str | None, typer.Option(metavar="S", help="Only runs at this scale.")] = None,
    track: Annotated[str | None, typer.Option(help="Only runs of the track filtering or byod.")] = None,
    pool: Annotated[Path | None, typer.Option("--pool", "-p", metavar="P", help="Only runs on this pool.")] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Show published results beside them (not run here).")
    ] = False,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two runs or recipes: is one better, and how many seeds would decide it."),
    ] = None,
    groups: Annotated[
        str | None, typer.Option(metavar="RUN", help="Audit a model: its accuracy by group, beside its data.")
    ] = None,
) -> None:
    """Show runs side by side, best average first.

    --compare judges two of them over seeds and test examples; --groups audits a model beside its data.
    """
    from ..bench import leaderboard as board
    from ..bench.board import scaling, summaries
    from ..bench.response import curves_of

    rows = board(scale, track=track, pool=None if pool is None else str(pool.resolve()))
    own = [row for row in rows if not row.published]
    if compare is not None:
        _compare(compare, own)
        return
    if groups is not None:
        _groups(groups)
        return
    reference = [row for row in rows if row.published] if published else []
    joined, points = summaries(own), curves_of(own)
    lines = scaling([*own, *reference])
    content = {
        "runs": own,
        "recipes": joined,
        "published": reference,
        "response": points,
        "scaling": {
            name: [{"scale": where, "average": value} for where, value in curve] for name, curve in lines.items()
        },
    }
    emit(content, text=lambda: _print(own, joined, reference, points, lines))


def _print(rows: "list[Row]", joined: "list[Summary]", reference: "list[Row]", points: "list[Point]",
           lines: dict[str, list[tuple[str, float]]]) -> None:  # fmt: skip
    if not rows and not reference:
        line("no runs yet: start one with `poolscope train RECIPE.yaml --scale demo`")
        return
    _print_rows([*rows, *reference], clean=any(row.clean != row.average for row in rows))
    if joined:
        _print_recipes(joined)
    if points:
        table(
            ("response to", "kept, %#", "seeds#", "average#", "spread (sd)#"),
            [(p.axis, f"{100 * (p.share or p.value):.3g}", len(p.seeds), cell(p.mean), cell(p.sd)) for p in points],
        )
    if lines:
        scales = list(dict.fromkeys(where for curve in lines.values() for where, _ in curve))
        table(
            ("over scales", *(f"{where}#" for where in scales)),
            [(name, *(cell(dict(curve).get(where)) for where in scales)) for name, curve in lines.items()],
        )


def _print_rows(rows: "list[Row]", *, clean: bool) -> None:
    groups = list(dict.fromkeys(name for row in rows for name in row.groups))
    columns = ("run", "recipe", "scale", "seed#", "kept#", "average#", *(["clean#"] if clean else []),
               *(f"{name}#" for name in groups), "state", "note")  # fmt: skip
    table(
        columns,
        [
            (r.run or r.source, r.recipe, r.scale or "", "" if r.seed is None else r.seed, cell(r.kept, ","),
             cell(r.average), *([cell(r.clean)] if clean else []), *(cell(r.groups.get(name)) for name in groups),
             r.state, "; ".join((*r.reasons, *r.notes)))
            for r in rows
        ],
    )  # fmt: skip


def _print_recipes(joined: "list[Summary]") -> None:
    """Each recipe over its seeds and against no filter, with how many seeds would decide what is open."""
    table(
        ("recipe", "scale", "kept#", "seeds#", "average#", "spread (sd)#", "against no filter#", "95 %", "verdict", "could see#", "seeds to decide#"),
        [
            (s.recipe, s.scale, cell(s.kept, ","), len(s.seeds), cell(s.mean), cell(s.sd),
             cell(s.difference, "+.4f"), _interval(s.low, s.high), _verdict(s.gap),
             cell(s.gap.detectable if s.gap else None), _seeds(s.gap))
            for s in joined
        ],
    )  # fmt: skip


def _verdict(gap: "Gap | None") -> str:
    if gap is None:
        return ""
    if gap.verdict:
        return gap.verdict
    return "one seed" if gap.reach is None else f"one seed (seeds do ±{gap.reach:.4f})"


def _seeds(gap: "Gap | None") -> str:
    """How many seeds of each would decide an open gap."""
    if gap is None or gap.decided or gap.reach is None:
        return ""
    return "over 200" if gap.needed is None else str(gap.needed)


def _compare(names: tuple[str, str], rows: "list[Row]") -> None:
    """Every task's difference of two runs or recipes, over examples and over seeds, and what would decide it."""
    from ..bench.board import runs_of
    from ..bench.seeds import missing_seeds
    from ..bench.significance import compare

    a, b = (runs_of(name, rows) for name in names)
    with progress_bar("comparison") as progress:
        comparison = compare(a, b, progress=progress)
    more = missing_seeds(a, b, comparison[-1].gap)
    content = {
        "a": a, "b": b, "differences": comparison,
        "more_seeds": [{"run": side.run, "seeds": list(side.seeds), "command": side.command} for side in more],
    }  # fmt: skip

    def text() -> None:
        _print_differences(names, comparison)
        for side in more:
            say(f"to decide it: {side.command}")

    emit(content, text=text)


def _print_differences(names: tuple[str, str], differences: "list[Difference]") -> None:
    table(
        ("task", f"{names[0]}#", f"{names[1]}#", "difference#", "95 % over examples", "95 % over seeds and examples", "p#", "could see#", ""),
        [
            (d.task, cell(d.a), cell(d.b), f"{d.difference:+.4f}", _interval(d.low, d.high),
             _interval(d.gap.low, d.gap.high), cell(d.p, ".3f"), cell(d.gap.detectable),
             "more than noise" if d.stated else "")
            for d in differences
        ],
    )  # fmt: skip
    line(f"{differences[-1].task}, {differences[-1].sentence}")


def _groups(run: str) -> None:
    """A model's accuracy by group, beside how many of such pairs its recipe kept."""
    from ..bench import Run
    from ..bench.audit import audit_data, audit_model, gaps

    accuracies = audit_model(run)
    data = audit_data(run, accuracies)
    content: dict[str, Any] = {
        "run": Run.load(run).id,
        "groups": accuracies,
        "gaps": [{"task": t, "what": w, "field": f, "gap": gap} for (t, w, f), gap in gaps(accuracies).items()],
        "data": list(data.values()),
    }
    emit(content, text=lambda: _print_groups(accuracies, data))


def _print_groups(accuracies: "list[GroupAccuracy]", data: "dict[tuple[str, str], DataGroup]") -> None:
    if not accuracies:
        line("no task of this run has groups and predictions: evaluate it on one that has, for example flags")
        return
    table(
        ("task", "judged", "field", "group", "examples#", "accuracy#", "95 %", "pairs in the pool#", "kept#"),
        [
            (g.name, g.what, g.field, g.group, f"{g.n:,}", cell(g.accuracy), f"{g.low:.4f} to {g.high:.4f}",
             *_data(data.get((g.field, g.group))))
            for g in accuracies
        ],
    )  # fmt: skip


def _data(group: "DataGroup | None") -> tuple[str, str]:
    return ("", "") if group is None else (f"{group.pairs:,}", f"{percent(group.rate)}")


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:+.4f} to {high:+.4f}"

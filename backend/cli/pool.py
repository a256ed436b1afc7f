"""`poolscope info`, `demo` and `map`: what a pool holds, the one that ships, and its projection."""

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .console import emit, line, progress_bar, table
from .options import Detach, PoolPath, build_demo, open_pool, submit

if TYPE_CHECKING:
    from ..pool import Pool


def info(pool: PoolPath = None) -> None:
    """Show what a pool holds and what made its columns."""
    from ..engine import selftest
    from ..engine.catalogue import cautions
    from ..engine.made_by import words

    opened = open_pool(pool)
    tests = {model: selftest.known(opened, model) for model in opened.models}
    decisive = (c for c in opened.columns.values() if c.kind in ("score", "flag"))
    warnings = {c.name: texts for c in decisive if (texts := [*cautions(c), *_stale(opened, c.name)])}
    columns = [
        {"name": c.name, "kind": c.kind, "dtype": c.dtype, "dim": c.dim, "made_by": c.made_by}
        for c in opened.columns.values()
    ]
    content = {
        "pool": opened.name,
        "path": str(opened.path),
        "pairs": len(opened),
        "version": opened.version,
        "origin": opened.origin,
        "columns": columns,
        "models": [{"name": model, "self_test": test} for model, test in tests.items()],
        "warnings": warnings,
    }

    def text() -> None:
        line(f"pool {opened.name} in {opened.path}: {len(opened):,} pairs, version {opened.version}")
        table(
            ("column", "kind", "type", "made by"),
            [(c.name, c.kind, c.dtype, words(c.made_by)) for c in opened.columns.values()],
        )
        for model, test in tests.items():
            line(f"model {model}: {f'own from shuffled captions with {test}' if test else 'no self-test yet'}")
        for column, texts in warnings.items():
            for warning in texts:
                line(f"warning: {column}: {warning}")

    emit(content, text=text)


def _stale(pool: "Pool", column: str) -> list[str]:
    """Why a column should be scored again, if it should."""
    from ..engine.made_by import stale

    try:
        reason = stale(pool, column)
    except (InputError, OSError) as error:
        return [f"what it was made of can't be checked: {error}"]
    return [f"{reason}; score it again"] if reason else []


def demo(
    bare: Annotated[
        bool, typer.Option("--bare", help="Without the runs, the sweep and the bias report that come with it.")
    ] = False,
) -> None:
    """Build the demo pool, if it is not there yet."""
    from ..paths import demo_pool
    from ..pool import Pool

    path = demo_pool()
    if not (path / "pool.json").exists():
        build_demo(path, with_records=not bare)
    opened = Pool.open(path)
    content = {"pool": opened.name, "path": str(path), "pairs": len(opened)}
    emit(content, text=f"demo pool in {path}: {len(opened):,} pairs")


def map_(
    pool: PoolPath = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Whose image embeddings to project [default: l14, else the first]."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            min=100, max=1_000_000, help="Pairs drawn as points at most [default: 50,000; 30,000 beyond 200,000 pairs]."
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Build it again if it is there.")] = False,
    detach: Detach = False,
) -> None:
    """Build a pool's map (UMAP of its image embeddings)."""
    if detach:
        submit(kind="map", title="Build the map")
    from .. import projection

    opened = open_pool(pool)
    with progress_bar("map") as progress:
        built = projection.build(opened, model=model, sample=sample, replace=replace, progress=progress)
    content = {"model": built.model, "points": len(built), "pairs": len(opened)}
    emit(content, text=f"map of {built.model}: {len(built):,} of {len(opened):,} pairs")

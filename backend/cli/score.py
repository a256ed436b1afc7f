"""`poolscope methods`, `score` and `embed`: the columns of a pool."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..devices import gpus as gpus_here
from ..devices import slot
from .console import emit, progress_bar, say, table
from .options import (
    Address,
    Detach,
    Device,
    Engine,
    Force,
    Gpus,
    PoolPath,
    Workers,
    comma_separated,
    named,
    open_pool,
    parse_settings,
    submit,
)

if TYPE_CHECKING:
    from ..engine.selftest import SelfTest
    from ..pool import Pool
    from ..scores import Method


def methods(
    costs: Annotated[
        bool,
        typer.Option("--costs", help="Measure on samples of the pool what each would cost, and keep it with the pool."),
    ] = False,
    pool: PoolPath = None,
) -> None:
    """List the methods, or what they cost on a pool."""
    from ..engine.catalogue import loadable

    if costs:
        from .estimate import show_costs

        show_costs(open_pool(pool))
        return
    classes, broken = loadable()
    for problem in broken:
        say(f"warning: {problem}")
    described = [describe(method) for method in sorted(classes, key=lambda method: method.id)]

    def text() -> None:
        def parameters(entry: dict[str, Any]) -> str:
            return ", ".join(f"{p['name']}={p['default']}" for p in entry["parameters"])

        rows = [(m["id"], m["kind"], m["title"], parameters(m), ", ".join(m["needs"]), m["paper"]) for m in described]
        table(("method", "kind", "title", "parameters", "needs", "paper"), rows)

    emit({"methods": described}, text=text)


def describe(method: "type[Method]") -> dict[str, Any]:
    """What a method is and takes; `needs` are the columns that it reads with its default parameters."""
    import dataclasses

    fields = dataclasses.fields(method)
    required = [entry.name for entry in fields if entry.default is dataclasses.MISSING]
    parameters = [
        {
            "name": entry.name,
            "type": entry.type if isinstance(entry.type, str) else getattr(entry.type, "__name__", str(entry.type)),
            "default": None if entry.default is dataclasses.MISSING else entry.default,
            "required": entry.name in required,
            "help": entry.metadata.get("help", ""),
        }
        for entry in fields
    ]
    about = {name: getattr(method, name) for name in ("id", "title", "kind", "paper", "formula", "cost")}
    return about | {"parameters": parameters, "needs": [] if required else list(method().needs())}


def score(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="A method, see `poolscope methods`.")],
    column: Annotated[str | None, named("COLUMN", "Name of the column [default: the method's id].")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the method; repeat for more.")
    ] = None,
    pool: PoolPath = None,
    engine: Engine = "local",
    workers: Workers = 1,
    address: Address = None,
    gpus: Gpus = None,
    replace: Annotated[bool, typer.Option("--replace", help="Make the column again if it is there.")] = False,
    only_estimate: Annotated[
        bool, typer.Option("--estimate", help="Only tell what it would cost, measured on a sample of the pool.")
    ] = False,
    detach: Detach = False,
) -> None:
    """Compute a score or flag into a column, or its cost.

    An interrupted command, started again, goes on where it stopped.
    """
    from .. import engine as engines

    given = parse_settings(settings or [])
    opened = open_pool(pool)
    built = engines.fit(method, opened, **given)
    if only_estimate:
        from .estimate import show_estimate

        show_estimate(opened, built, gpus)
        return
    if detach:
        submit(kind="score", device=built.slot(gpus), title=f"Score {column or method}")
    with progress_bar(column or method) as progress:
        opened = engines.run(
            opened,
            built,
            column=column,
            engine=engine,
            workers=workers,
            address=address,
            gpus=gpus,
            replace=replace,
            progress=progress,
        )
    show_column(opened, column or method)


def show_column(pool: "Pool", name: str) -> None:
    """Prints what a column now holds: pairs scored and mean, or pairs kept; warns where it can't be trusted."""
    import numpy as np

    from ..engine.catalogue import cautions, notes, self_tests

    column = pool.columns[name]
    values = pool.array(name)
    tests = [f"{test.model} knows own from shuffled captions with {test}" for test in self_tests(column)]
    warnings = cautions(column)
    for warning in warnings:
        say(f"warning: {warning}")
    content = {"column": name, "kind": column.kind, "pairs": len(pool), "made_by": column.made_by, "warnings": warnings}
    if column.kind == "flag":
        content["kept"] = int(np.count_nonzero(values))
        words = f"{content['kept']:,} of {len(pool):,} pairs are kept by it"
    else:
        scored = values[~np.isnan(values)]
        content["scored"] = len(scored)
        content["mean"] = float(scored.mean(dtype=np.float64)) if len(scored) else None
        mean = f", mean {content['mean']:.4f}" if len(scored) else ""
        words = f"{len(scored):,} of {len(pool):,} pairs are scored{mean}"
    words += "".join(f"; {note}" for note in (*notes(column), *tests))
    emit(content, text=f"{column.kind} {name}: {words}")


def warn_of_teacher(model: str | None, pool: "Pool") -> None:
    """Says that the demo's teacher knows only the demo, where it is asked to embed another pool."""
    from ..models import Model

    if model and pool.origin.get("source") != "demo" and Model.parse(model).is_teacher:
        say("warning: the demo's teacher knows clip art and emoji only; embed this pool with, say, ViT-B-32/openai")


def embed(
    model: Annotated[
        str, typer.Argument(metavar="MODEL[/PRETRAINED]", help="An open_clip model and tag, a checkpoint, or demo.")
    ],
    name: Annotated[str, named("NAME", "Makes the columns NAME_img and NAME_txt.")],
    pool: PoolPath = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs per batch.")] = 256,
    device: Device = "auto",
    engine: Engine = "local",
    workers: Workers = 1,
    address: Address = None,
    gpus: Gpus = None,
    only_estimate: Annotated[
        bool, typer.Option("--estimate", help="Only tell the time, the disk and the devices that it would take.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Start although the disk seems too small.")] = False,
    detach: Detach = False,
) -> None:
    """Embed images and captions with an open_clip model.

    An interrupted command, started again, goes on where it stopped. It is refused where the disk can't hold it.
    """
    if detach:
        submit(kind="embed", device=slot(device, gpus or max(1, gpus_here())), title=f"Embed as {name}")
    from .. import engine as engines
    from ..engine import selftest
    from .estimate import embedding_plan_of, plan_in_words, show_plan

    opened = open_pool(pool)
    warn_of_teacher(model, opened)
    if only_estimate:
        show_plan(opened, model, device, gpus)
        return
    if engine == "local" and f"{name}_img" not in opened.columns:
        say(plan_in_words(embedding_plan_of(opened, model, device, gpus)))
    with progress_bar(f"embed as {name}") as progress:
        opened = engines.embed(
            opened, model, name=name, batch_size=batch_size, device=device, engine=engine, workers=workers,
            address=address, gpus=gpus, force=force, progress=progress,
        )  # fmt: skip
        tested = selftest.check(opened, name, progress)
    _show_embedding(opened, name, tested)


def _show_embedding(opened: "Pool", name: str, tested: "SelfTest | None") -> None:
    columns = [opened.columns[f"{name}_{side}"] for side in ("img", "txt")]
    content = {
        "pairs": len(opened),
        "columns": [{"name": c.name, "dim": c.dim, "made_by": c.made_by} for c in columns],
        "self_test": tested,
    }
    if tested and tested.warning:
        say(f"warning: {tested.warning}")
    words = f"{name}_img, {name}_txt: {len(opened):,} pairs, {columns[0].dim} numbers each"
    words += f"; own against shuffled captions: {tested}" if tested else ""
    emit(content, text=words)


def target(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it, for example imagenet1k.")],
    source: Annotated[
        str | None, typer.Argument(metavar="[SOURCE]", help="A .npy, .npz or .pt of embeddings, or a pool.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Whose embeddings they are, for example l14.")
    ] = None,
    training: Annotated[
        str | None,
        typer.Option(
            "--tasks", metavar="A,B,…", help="Instead of SOURCE: the training parts of these tasks or suites."
        ),
    ] = None,
    pool: PoolPath = None,
    force: Force = False,
) -> None:
    """Keep a reference dataset's embeddings with a pool.

    With --tasks, labelled examples: what `mix` learns from. None of them may be in an evaluation task of this disk.
    """
    from ..bench.training_part import add_training_part
    from ..errors import InputError
    from ..targets import add_target

    if (source is None) == (training is None):
        raise InputError("give either SOURCE, a file or a pool of embeddings, or --tasks, a suite with training parts.")
    opened = open_pool(pool)
    if training is not None:
        model, keys = opened.model(model), comma_separated(training)
        with progress_bar(f"target {name}") as progress:
            count = add_training_part(opened, name, keys, model=model, force=force, progress=progress)
    elif model is None:
        raise InputError("whose embeddings are they? Name the model with --model, for example --model l14.")
    else:
        count = add_target(opened, name, str(source), model=model, force=force)
    content = {"target": name, "model": model, "vectors": count}
    emit(content, text=f"target set {name} of {model}: {count:,} vectors")

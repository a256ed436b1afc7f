"""`poolscope prepare`: embeddings, self-test, first scores, map and groups of a pool, as one job."""

from typing import Annotated

import typer

from ..devices import slot
from .console import emit, line, progress_bar, say
from .estimate import embedding_plan_of, plan_in_words
from .options import Detach, Device, PoolPath, named, open_pool, submit
from .score import warn_of_teacher


def prepare(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL[/PRETRAINED]]",
            help="An open_clip model and tag, or a checkpoint [default: the pool's own embeddings].",
        ),
    ] = None,
    name: Annotated[str | None, named("NAME", "Makes NAME_img and NAME_txt [default: after the model].")] = None,
    pool: PoolPath = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs per batch.")] = 256,
    device: Device = "auto",
    detach: Detach = False,
) -> None:
    """Embed a pool; then its first scores, map and groups.

    What is there already is not made again. An interrupted command, started again, goes on where it stopped.
    """
    opened = open_pool(pool)
    if detach:
        submit(kind="prepare", device=slot(device), title=f"Prepare {opened.name}")
    from ..engine.prepare import prepare as work

    warn_of_teacher(model, opened)
    if model:
        say(plan_in_words(embedding_plan_of(opened, model, device)))
    with progress_bar("prepare") as progress:
        prepared = work(opened, model, name=name, device=device, batch_size=batch_size, progress=progress)
    tested = prepared.self_test
    if tested and tested.warning:
        say(f"warning: {tested.warning}")
    content = {
        "pool": opened.name,
        "pairs": len(prepared.pool),
        "model": prepared.model,
        "self_test": tested,
        "scores": prepared.scores,
        "left_out": prepared.left_out,
    }

    def text() -> None:
        line(
            f"pool {opened.name}: {len(prepared.pool):,} pairs prepared, scores {', '.join(prepared.scores) or 'none'}"
        )
        if prepared.model:
            line(f"model {prepared.model}: {tested or 'too few pairs for a self-test'}")
        for step, why in prepared.left_out.items():
            line(f"left out: {step}, because {why}")

    emit(content, text=text)

"""Prepare: a pool that was just imported becomes as alive as the demo, in one piece of work that resumes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import projection
from ..audit import catalog
from ..errors import InputError
from ..models import Model, embedding_name, preferred
from ..pool import Pool
from ..progress import Progress, Steps, silent
from . import selftest
from .embedding import embed
from .inputs import fit
from .run import run
from .selftest import SelfTest

SCORES = ("clip_score", "english", "basic", "caption_length", "phash")
# What each step takes of the whole, measured on the demo with two cores.
SHARES = {"embeddings": 0.39, "self-test": 0.01, "scores": 0.05, "map": 0.45, "groups": 0.10}


@dataclass
class Prepared:
    """What `prepare` did: the pool, its model and self-test if it has any, and why each step was left out that was."""

    pool: Pool
    model: str | None = None
    self_test: SelfTest | None = None
    scores: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def prepare(
    pool: Pool,
    model: str | None = None,
    *,
    name: str | None = None,
    scores: Sequence[str] = SCORES,
    device: str = "auto",
    batch_size: int = 256,
    progress: Progress = silent,
) -> Prepared:
    """Embeds, self-tests, scores, maps, and finds the groups of `pool`; what is there already is not made again.

    `model` is an open_clip model as `embed` takes it, its columns called `name` (by default after the model). Without
    one, the pool's own embeddings are used; if it has none, a common model whose weights are on this disk. A step that
    this pool can't have (no weights, no sizes, no readable image) is left out with its reason. An interrupted call,
    made again, goes on where it stopped. Raises InputError for an unknown model.
    """
    steps = Steps(SHARES, progress)
    prepared = Prepared(pool)
    _embed(prepared, model, name, device, batch_size, steps.of("embeddings"))
    if prepared.model:
        prepared.self_test = selftest.check(prepared.pool, prepared.model, steps.of("self-test"))
    _score(prepared, scores, steps.of("scores"))
    if prepared.model:
        _attempt(
            prepared, "map", lambda: projection.build(prepared.pool, model=prepared.model, progress=steps.of("map"))
        )
    else:
        prepared.left_out["map"] = "it needs embeddings"
    _attempt(prepared, "groups", lambda: catalog.find(prepared.pool, progress=steps.of("groups")))
    prepared.pool.uid_order()
    progress(100, 100, "the pool is prepared")
    return prepared


def _embed(
    prepared: Prepared, model: str | None, name: str | None, device: str, batch_size: int, progress: Progress
) -> None:
    if model is None and prepared.pool.models:
        prepared.model = prepared.pool.model()
        return
    model = model or preferred()
    if model is None:
        prepared.left_out["embeddings"] = (
            "no model was named and no common one is on this disk; name one, for example ViT-B-32/openai"
        )
        return
    Model.parse(model)
    if "image" not in prepared.pool.columns or not prepared.pool.filled("image"):
        prepared.left_out["embeddings"] = (
            f"pool {prepared.pool.name!r} has no images; fetch them with `poolscope fetch`"
        )
        return
    prepared.model = name or embedding_name(model)
    prepared.pool = embed(
        prepared.pool, model, name=prepared.model, batch_size=batch_size, device=device, progress=progress
    )


def _score(prepared: Prepared, scores: Sequence[str], progress: Progress) -> None:
    """The first scores; a column of that name that is made in another way stays as it is."""
    steps = Steps(dict.fromkeys(scores, 1 / max(1, len(scores))), progress)
    for id in scores:
        watch = steps.of(id)
        parameters = {"model": prepared.model} if id == "clip_score" and prepared.model else {}

        def score(id: str = id, given: dict[str, Any] = parameters, watch: Progress = watch) -> None:
            prepared.pool = run(prepared.pool, fit(id, prepared.pool, **given), progress=watch)
            prepared.scores.append(id)

        _attempt(prepared, id, score)


def _attempt(prepared: Prepared, step: str, work: Callable[[], Any]) -> None:
    try:
        work()
    except InputError as error:
        prepared.left_out[step] = str(error)

"""`poolscope search`: pairs by word or by meaning."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .console import cell, emit, line, progress_bar, table
from .options import Detach, PoolPath, Version, comma_separated, open_pool, submit

if TYPE_CHECKING:
    from ..pool import Pool
    from ..search import Hits


def search(
    words: Annotated[
        str, typer.Argument(metavar="WORDS", help='What to look for; "a phrase" in quotes stays together.')
    ],
    pool: PoolPath = None,
    version: Version = None,
    by: Annotated[
        str, typer.Option(help="word: captions that hold the words; meaning: nearest images; both: the two fused.")
    ] = "word",
    where: Annotated[
        str | None,
        typer.Option(metavar="SQL", help='Search only among the pairs for which this holds: "width >= 200".'),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Embedding to search by meaning in [default: l14, else the first]."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Pairs to show at most.")] = 20,
    exact: Annotated[bool, typer.Option("--exact", help="Read the whole pool, though it has an index.")] = False,
) -> None:
    """Find pairs by word or by meaning."""
    from ..search import by_word

    if by not in ("word", "meaning", "both"):
        raise InputError(f"--by {by!r} is not known: it is word, meaning or both")
    opened = open_pool(pool, version)
    hits = (
        by_word(opened, words, limit=limit, where=where, exact=exact)
        if by == "word"
        else _by_model(opened, words, model, by=by, limit=limit, where=where, exact=exact)
    )
    rows = opened.take(hits.rows, ["uid", "text"]).to_pylist()
    scores = [None] * len(rows) if hits.similarity is None else hits.similarity.tolist()
    pairs: list[dict[str, Any]] = [
        {"row": int(row), "uid": pair["uid"], "text": pair["text"], "score": score}
        for row, pair, score in zip(hits.rows, rows, scores)
    ]

    content = {"total": hits.total, "by_index": hits.by_index, "pairs": pairs}
    emit(content, text=lambda: _show(content))


def _show(content: dict[str, Any]) -> None:
    pairs = content["pairs"]
    line(f"{content['total']:,} pairs found, {len(pairs):,} shown" + (", by the index" if content["by_index"] else ""))
    rows = [(p["row"], p["uid"], cell(p["score"]), shortened(p["text"])) for p in pairs]
    if rows:
        table(("row#", "uid", "score#", "text"), rows)


def shortened(text: str | None, longest: int = 100) -> str:
    text = text or ""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _by_model(pool: "Pool", words: str, model: str | None, *, by: str, **options: Any) -> "Hits":
    """The pairs whose images are nearest to the words, by the model that made the pool's embedding; fused with those
    that hold the words, for `both`."""
    from ..models import Model
    from ..search import by_both, by_meaning

    name = pool.model(model)
    column = pool.columns[f"{name}_img"]
    made_by = column.made_by.get("model")
    if not made_by:
        raise InputError(f"{column.name!r} does not say which model made it: search --by word, or embed the pool again")
    loaded = Model.parse(str(made_by)).load()
    with progress_bar("search") as progress:
        search_for = by_both if by == "both" else by_meaning
        return search_for(
            pool, words, encode=lambda text: loaded.texts([text])[0], model=name, progress=progress, **options
        )


def search_index(
    pool: PoolPath = None,
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="Embeddings, and text [default: the images' and text].")
    ] = None,
    detach: Detach = False,
) -> None:
    """Make the indexes that keep search quick in a large pool."""
    if detach:
        submit(kind="search-index", title="Index for search")
    from ..search import index

    named = None if columns is None else comma_separated(columns)
    with progress_bar("search index") as progress:
        indexed = index(open_pool(pool), named, progress=progress)
    emit({"indexed": indexed}, text=f"indexed: {', '.join(indexed)}")

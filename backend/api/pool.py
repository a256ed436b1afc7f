"""Pool: one pool in a notebook; scores become columns, recipes become selections."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import pool as stored
from ..engine.made_by import words
from ..engine.ready import find
from ..errors import InputError
from ..pool import Column
from ..progress import Progress, silent
from ..recipe import Desk, Recipe, load
from .tables import html

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from ..scores import Method
    from .selection import Selection


def open(path: str | Path | None = None, *, version: int | None = None) -> "Pool":
    """Opens a pool; without a path `$POOLSCOPE_POOL`, else the demo pool, which is built first if it is missing.

    `path`: a directory or the URI of a LanceDB database. `version`: an older version, for reading only. Raises
    InputError if there is no pool or no such version.

    >>> ps.open("pool")
    Pool('pool'): 200 pairs; scores clip_l14, clip_b32; flags sharp; embeddings l14_img, l14_txt
    """
    from ..paths import default_pool, demo_pool

    place = default_pool() if path is None else path
    if path is None and place == demo_pool() and not (demo_pool() / "pool.json").exists():
        from ..demo import build
        from ..engine.prepare import prepare

        build(demo_pool(), prepare=prepare)
    return Pool(stored.Pool.open(place, version))


class Pool:
    """The pairs of one pool, with their scores, flags and embeddings as columns; made by `ps.open`."""

    def __init__(self, store: stored.Pool) -> None:
        self.store = store
        """The handle of `poolscope.pool`: scans, arrays, images, uids."""
        self._desk: Desk | None = None

    @property
    def name(self) -> str:
        return self.store.name

    @property
    def path(self) -> Path:
        return self.store.path

    @property
    def columns(self) -> dict[str, Column]:
        """The columns by name, each with its kind, type and provenance.

        >>> ps.open("pool").columns["sharp"].kind
        'flag'
        """
        return self.store.columns

    def __len__(self) -> int:
        return len(self.store)

    def __repr__(self) -> str:
        parts = [f"{len(self):,} pairs"]
        for kind in ("score", "flag", "embedding"):
            names = [column.name for column in self.columns.values() if column.kind == kind]
            if names:
                parts.append(f"{kind}s {', '.join(names)}")
        return f"Pool({self.name!r}): {'; '.join(parts)}"

    def _repr_html_(self) -> str:
        rows = [(c.name, c.kind, c.dtype, words(c.made_by)) for c in self.columns.values() if c.kind != "key"]
        caption = f"Pool {self.name}: {len(self):,} pairs"
        return html(caption, ("column", "kind", "type", "made by"), rows)

    def score(
        self,
        method: "str | Method",
        *,
        column: str | None = None,
        workers: int = 1,
        replace: bool = False,
        progress: Progress = silent,
        **parameters: Any,
    ) -> "Pool":
        """Computes a score or flag into the column `column` (default: the method's id) and returns this pool.

        `parameters` are the method's own, see `ps.methods()`; a pool with one model needs no `model`. Does nothing if
        the column is there, made in the same way. Raises InputError for an unknown method or parameter, and for a name
        that is taken.

        >>> ps.open("pool").score("random", seed=1).columns["random"].made_by["parameters"]
        {'seed': 1}
        """
        from .. import engine

        if not isinstance(method, str) and parameters:
            raise InputError(f"{method.id} is built already; give {', '.join(parameters)} to its constructor instead.")
        built = engine.fit(method, self.store, **parameters) if isinstance(method, str) else method
        self.store = engine.run(self.store, built, column=column, workers=workers, replace=replace, progress=progress)
        return self

    def select(
        self,
        recipe: "str | Path | Recipe | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None" = None,
        /,
        *,
        progress: Progress = silent,
        **rule: Any,
    ) -> "Selection":
        """What a recipe keeps of this pool.

        `recipe` is a YAML file, the name of a ready or saved recipe, or plain data: a recipe, one rule, or a list of
        rules. Keywords are one rule. Scores that the recipe explains and the pool lacks are computed first.
        Raises InputError for what can't be read and for a column that the pool lacks.

        >>> pool = ps.open("pool")
        >>> pool.select(score="clip_l14", top=0.3)
        Selection('clip_l14 top 30 %'): 60 of 200 pairs kept (30.0 %)
        >>> len(pool.select([{"score": "clip_l14", "top": 0.3}, {"where": "width >= 250"}]))
        29
        """
        from .selection import Selection

        if recipe is not None and rule:
            raise InputError(f"select takes a recipe or the words of one rule, not both; leave out {', '.join(rule)}.")
        read = self._recipe(recipe if recipe is not None else rule or [])
        if read.scores:
            from ..engine import ensure

            self.store = ensure(read, self.store, progress=progress)
        return Selection(self.store, read, self.desk.step(read))

    @property
    def desk(self) -> Desk:
        """What answers the app's sliders on this pool: thresholds, fractions, and the pairs just kept and dropped.

        >>> round(ps.open("pool").desk.threshold("clip_l14", 0.3), 2)
        0.6
        """
        if self._desk is None or self._desk.pool is not self.store:
            self._desk = Desk(self.store)
        return self._desk

    def histogram(self, score: str, *, bins: int = 60) -> "go.Figure":
        """The distribution of a score over all pairs, as a Plotly figure.

        >>> len(ps.open("pool").histogram("clip_l14", bins=20).data[0].x)
        20
        """
        from .histogram import figure

        return figure(self.store, score, None, bins=bins)

    def search(self, words: str, *, limit: int = 20) -> "pd.DataFrame":
        """The pairs whose captions hold all the `words`; columns row, uid and text.

        >>> ps.open("pool").search("red square", limit=2)["text"].tolist()
        ['a red square on a table 0', 'a red square on a table 6']
        """
        from ..search import by_word

        rows = by_word(self.store, words, limit=limit).rows
        table = self.store.take(rows, ["uid", "text"]).to_pandas()
        table.insert(0, "row", rows)
        return table

    def delete(self, kind: str, name: str, *, force: bool = False) -> "Pool":
        """Deletes a column, recipe, tag, report, map or target of this pool, or a run, sweep, job or pool; returns this pool.

        `undo` brings it back until the pool is cleaned (`poolscope versions --clean`). Raises InputError for what is not
        there, and for what is in use unless `force`.

        >>> "clip_b32" in ps.open("pool").delete("column", "clip_b32").columns
        False
        """
        from .. import deletion

        deletion.delete(deletion.find(kind, name, self.store), force=force)
        return self

    def undo(self, kind: str | None = None, name: str | None = None) -> "Pool":
        """Brings back what was deleted last (of that kind and name); returns this pool.

        Raises InputError if there is nothing, or something else has its name by now.

        >>> "sharp" in ps.open("pool").delete("column", "sharp").undo().columns
        True
        """
        from .. import deletion

        deletion.undo(self.store, kind, name)
        return self

    def _recipe(self, given: "str | Path | Recipe | Mapping[str, Any] | Sequence[Mapping[str, Any]]") -> Recipe:
        if isinstance(given, Recipe):
            return given
        if isinstance(given, (str, Path)):
            return find(str(given), self.store)
        data = dict(given) if isinstance(given, Mapping) else {"keep": [dict(rule) for rule in given]}
        if "keep" not in data and "name" not in data:
            data = {"keep": [data]}
        read = load(data)
        if "name" in data:
            return read
        return read.model_copy(update={"name": ", ".join(rule.label() for rule in read.keep) or "no filter"})

"""What belongs to a pool: its columns, recipes, tags, reports, maps, target sets and groups."""

from collections.abc import Callable
from pathlib import Path

from .. import targets
from ..audit import discarded
from ..errors import InputError
from ..pool import Pool, trash
from ..recipe import tags
from ..recipe.ready import by_file
from .found import Found
from .users import BY_RECIPE, names, reads, working


def _column(name: str, pool: Pool) -> Found:
    column = pool.require(name)
    users = [f"recipe {recipe.name!r}" for recipe in by_file(pool).values() if names(recipe.as_dict(), name)]
    users += [f"job {job.id} ({job.title})" for job in working(pool) if reads(job, name, pool)]
    if column.with_pairs:
        users.append("the pool itself: it came with the pairs, and nothing here could make it again")
    return Found("column", name, pool.bytes_of(name), users, lambda: pool.delete_column(name))


def _recipe(name: str, pool: Pool) -> Found:
    known = {stem: (recipe.name, pool.path / "recipes" / f"{stem}.yaml") for stem, recipe in by_file(pool).items()}
    path = next((path for title, path in known.values() if title == name), known.get(name, ("", None))[1])
    if path is None:
        raise _missing("recipe", name, pool, [title for title, _ in known.values()])
    users = [f"job {job.id} ({job.title})" for job in working(pool) if name in job.argv or str(path) in job.argv]
    return _file("recipe", name, pool, {name: path}, users)


def _tag(name: str, pool: Pool) -> Found:
    known = {tag: pool.path / "tags" / f"{tag}.npy" for tag in tags.names(pool)}
    users = [f"recipe {recipe.name!r}" for recipe in by_file(pool).values() if names(recipe.as_dict(), name, ("tag",))]
    return _file("tag", name, pool, known, users)


def _report(name: str, pool: Pool) -> Found:
    known = {path.stem: path for path in sorted((pool.path / "reports").glob("*.json"))}
    return _file("report", Path(name).name.removesuffix(".json"), pool, known, [])


def _map(name: str, pool: Pool) -> Found:
    known = {path.parent.name: path.parent for path in sorted((pool.path / "maps").glob("*/map.json"))}
    users = [f"job {job.id} ({job.title})" for job in working(pool) if job.kind in ("map", "prepare")]
    return _file("map", name, pool, known, users)


def _target(name: str, pool: Pool) -> Found:
    known = targets.targets(pool)
    fitting = [one for one in known if name in (one, one.rpartition("/")[0])]
    if len(fitting) != 1:
        raise _missing("target", name, pool, known)
    set_, _, model = fitting[0].rpartition("/")
    path = targets.target_path(pool, set_, model)
    users = [f"job {job.id} ({job.title})" for job in working(pool) if job.kind not in BY_RECIPE or set_ in job.argv]

    def act() -> None:
        with pool.changing():
            labels = [beside for beside in [path.with_suffix(".npz")] if beside.exists()]
            trash.move(pool.path, "target", fitting[0], [path, path.with_suffix(".json"), *labels])
        targets.drop_table(pool, set_, model)

    return Found("target", fitting[0], trash.size(path), users, act)


def _groups(name: str, pool: Pool) -> Found:
    known = discarded.own(pool)
    if name not in known:
        raise _missing("groups", name, pool, sorted(known))
    users = [f"job {job.id} ({job.title})" for job in working(pool) if job.kind in ("groups", "audit", "bias")]
    return Found("groups", name, trash.size(*known[name]), users, lambda: discarded.discard(pool, name))


def _file(kind: str, name: str, pool: Pool, known: dict[str, Path], users: list[str]) -> Found:
    """What is one file or folder, of those `known` by name."""
    if name not in known:
        raise _missing(kind, name, pool, list(known))

    def act() -> None:
        with pool.changing():
            trash.move(pool.path, kind, name, [known[name]])

    return Found(kind, name, trash.size(known[name]), users, act)


KINDS: dict[str, Callable[[str, Pool], Found]] = {
    "column": _column, "recipe": _recipe, "tag": _tag, "report": _report, "map": _map, "target": _target, "groups": _groups,
}  # fmt: skip


def _missing(kind: str, name: str, pool: Pool, known: list[str]) -> InputError:
    return InputError(f"pool {pool.name!r} has no {kind} {name[:80]!r}; it has {', '.join(known[:20]) or 'none'}.")

"""Provenance of a column: what it was computed of, by content, and whether that is still what the pool holds."""

from collections.abc import Mapping
from typing import Any

from ..errors import InputError
from ..pool import Pool
from ..scores import METHODS, Method, build
from ..versions import __version__

ROUNDING = ("device", "precision")
"""What may resolve otherwise on another machine without making a column another one: it moves the last digits."""


def describe(method: Method, pool: Pool) -> dict[str, Any]:
    """What a column of `method` on this pool is made of: everything that can change a value.

    `contents`: digests of files, target sets and models that parameters name; `columns`: digests of the columns that it
    reads; `resolved`: what each `auto` means here; `rows`: the pairs of the pool.
    """
    return {
        "method": method.id,
        "parameters": method.parameters(),
        "contents": method.contents(pool),
        "columns": {name: pool.digest(name) for name in method.needs() if name in pool.columns},
        "resolved": method.resolved(),
        "rows": len(pool),
        "poolscope": __version__,
    }


def same_way(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether both come from one method with the same parameters; two names of the same content are the same."""
    if old.get("method") != new["method"]:
        return False
    names, before = new["parameters"].keys(), (old.get("parameters") or {}).keys()
    same = before == names or before == names - {"device"}  # a method may take a device by now: that moves last digits
    return same and all(same_parameter(old, new, name) for name in names & before)


def same_parameter(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> bool:
    """Whether a parameter has one value in both, or names the same content."""
    there, here = ((provenance.get("contents") or {}).get(name) for provenance in (old, new))
    if there is not None and there == here:
        return True
    return bool((old.get("parameters") or {}).get(name) == new["parameters"].get(name))


def outdated(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Why a column made `old` is not what the same method would make now, in words; empty if it is."""
    if old.get("rows") != new["rows"]:
        return _covers(old.get("rows", 0), new["rows"])
    if "contents" not in old:
        return "it was made before the contents of its inputs were recorded"
    for part, words in (("contents", "what {} names has changed"), ("columns", "the column {} has changed")):
        changed = sorted(name for name in {**old[part], **new[part]} if old[part].get(name) != new[part].get(name))
        if changed:
            return words.format(" and ".join(changed))
    there, here = old.get("resolved", {}), new["resolved"]
    for name in sorted({**there, **here}.keys() - set(ROUNDING)):
        if there.get(name) != here.get(name):
            return f"{name}=auto was {there.get(name, 'something else')} and is {here.get(name, 'something else')} now"
    return ""


def _covers(rows: int, pairs: int) -> str:
    return f"it was made of {rows:,} of {pairs:,} pairs"


def stale(pool: Pool, name: str) -> str:
    """Why a column of the pool is not up to date, in words; empty if it is, or if its provenance doesn't say.

    Raises InputError or OSError where that can't be told any more: the method or what it read is gone.
    """
    made_by = pool.columns[name].made_by
    if made_by.get("rows", len(pool)) != len(pool):
        return _covers(made_by["rows"], len(pool))
    if "contents" not in made_by:
        return ""
    return outdated(made_by, describe(build(made_by["method"], **made_by["parameters"]), pool))


def place_of(pool: Pool, method: Method, made_by: dict[str, Any], column: str, extra: str) -> str | None:
    """The name that an extra column of `method` takes; None if the pool has it already.

    A column of that name that means something else stays, and the extra one takes the main column's name before its
    own: `image_based --as near` leaves `near_cluster` where `cluster` was made with other centroids. Only what an
    earlier version of the same column left is replaced. Raises InputError if both names are taken.
    """
    main = pool.columns.get(column)
    for name in (extra, f"{column}_{extra}"):
        existing = pool.columns.get(name)
        if existing is None:
            return name
        if _means_the_same(existing.made_by, made_by, method, extra):
            return None if existing.made_by.get("rows") == len(pool) else name
        if main and existing.made_by.get("method") and existing.made_by == main.made_by:
            return name
    raise InputError(
        f"columns {extra!r} and {column + '_' + extra!r} exist already, made in another way; choose another name with --as."
    )


def _means_the_same(old: dict[str, Any], new: dict[str, Any], method: Method, extra: str) -> bool:
    """Whether a column made `old` holds what `method` would write into `extra` now."""
    if same_way(old, new):
        return not outdated(old, new | {"rows": old.get("rows")})
    maker = METHODS[old["method"]] if old.get("method") in METHODS else None
    if maker is None or extra not in maker.shared or extra not in method.shared:
        return False
    return all(same_parameter(old, new, name) for name in method.shared[extra])


def settings(made_by: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a column, and what each `auto` among them became."""
    given = dict(made_by.get("parameters") or {})
    resolved = made_by.get("resolved") or {}
    return given | {name: f"auto: {value}" for name, value in resolved.items() if given.get(name, "auto") == "auto"}


def words(made_by: Mapping[str, Any]) -> str:
    """The provenance in a few words: the method and its parameters."""
    first = str(made_by.get("method") or made_by.get("model") or "")
    parts = [first, *(f"{name}={value}" for name, value in settings(made_by).items())]
    return " ".join(part for part in parts if part)

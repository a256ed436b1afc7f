"""The methods: one file each, listed here, and those that other packages bring as entry points."""

import dataclasses
import importlib
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from backend.errors import InputError
from backend.scores.base import Batch, Method, Unit, param

__all__ = ["METHODS", "Batch", "Method", "Unit", "build", "param"]

LISTED = {
    "clip_score": "backend.scores.clip_score:ClipScore",
    "basic": "backend.scores.basic:Basic",
    "english": "backend.scores.english:English",
    "random": "backend.scores.random:Random",
    "cliploss": "backend.scores.cliploss:ClipLoss",
    "normsim": "backend.scores.normsim:NormSim",
    "vas": "backend.scores.vas:Vas",
    "vas_d": "backend.scores.vas_d:VasD",
    "caption_length": "backend.scores.caption_length:CaptionLength",
    "image_size": "backend.scores.image_size:ImageSize",
    "laion2b": "backend.scores.laion2b:Laion2b",
    "text_based": "backend.scores.text_based:TextBased",
    "dfn": "backend.scores.dfn:Dfn",
    "hype": "backend.scores.hype:Hype",
    "image_based": "backend.scores.image_based:ImageBased",
    "dedup": "backend.scores.dedup:Dedup",
    "within": "backend.scores.within:Within",
    "rank_sum": "backend.scores.rank_sum:RankSum",
    "metaclip": "backend.scores.metaclip:MetaClip",
    "metaclip_balanced": "backend.scores.metaclip:MetaClipBalanced",
    "normsim_d": "backend.scores.vas_d:NormSimD",
}


class _Methods(Mapping[str, type[Method]]):
    """Method classes by id; a module is imported when its method is first asked for."""

    @cached_property
    def _places(self) -> dict[str, Any]:
        from importlib.metadata import entry_points

        return {**{point.name: point for point in entry_points(group="poolscope.methods")}, **LISTED}

    def __getitem__(self, id: str) -> type[Method]:
        place = self._places[id]
        if not isinstance(place, str):
            return place.load()
        module, _, name = place.partition(":")
        return getattr(importlib.import_module(module), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


METHODS: Mapping[str, type[Method]] = _Methods()


def build(id: str, /, **parameters: Any) -> Method:
    """A method with its parameters; strings are read as the parameter's type, as the command line gives them.

    Raises InputError for an unknown method or parameter and for a value out of range.
    """
    if id not in METHODS:
        raise InputError(f"no method {id!r}; the methods are {', '.join(sorted(METHODS))}.")
    method = METHODS[id]
    known = {entry.name: entry for entry in dataclasses.fields(method)}
    hints = typing.get_type_hints(method)
    values = {}
    for name, value in parameters.items():
        if name not in known:
            raise InputError(f"{id} has no parameter {name!r}; it has {', '.join(known) or 'none'}.")
        values[name] = _read(id, name, value, hints[name])
    missing = [name for name, entry in known.items() if entry.default is dataclasses.MISSING and name not in values]
    if missing:
        raise InputError(f"{id} needs {missing[0]!r}; give it with --set {missing[0]}=…")
    return method(**values)


def _read(method: str, name: str, value: Any, hint: Any) -> Any:
    """`value` as the type `hint`."""
    if value is None or typing.get_origin(hint) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        if value is None or (isinstance(value, str) and value.lower() in ("none", "")):
            return None
        hint = options[0] if len(options) == 1 else str
    try:
        if hint is bool:
            if isinstance(value, bool):
                return value
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
        if hint is int:
            if isinstance(value, bool) or float(value) != int(float(value)):
                raise ValueError
            return int(float(value))
        if hint in (float, str):
            return hint(value)
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{method}: {name} is {value!r}; it must be a {hint.__name__}.") from None
    return value

"""The methods: one file each, listed here, and those that other packages bring as entry points."""

import dataclasses
import importlib
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from ..errors import InputError
from .base import Batch, Method, Unit, param

__all__ = ["METHODS", "Batch", "Method", "Unit", "build", "param"]

LISTED = {
    "clip_score": "poolscope.scores.clip_score:ClipScore",
    "basic": "poolscope.scores.basic:Basic",
    "english": "poolscope.scores.english:English",
    "random": "poolscope.scores.random:Random",
    "cliploss": "poolscope.scores.cliploss:ClipLoss",
    "normsim": "poolscope.scores.normsim:NormSim",
    "vas": "poolscope.scores.vas:Vas",
    "vas_d": "poolscope.scores.vas_d:VasD",
    "caption_length": "poolscope.scores.caption_length:CaptionLength",
    "image_size": "poolscope.scores.image_size:ImageSize",
    "laion2b": "poolscope.scores.laion2b:Laion2b",
    "text_based": "poolscope.scores.text_based:TextBased",
    "hype": "poolscope.scores.hype:Hype",
    "image_based": "poolscope.scores.image_based:ImageBased",
    "dedup": "poolscope.scores.dedup:Dedup",
    "within": "poolscope.scores.within:Within",
    "rank_sum": "poolscope.scores.rank_sum:RankSum",
    "metaclip": "poolscope.scores.metaclip:MetaClip",
    "metaclip_balanced": "poolscope.scores.metaclip:MetaClipBalanced",
    "normsim_d": "poolscope.scores.vas_d:NormSimD",
}


class _Methods(Mapping[str, type[Method]]):
    """Method classes by id; a module is imported when its method is first asked for."""

    @cached_property
    def _places(self) -> dict[str, Any]:
        from importlib.metadata import entry_points

        brought = {point.name: point for point in entry_points(group="poolscope.methods") if point.name not in LISTED}
        return {**LISTED, **brought}

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

"""The methods: one file each, found by its name, and those that other packages bring as entry points."""

import dataclasses
import importlib
import pkgutil
import typing
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any

from ..errors import InputError
from .base import Batch, Method, Unit, param

__all__ = ["METHODS", "Batch", "Method", "Unit", "build", "param"]


class _Methods(Mapping[str, type[Method]]):
    """Method classes by id; a module is imported when its method is first asked for.

    The file `scores/<id>.py` defines the method `<id>`; the group `poolscope.methods` of other packages' entry points
    adds to them. They are listed by the `order` that they declare, then by id; those of entry points come last.
    """

    @cached_property
    def shipped(self) -> tuple[str, ...]:
        """The ids of the files in this folder."""
        return tuple(file.name for file in pkgutil.iter_modules(__path__) if not file.ispkg and file.name != "base")

    @cached_property
    def _places(self) -> dict[str, Any]:
        from importlib.metadata import entry_points

        brought = {point.name: point for point in entry_points(group="poolscope.methods")}
        return {**brought, **dict.fromkeys(self.shipped)}

    @cached_property
    def _order(self) -> list[str]:
        ours = sorted(self.shipped, key=lambda id: (self[id].order, id))
        return ours + sorted(self._places.keys() - set(ours))

    def __getitem__(self, id: str) -> type[Method]:
        point = self._places[id]
        if point is None:
            return _defined(id)
        try:
            return point.load()
        except Exception as error:  # another package's code: whatever it raises, the rest must go on
            raise InputError(f"method {id!r} of {point.value} can't be loaded: {error}; repair its package.") from None

    def __contains__(self, id: object) -> bool:
        return id in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._places)

    def forget(self) -> None:
        """Looks for methods anew when next asked: files or packages have come or gone."""
        vars(self).clear()


METHODS = _Methods()


def _defined(id: str) -> type[Method]:
    """The class with that id in `scores/<id>.py`."""
    module = importlib.import_module(f".{id}", __name__)
    for entry in vars(module).values():
        if isinstance(entry, type) and issubclass(entry, Method) and getattr(entry, "id", None) == id:
            return entry
    raise InputError(f"{module.__file__} defines no method {id!r}; give its class id = {id!r}, or rename the file.")


def build(id: str, /, **parameters: Any) -> Method:
    """A method with its parameters; strings are read as the parameter's type, as the command line gives them.

    Raises InputError for an unknown method or parameter and for a value out of range.

    >>> build("random", seed="7").parameters()
    {'seed': 7}
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
    """`value` as the type `hint`, by pydantic's lax rules."""
    from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

    if type(None) in typing.get_args(hint) and isinstance(value, str) and value.lower() in ("", "none"):
        return None
    kind: Any = Annotated[hint, BeforeValidator(_number)] if hint in (int, float) else hint
    try:
        return TypeAdapter(kind, config=ConfigDict(coerce_numbers_to_str=True)).validate_python(value)
    except ValidationError as error:
        allowed = error.errors()[0]["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        raise InputError(f"{method}: {name} is {value!r}; it must be {allowed}.") from None


def _number(value: Any) -> Any:
    """`1e6` is a whole number too; True is none."""
    if isinstance(value, bool):
        raise ValueError("a number")
    with suppress(ValueError):
        return float(value) if isinstance(value, str) and "e" in value.lower() else value
    return value

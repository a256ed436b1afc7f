"""Looking at tables: each opened and its columns mapped, or left out with the reason why."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ..errors import InputError
from . import located, places, texts
from .captions import problems
from .cells import Room
from .located import Lacking
from .mapping import ColumnMap
from .npz import Damaged
from .options import Options
from .roles import WRITTEN_OUT
from .table import Opened, Table, mapped, open_pairs, sampled


@dataclass
class Looks:
    """What tables are: `opened` ones of pairs, `places` that say where the images of these are, further `columns` with
    their names in the pool, the first pairs as `rows`, and `left_out` files and columns, with the reason."""

    opened: list[Opened] = field(default_factory=list)
    places: dict[str, None] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    @property
    def mapping(self) -> dict[str, str]:
        """Role, or embedding, → column of the first table."""
        first = self.opened[0][2]
        return {**first.roles, **{name: column for column, (name, _) in first.vectors.items()}}

    def add(
        self, path: str, table: Table, sample: list[dict[str, Any]], options: Options, root: str, most: int
    ) -> None:  # fmt: skip
        """Raises InputError for a table that is none of pairs."""
        here = mapped(path, table, options, sample, root)
        self.opened.append((path, table, here))
        self.columns |= here.extra
        self.left_out |= {f"column {name}": why for name, why in here.left_out.items()}
        self.notes |= {f"{os.path.basename(path)}: {table.note}": None} if table.note else {}
        self.notes |= {f"column {was!r} becomes {now!r}": None for was, now in here.renamed.items()}
        self.notes |= {f"{here.moved[0]} of another machine is {here.moved[1]} here": None} if here.moved[0] else {}
        if len(self.rows) < most:
            self.rows += preview(table, sample[:most], here, options, most)[: most - len(self.rows)]


def look_at(tables: Sequence[tuple[str, str]], options: Options, room: Room, most: int) -> Looks:
    """Looks at tables, given as root and path; `most` pairs are shown. Raises InputError if none is of pairs."""
    seen, lacking = Looks(), list[Lacking]()
    for root, path in tables:
        try:
            table = open_pairs(path, options, root, room)
            sample = sampled(table)
            lacking.append(Lacking(path, table, sample))
            seen.add(path, table, sample, options, root, most)
            lacking.pop()
        except (Damaged, InputError) as error:
            seen.left_out[path] = str(error)
    for one, other in located.join(lacking, options) if len(lacking) > 1 else ():
        seen.add(one.path, one.table, one.sample, options, "", most)
        del seen.left_out[one.path]
        seen.places[other] = None
        seen.notes[f"{os.path.basename(other)} says where the images of {os.path.basename(one.path)} are"] = None
    seen.left_out = {path: why for path, why in seen.left_out.items() if path not in seen.places}
    if not seen.opened:
        path, why = next(iter(seen.left_out.items()))
        raise InputError(f"{path!r}: {why}")
    return seen


def preview(
    table: Table, sample: Sequence[Mapping[str, Any]], mapping: ColumnMap, options: Options, most: int
) -> list[Mapping[str, Any]]:
    """The first pairs as they will be, images looked at."""
    rows: list[Mapping[str, Any]] = []
    roles = mapping.roles
    kind = table.schema.field(roles["text"]).type
    for row in sample:
        captions, _ = texts.captions(pa.array([row[roles["text"]]], type=kind), options.captions)  # type: ignore[arg-type]
        about: dict[str, Any] = {role: places.only(row[roles[role]]) for role in ("url", "id", "uid") if role in roles}
        value = places.only(row.get(roles.get("image", "")))
        value = str(value) if isinstance(value, int) else value
        if isinstance(value, str) and WRITTEN_OUT.match(value):
            about["image"] = "(written out in the table)"
        elif isinstance(value, str):
            place = value if places.is_web(value) else mapping.place(value)
            about["url" if places.is_web(value) else "image"] = place
            if "image" in about:
                seen = places.looked_at(place, None, None, check=False)
                about |= {"problem": seen.problem} if seen.problem and "image_offset" not in roles else {}
        elif value is not None:
            about["image"] = "(bytes in the table)"
        rows += [{"text": text, **about} for text in problems(captions)[0].to_pylist()]
    return rows[:most]

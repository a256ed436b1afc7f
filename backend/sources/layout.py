"""Layout: which columns of a metadata parquet and which arrays of its feature file become which columns of a pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError
from ..pool.columns import described, fixed_list
from .appender import STANDARD
from .captions import as_text, plain
from .npz import Damaged

CALLED = {
    "uid": ("uid",),
    "text": ("text", "caption", "TEXT", "alt", "alt_text", "title"),
    "url": ("url", "URL", "image_url"),
    "width": ("original_width", "width", "WIDTH"),
    "height": ("original_height", "height", "HEIGHT"),
    "sha256": ("sha256",),
    "face_bboxes": ("face_bboxes",),
}
TYPES = {entry.name: entry.type for entry in STANDARD if not entry.name.startswith("image")}
SCORE = "_similarity_score"


@dataclass(frozen=True)
class Layout:
    """`roles`: standard column → column of the parquet; `scores`: score column → column of the parquet;
    `others`: further scalar columns with their types; `features`: array of the .npz → its dimension."""

    roles: Mapping[str, str]
    scores: Mapping[str, str]
    others: Mapping[str, pa.DataType]
    features: Mapping[str, int]

    @property
    def schema(self) -> pa.Schema:
        """The pool's columns without the uid, with kind and provenance."""
        source = {"method": "import", "source": "datacomp"}
        fields = [pa.field(name, kind) for name, kind in TYPES.items()]
        fields += [pa.field(name, kind) for name, kind in self.others.items()]
        scores = pa.schema([(name, pa.float32()) for name in self.scores])
        vectors = pa.schema([(name, pa.list_(pa.float16(), dim)) for name, dim in self.features.items()])
        fields += described(scores, kind="score", made_by=source)
        fields += described(vectors, kind="embedding", made_by=source)
        return pa.schema(fields)

    @property
    def wanted(self) -> list[str]:
        """The columns to read of a parquet."""
        return list(dict.fromkeys([*self.roles.values(), *self.scores.values(), *self.others]))

    def convert(self, batch: pa.RecordBatch, features: Mapping[str, np.ndarray]) -> dict[str, pa.Array]:
        """The pool's columns for a batch, captions not yet checked. Raises Damaged for a column of a wrong type."""

        def column(name: str, source: str, kind: pa.DataType) -> pa.Array:
            there = source in batch.schema.names
            return _cast(batch.column(source), name, source, kind) if there else pa.nulls(batch.num_rows, kind)

        arrays = {name: column(name, self.roles.get(name, ""), kind) for name, kind in TYPES.items()}
        arrays |= {name: _finite(column(name, source, pa.float32())) for name, source in self.scores.items()}
        arrays |= {name: column(name, name, kind) for name, kind in self.others.items()}
        return arrays | {name: fixed_list(features[name]) for name in self.features}


def joint(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The columns of all `schemas`, each of a type that holds all of its numbers, or of its first type.

    A column that an earlier file has under another of its usual names is left out.
    """
    joined: dict[str, pa.DataType] = {}
    for schema in schemas:
        other = {name for usual in CALLED.values() if joined.keys() & set(usual) for name in usual} - joined.keys()
        for entry in schema:
            if entry.name not in other:
                joined[entry.name] = _wider(joined.get(entry.name, entry.type), entry.type)
    return pa.schema(list(joined.items()))


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other:
        return one
    try:
        schemas = [pa.schema([("x", kind)]) for kind in (one, other)]
        return pa.unify_schemas(schemas, promote_options="permissive").field("x").type
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return one


def of_schema(schema: pa.Schema, named: Mapping[str, str], features: Mapping[str, int]) -> Layout:
    """The layout for parquets like `schema`; `named` gives columns that have other names than the usual ones.

    Raises InputError for a role that does not exist, a column that the parquet lacks, or a parquet without captions.
    """
    for role, column in named.items():
        if role not in CALLED:
            raise InputError(f"--column {role}={column}: {role!r} is not known; allowed are {', '.join(CALLED)}.")
        if column not in schema.names:
            raise InputError(f"--column {role}={column}: no such column; the parquet has {', '.join(schema.names)}.")
    columns = {role: [name for name in usual if name in schema.names] for role, usual in CALLED.items()}
    roles = {role: usual[0] for role, usual in columns.items() if usual} | dict(named)
    if "text" not in roles:
        raise InputError(f"no caption column; name it with --column text=…; the parquet has {', '.join(schema.names)}.")
    scores = {
        entry.name.removesuffix(SCORE): entry.name
        for entry in schema
        if entry.name.endswith(SCORE) and pa.types.is_floating(entry.type)
    }
    taken = {*roles.values(), *scores.values(), *scores, *features, *TYPES, "uid", "uid_hi", "uid_lo"}
    return Layout(roles, scores, _others(schema, taken), dict(features))


def _others(schema: pa.Schema, taken: set[str]) -> dict[str, pa.DataType]:
    from ..pool.store import check_name

    others: dict[str, pa.DataType] = {}
    for entry in schema:
        kind = entry.type.value_type if pa.types.is_dictionary(entry.type) else entry.type
        if pa.types.is_large_string(kind):
            kind = pa.utf8()
        scalar = pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
        if entry.name not in taken and (scalar or kind == pa.utf8()):
            try:
                check_name(entry.name)
            except InputError:
                continue
            others[entry.name] = kind
    return others


def _cast(given: pa.Array, name: str, source: str, kind: pa.DataType) -> pa.Array:
    if given.type == kind and not pa.types.is_string(kind):
        return given
    if pa.types.is_string(kind):
        text = as_text(given)
        if text is None:
            raise Damaged(f"column {source!r} is {given.type}, not text")
        return text if name == "text" else plain(text)
    if as_text(given) is not None and not pa.types.is_null(given.type):
        raise Damaged(f"column {source!r} is {given.type}, not {kind}")
    try:
        if kind == pa.int32():
            return _pixels(given)
        return given.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise Damaged(f"column {source!r} is {given.type}, not {kind}") from None


def _pixels(given: pa.Array) -> pa.Array:
    """Widths and heights: null where they are not from 1 to 2^31 - 1."""
    wide = given.cast(pa.int64(), safe=False) if pa.types.is_floating(given.type) else given.cast(pa.int64())
    good = pc.and_(pc.greater(wide, 0), pc.less(wide, 2**31))
    return pc.if_else(good, wide, pa.scalar(None, pa.int64())).cast(pa.int32())


def _finite(scores: pa.Array) -> pa.Array:
    infinite = pc.is_inf(scores)
    return pc.if_else(infinite, pa.scalar(None, pa.float32()), scores) if pc.any(infinite).as_py() else scores


def families(text: str) -> tuple[str, ...]:
    """`"l14,b32"` as names of embeddings; `"none"` as none. InputError for a name that can't be one."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if names in ((), ("none",)):
        return ()
    wrong = [name for name in names if not name.replace("_", "").isalnum() or name == "none"]
    if wrong:
        raise InputError(f"--embeddings {text!r}: {wrong[0]!r} is no embedding; write for example l14,b32 or none.")
    return names


def arrays(names: Sequence[str], *, dedup: bool) -> list[str]:
    """The arrays of a feature file that hold the embeddings `names`."""
    return [f"{name}_{side}" for name in names for side in ("img", "txt")] + (["dedup"] if dedup else [])

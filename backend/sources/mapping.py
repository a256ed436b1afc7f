"""Mapping: which column of the source becomes which column of the pool, and with what type."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from ..errors import InputError
from ..pool import Pool
from ..pool.columns import described
from . import img2dataset
from . import roles as usual
from .appender import STANDARD
from .arrow_table import holds_bytes
from .options import Options
from .places import Nearby, only, placed
from .vectors import SHORTEST_WRITTEN, dimension, is_vector, side_of, written_dimension

FIXED = {*STANDARD.names, "uid", "uid_hi", "uid_lo", "id", "image_id", "sample_offset", "sample_size"}
_EMBEDDING = re.compile(r"emb|feat|vec|clip|siglip|dino|latent|_(img|txt)$", re.I)


@dataclass(frozen=True)
class ColumnMap:
    """`roles`: role → column of the source; `extra`: column of the source → column of the pool; `vectors`: embedding
    column of the source → (column of the pool, dimension); `base`: where relative image paths start; `numbered`:
    whether image names end in `#0`, `#1`, …; `joined`: whether several captions of an image are told by `image_id`,
    which is the image's own place where `by_image`; `moved`: a directory of another machine, and the one it is here;
    `status`: img2dataset's column of what was downloaded; `nearby`: images by their ids, where the table names them by these."""

    roles: Mapping[str, str]
    extra: Mapping[str, str]
    vectors: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    base: str = ""
    numbered: bool = False
    joined: bool = False
    by_image: bool = False
    moved: tuple[str, str] = ("", "")
    left_out: Mapping[str, str] = field(default_factory=dict)
    status: str = ""
    nearby: Nearby | None = field(default=None, repr=False, compare=False)

    def place(self, value: str) -> str:
        """Where the image is that a cell names: an absolute path or a URL."""
        value = value.rpartition("#")[0] if self.numbered and "#" in value else value
        return placed(value, self.base, self.moved, self.nearby)

    @property
    def renamed(self) -> dict[str, str]:
        return {source: name for source, name in self.extra.items() if source != name}


def roles_of(
    schema: pa.Schema, options: Options, sample: Sequence[Mapping[str, Any]], *, named: bool
) -> dict[str, str]:
    """Role → column of a table, by its columns' names and its first rows."""
    usable = {role: [e.name for e in schema if _serves(role, e.type)] for role in usual.USUAL}
    if named:
        roles = usual.choose(schema.names, options.named, usable)
    else:
        roles = {role: usual.given(role, column, schema.names) for role, column in options.named.items()}
    return usual.by_content(sample, roles, captions=not named)


def of_table(schema: pa.Schema, roles: Mapping[str, str], sample: Sequence[Mapping[str, Any]]) -> ColumnMap:
    """The mapping of a table from its `roles` and its first rows. Raises InputError for one without captions, or without
    images and URLs."""
    names = schema.names
    listed = f"its columns: {', '.join(names)}"
    if "text" not in roles:
        other = " (or name its --delimiter)" if len(names) == 1 and re.search(r"[^\w. -]", names[0]) else ""
        raise InputError(f"no caption column; name it with --text; {listed}{other}.")
    if "image" not in roles and "url" not in roles:
        key = usual.image_key(names)
        beside = f", or with --images the folder of images that are named by {key}" if key else ""
        raise InputError(f"no column of images or URLs; name it with --image or --url{beside}; {listed}.")
    kept, vectors, left_out = _further(schema, roles, sample)
    values = [value for row in sample if isinstance(value := only(row.get(roles.get("image", ""))), str)]
    numbered = bool(values) and all(usual.NUMBERED.search(value) for value in values)
    lists = pa.types.is_nested(schema.field(roles["text"]).type) or any(
        isinstance(row[roles["text"]], str) and re.match(r"\s*\[", row[roles["text"]]) for row in sample
    )
    repeated, by_id = _repeated(sample, roles)
    joined, by_image = numbered or lists or repeated, numbered or (repeated and not lists and not by_id)
    status = img2dataset.status_column(schema, sample)
    return ColumnMap(roles, kept, vectors, "", numbered, joined, by_image, left_out=left_out, status=status)


def _repeated(sample: Sequence[Mapping[str, Any]], roles: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether rows share an image, and whether those that do have its id in common."""
    column = roles.get("image") or roles["url"]
    images = [only(row[column]) for row in sample]
    pairs = [(one, row.get(roles.get("id", ""))) for one, row in zip(images, sample) if isinstance(one, str) and one]
    count = len({one for one, _ in pairs})
    return count < len(pairs), "id" in roles and len(set(pairs)) == count


def _serves(role: str, kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_null(kind):
        return False
    if role == "text":
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return _serves(role, kind.value_type)
        if pa.types.is_struct(kind):
            return not holds_bytes(kind)
        return _texts(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if role in ("image", "url"):
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        return _texts(kind) or (role == "image" and holds_bytes(kind))
    if role == "face_bboxes":
        return pa.types.is_nested(kind)
    if role == "sha256":
        return _texts(kind)
    return not pa.types.is_nested(kind) and not pa.types.is_boolean(kind)


def _texts(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    )  # fmt: skip


def _further(
    schema: pa.Schema, roles: Mapping[str, str], sample: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, str], dict[str, tuple[str, int]], dict[str, str]]:
    """Columns without a role: those that come along, embeddings, and those that can't, with the reason."""
    taken = set(FIXED)
    kept: dict[str, str] = {}
    vectors: dict[str, tuple[str, int]] = {}
    left_out: dict[str, str] = {}
    for entry in schema:
        if entry.name in roles.values():
            continue
        if dim := _dimension(entry.name, entry.type, [row[entry.name] for row in sample]):
            name = usual.column_name(_embedding(entry.name), taken)
            vectors[entry.name] = name, dim
            taken.add(name.lower())
            continue
        if holds_bytes(entry.type):
            left_out[entry.name] = "holds bytes"
            continue
        kept[entry.name] = usual.column_name(entry.name, taken)
        taken.add(kept[entry.name].lower())
    return kept, vectors, left_out


def _dimension(name: str, kind: pa.DataType, sample: Sequence[Any]) -> int | None:
    """The dimension of a column of embeddings; None for one of anything else, such as boxes: lists that are short or
    differ in length are embeddings only where the name says so."""
    if pa.types.is_string(kind):
        return written_dimension(sample)
    if not is_vector(kind) or pa.types.is_integer(kind.value_type):
        return None
    dim = dimension(pa.array(sample, type=kind))
    alike = len({len(one) for one in sample if one}) < 2
    if dim and not _EMBEDDING.search(name) and (dim < SHORTEST_WRITTEN or not alike):
        return None
    return dim if dim and dim >= 2 else None


def _embedding(name: str) -> str:
    """`clip_img` for `clip_image_embedding`; a column that says no side embeds images."""
    side = side_of(name) or "img"
    words = [word for word in re.split(r"[^A-Za-z0-9]+", name.lower()) if word]
    base = [w for w in words if not re.fullmatch(r"img|image|images|txt|text|caption|visual|vision|emb|embs", w)]
    return f"{'_'.join(base) or 'embedding'}_{side}"


def types(tables: Iterable[Any], names: Sequence[str]) -> dict[str, pa.DataType]:
    """The types of further columns over all tables: of text ones a number or truth value where every cell is one and
    none is changed by it, by a pass over all of them; text else."""
    types_of: dict[str, pa.DataType] = {}
    for table in tables:
        for name, kind in table.types([name for name in names if name in table.schema.names]).items():
            types_of[name] = kind if name not in types_of else _both(types_of[name], kind)
    return {name: pa.utf8() if pa.types.is_null(kind) else kind for name, kind in types_of.items()}


def _both(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    numbers = [kind for kind in (one, other) if pa.types.is_integer(kind) or pa.types.is_floating(kind)]
    if len(numbers) < 2:
        return pa.utf8()
    return pa.int64() if all(pa.types.is_integer(kind) for kind in numbers) else pa.float64()


def in_pool(
    mapping: ColumnMap, kinds: Mapping[str, pa.DataType], pool: Pool | None
) -> tuple[ColumnMap, dict[str, Any]]:
    """The mapping for a pool that may be there, and the further columns' types: a column that the pool has in another
    type, or as a score or embedding, gets a name of its own."""
    if pool is None:
        return mapping, {name: kinds[source] for source, name in mapping.extra.items()}
    extra, named = {}, {}
    taken = {name.lower() for name in pool.schema.names} | {name.lower() for name in mapping.extra.values()} | FIXED
    for source, name in mapping.extra.items():
        kind = kinds[source]
        if name in pool.columns:
            has = pool.schema.field(name).type
            if pool.columns[name].kind != "metadata" or not _fits(kind, has):
                name = usual.column_name(f"{name}_2", taken)
            else:
                kind = has
        extra[source], named[name] = name, kind
        taken.add(name.lower())
    return replace(mapping, extra=extra), named


def _fits(kind: pa.DataType, has: pa.DataType) -> bool:
    return kind == has or (pa.types.is_integer(kind) and has in (pa.int64(), pa.float64())) or has == pa.utf8()


def pool_schema(mapping: ColumnMap, kinds: Mapping[str, pa.DataType]) -> pa.Schema:
    """The columns that the pairs have, without the uid."""
    own = [pa.field("id", pa.utf8())] if {"id", "uid"} & {*mapping.roles} else []
    own += [pa.field("image_id", pa.utf8())] if mapping.joined else []
    vectors = pa.schema([(name, pa.list_(pa.float16(), dim)) for name, dim in mapping.vectors.values()])
    about = described(vectors, kind="embedding", made_by={"method": "import", "source": "table"})
    return pa.schema([*STANDARD, *own, *(pa.field(name, kind) for name, kind in kinds.items()), *about])

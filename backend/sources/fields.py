"""Fields of a sample's JSON: captions, ids, sizes, and whatever else comes along as columns of the pool."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from .captions import LONGEST_CAPTION

CAPTIONS = (
    "caption", "captions", "text", "texts", "txt", "sentence", "sentences", "alt", "alt_text", "title", "prompt",
    "description",
)  # fmt: skip
INNER = ("raw", "text", "caption", "sentence", "phrase", "en", "label")  # where COCO, Karpathy, FiftyOne keep the words
ROLES = frozenset({"uid", "url", "original_width", "original_height", "sha256", "face_bboxes", "id", "image_id"})
TYPES: dict[str, pa.DataType] = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "text": pa.utf8()}
MOST_FIELDS = 200
Which = Literal["all", "first", "longest"]
_UID = re.compile(r"[0-9a-fA-F]{32}")


def parse(content: bytes) -> Any:
    """JSON of any size of numbers: an integer of more than 300 digits is null. Raises ValueError."""
    return json.loads(content, parse_int=_integer)


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= 300 else None


def lowered(about: Mapping[str, Any]) -> dict[str, Any]:
    """The fields by their names in lower case, the first of equal ones."""
    fields: dict[str, Any] = {}
    for name, value in about.items():
        fields.setdefault(str(name).lower(), value)
    return fields


def captions(about: Mapping[str, Any], named: Iterable[str] = ()) -> tuple[list[str], str]:
    """The captions of the first field that holds any, and its name in lower case; `named` instead of the usual names."""
    fields = lowered(about)
    for name in [one.lower() for one in named] or CAPTIONS:
        texts = [text for text in _texts(fields.get(name)) if text.strip()]
        if texts:
            return texts, name
    return [], ""


def _texts(value: Any, depth: int = 0) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and (answers := _answers(value)) is not None:
        return answers if len(answers) == 1 else []
    if isinstance(value, list) and depth < 2:
        return [text for one in value for text in _texts(one, depth + 1)]
    if isinstance(value, dict) and depth < 3:
        inner = lowered(value)
        return next((texts for name in INNER if (texts := _texts(inner.get(name), depth + 1))), [])
    return []


def _answers(value: list[Any]) -> list[str] | None:
    """What a model says in a conversation (LLaVA's, ShareGPT's, OpenAI's, the Cauldron's form), None for any other list. Several answers
    are about questions, and no captions."""
    if value and all(isinstance(one, dict) and {"user", "assistant"} <= one.keys() for one in value):
        return [text for one in value for text in _texts(one["assistant"], 1)]
    if not value or not all(isinstance(one, dict) and {"from", "role"} & one.keys() for one in value):
        return None
    answers = [one for one in value if (one.get("from") or one.get("role")) in ("gpt", "assistant", "model")]
    return [text for one in answers for text in _texts(one.get("value") or one.get("content"), 1)]


def chosen(texts: list[str], which: Which) -> list[str]:
    """All captions without repetitions, the first, or the longest."""
    if which == "longest":
        return [max(texts, key=len)] if texts else []
    return list(dict.fromkeys(texts)) if which == "all" else texts[:1]


@dataclass(frozen=True)
class Identity:
    """What a JSON says of its sample: the `uid`, if it gives 32 hex digits as one, an `id` of its own, and the `image`
    that it is a caption of."""

    uid: str | None
    id: str | None
    image: str | None


def identity(about: Mapping[str, Any]) -> Identity:
    fields = lowered(about)
    given, own, image = (_name(fields.get(name)) for name in ("uid", "id", "image_id"))
    uid = given.lower() if given and _UID.fullmatch(given) else None
    own = own or (given if given != uid else None) or (None if uid else image)
    return Identity(uid, own, image)


def _name(value: Any) -> str | None:
    """An id as text: a number without decimals or a short text."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = clean(str(value))
    return text if text and len(text) <= 500 else None


def pixels(given: Any) -> int | None:
    """A width or height: a whole number from 1 to 2^31 - 1, also as text; None for anything else."""
    if isinstance(given, str) and given.strip().isdecimal() and len(given) < 12:
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < 2**31:
        return None
    return int(given) if int(given) > 0 else None


def boxes(given: Any) -> list[list[float]] | None:
    """Face boxes `[x0, y0, x1, y1]`; those of another form are left out."""
    if not isinstance(given, list) or len(given) > 10_000:
        return None
    return [
        [float(x) for x in box] for box in given if isinstance(box, list) and len(box) == 4 and all(map(_real, box))
    ]


def _real(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def clean(text: Any) -> str | None:
    """Text beside the caption: None if it is no text, no valid Unicode, holds a NUL byte, or is far too long."""
    if not isinstance(text, str) or "\0" in text or len(text) > LONGEST_CAPTION:
        return None
    return text if valid(text) else None


def valid(text: str) -> bool:
    """Whether the text is Unicode that UTF-8 can hold: JSON may name half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def extras(about: Mapping[str, Any], caption: str, text: str) -> dict[str, Any]:
    """Scalar fields that come along: all but those with a role, the caption (`text`), its field `caption`, and the key
    that an export of ours made of the uid."""
    ours = f"{about.get('uid')}-"
    return {
        name: value
        for name, value in about.items()
        if isinstance(value, (bool, int, float, str))
        and name.lower() != caption
        and name.lower() not in ROLES
        and not (name.lower() in CAPTIONS and value == text)
        and not (name == "key" and str(value).startswith(ours))
    }


def nested(about: Mapping[str, Any]) -> list[str]:
    """Fields without a role that hold a list or a record, and so don't come along."""
    return [name for name, value in about.items()
            if isinstance(value, (list, dict)) and value and name.lower() not in {*ROLES, *CAPTIONS}]  # fmt: skip


def _kind(value: Any) -> str:
    """A place in `TYPES`; an integer beyond 64 bits is text, which holds all of its digits."""
    if isinstance(value, str) or (isinstance(value, int) and not -(2**63) <= value < 2**63):
        return "text"
    return type(value).__name__


class Kinds:
    """The types of further fields, joined over all samples: what is not one kind of number or truth value is text."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}

    def add(self, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            kind = _kind(value)
            known = self._kinds.get(name)
            if known is None and len(self._kinds) < MOST_FIELDS:
                self._kinds[name] = kind
            elif known is not None and known != kind:
                self._kinds[name] = "float" if {known, kind} == {"int", "float"} else "text"

    def columns(self, reserved: Iterable[str]) -> dict[str, tuple[str, pa.DataType]]:
        """Field → name that the store can hold, and type."""
        taken = {name.lower() for name in reserved}
        columns: dict[str, tuple[str, pa.DataType]] = {}
        for field, kind in self._kinds.items():
            name = storable(field, taken)
            taken.add(name.lower())
            columns[field] = (name, TYPES[kind])
        return columns


def storable(field: str, taken: set[str]) -> str:
    """The field's name as a column's: ASCII letters, digits and `_-`, a letter first, not in `taken` (lower case)."""
    plain = unicodedata.normalize("NFKD", field).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_\-]+", "_", plain).strip("_")[:48]
    if not name[:1].isalpha():
        name = f"column_{name}" if name else "column"
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def converted(value: Any, kind: pa.DataType) -> Any:
    """A field's value in its column's type, None where it has none there."""
    if pa.types.is_string(kind):
        return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    if pa.types.is_boolean(kind):
        return value if isinstance(value, bool) else None
    if not _real(value):
        return None
    if pa.types.is_floating(kind):
        return float(value)
    return value if isinstance(value, int) and _within(value, kind) else None


def _within(value: int, kind: pa.DataType) -> bool:
    if not pa.types.is_integer(kind):
        return False
    signed = pa.types.is_signed_integer(kind)
    half = 1 << (kind.bit_width - 1)
    return -half <= value < half if signed else 0 <= value < 2 * half

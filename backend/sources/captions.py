"""Text columns as a pool takes them: checked in whole batches, one reason per caption that can't be used."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LONGEST_CAPTION = 100_000
_INVISIBLE = r"^[\s\p{Z}\p{Cc}\p{Cf}]*$"  # white space, zero-width letters and other marks that show nothing
REASONS = (
    "",
    "no caption",
    f"caption longer than {LONGEST_CAPTION:,} characters",
    "caption holds a NUL byte",
    "caption is not UTF-8",
)


def as_text(column: pa.Array) -> pa.Array | None:
    """The column as utf8, not yet checked; None if it holds no text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.utf8())
    if pa.types.is_string(kind):
        return column
    if pa.types.is_binary(kind):
        return pa.Array.from_buffers(pa.utf8(), len(column), column.buffers(), column.null_count, column.offset)
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind) or pa.types.is_string_view(kind):
        return as_text(column.cast(pa.binary() if pa.types.is_large_binary(kind) else pa.utf8(), safe=False))
    return None


def problems(text: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The captions and, per caption, the place of its problem in `REASONS` as `(n,)` uint8, 0 for a good one."""
    text, broken = _decoded(text)
    wrong = np.zeros(len(text), dtype=np.uint8)
    if _may_hold_nul(text):
        wrong[_true(pc.match_substring(text, "\0"))] = 3
    if (pc.max(pc.binary_length(text)).as_py() or 0) > LONGEST_CAPTION:
        wrong[_true(pc.greater(pc.utf8_length(text), LONGEST_CAPTION))] = 2
    first, _ = edges(text)
    blank = (first <= 32) | (first > 126)  # or may be
    some = text.filter(pa.array(blank))
    blank[blank] = _true(pc.match_substring_regex(some, _INVISIBLE), null=True)
    wrong[blank] = 1
    if text.null_count:
        wrong[_true(text.is_null())] = 1
    wrong[broken] = 4
    return text, wrong


def problem_of(text: str | None) -> str:
    """The problem of one caption, empty for a good one."""
    if not text or not text.strip():
        return REASONS[1]
    if len(text) > LONGEST_CAPTION:
        return REASONS[2]
    return REASONS[3] if "\0" in text else ""


def blanked(text: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Like `problems`, with null in the place of every caption that has one."""
    text, wrong = problems(text)
    return (pc.if_else(pa.array(wrong == 0), text, pa.scalar(None, pa.utf8())) if wrong.any() else text), wrong


def plain(text: pa.Array) -> pa.Array:
    """Text beside the caption (URLs, hashes): null where it is not UTF-8, holds a NUL byte or is far too long."""
    text, _ = _decoded(text)
    bad = pc.greater(pc.binary_length(text), LONGEST_CAPTION)
    if _may_hold_nul(text):
        bad = pc.or_(bad, pc.match_substring(text, "\0"))
    return pc.if_else(pc.fill_null(bad, False), pa.scalar(None, pa.utf8()), text) if pc.any(bad).as_py() else text


def edges(text: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last byte of each value, `(n,)` uint8; 0 for an empty one."""
    _, places, content = text.buffers()
    if content is None or not content.size or not len(text):
        return np.zeros(len(text), np.uint8), np.zeros(len(text), np.uint8)
    octets = np.frombuffer(content, np.uint8)
    offsets = np.frombuffer(places, np.int32)[text.offset : text.offset + len(text) + 1]
    filled = offsets[1:] > offsets[:-1]
    return octets.take(offsets[:-1], mode="clip") * filled, octets.take(offsets[1:] - 1, mode="clip") * filled


def _may_hold_nul(text: pa.Array) -> bool:
    """Whether any byte that the values share is zero: a tenth of the time of asking each value."""
    _, offsets, content = text.buffers()
    if content is None or not len(text):
        return False
    first, last = np.frombuffer(offsets, np.int32)[[text.offset, text.offset + len(text)]]
    return b"\0" in content.slice(int(first), int(last - first)).to_pybytes()


def _decoded(text: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Valid UTF-8 with null in the place of what isn't, and where that was."""
    try:
        text.validate(full=True)
        return text, np.zeros(len(text), dtype=bool)
    except pa.ArrowInvalid:
        raw = pa.Array.from_buffers(pa.binary(), len(text), text.buffers(), text.null_count, text.offset)
        decoded = [_decode(value) for value in raw.to_pylist()]
        broken = np.array([value is None for value in decoded]) & raw.is_valid().to_numpy(zero_copy_only=False)
        return pa.array(decoded, type=pa.utf8()), broken


def _decode(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _true(mask: pa.Array, *, null: bool = False) -> np.ndarray:
    return pc.fill_null(mask, null).to_numpy(zero_copy_only=False)

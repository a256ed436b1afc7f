"""Uids: 128-bit identifiers as 32 hex digits, as two uint64 and as DataComp's `u8,u8` records."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ..errors import InputError

UID_DTYPE = np.dtype("u8,u8")

_UUID = r"^\{?([0-9A-Fa-f]{8})-?([0-9A-Fa-f]{4})-?([0-9A-Fa-f]{4})-?([0-9A-Fa-f]{4})-?([0-9A-Fa-f]{12})\}?$"
_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def uid_pairs(uids: pa.Array | Sequence[str]) -> np.ndarray:
    """Parses uids.

    `uids`: n strings of exactly 32 lower-case hex digits. Returns `(n,)` records `u8,u8` (hi, lo), so that
    `hi = int(uid[:16], 16)`. Raises InputError naming the first uid that is of another form.
    """
    strings = uids if isinstance(uids, pa.Array) else pa.array(uids, type=pa.utf8())
    both, valid = parse(strings)
    if not valid.all():
        wrong = strings[int(np.argmin(valid))].as_py()
        raise InputError(f"uid {str(wrong)[:60]!r} is not 32 lower-case hex digits; give --uid a column of such ids.")
    return both


def spelled(uids: pa.Array) -> pa.Array:
    """Uids as 32 lower-case hex digits, where they are a UUID, of upper case or among spaces; others as they are."""
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(uids)
    return pc.utf8_lower(pc.replace_substring_regex(trimmed, _UUID, r"\1\2\3\4\5"))


def parse(strings: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Uids that may be of any form: `(n,)` records `u8,u8` and `(n,)` bool, True where the uid is valid; else it reads 0.

    A few passes over the bytes, no Python object per uid.
    """
    import pyarrow.compute as pc

    count = len(strings)
    if not pa.types.is_string(strings.type):
        strings = strings.cast(pa.utf8())
    offsets = np.frombuffer(strings.buffers()[1], dtype=np.int32)[strings.offset : strings.offset + count + 1]
    if count and not strings.null_count and bool((np.diff(offsets) == 32).all()):
        digits = _bytes(strings.buffers()[2], int(offsets[0]), count * 32).reshape(-1, 32)
        good = ((digits >= 48) & (digits <= 57)) | ((digits >= 97) & (digits <= 102))
        if good.all():
            return _from_digits(digits), np.ones(count, dtype=bool)
    matches = pc.fill_null(pc.match_substring_regex(strings, "^[0-9a-f]{32}$"), False)
    valid = matches.to_numpy(zero_copy_only=False)
    both = np.zeros(count, dtype=UID_DTYPE)
    if valid.any():
        fixed = strings.filter(matches).cast(pa.binary()).cast(pa.binary(32))
        digits = _bytes(fixed.buffers()[1], fixed.offset * 32, len(fixed) * 32).reshape(-1, 32)
        both[valid] = _from_digits(digits)
    return both, valid


def _bytes(buffer: pa.Buffer, start: int, length: int) -> np.ndarray:
    return np.frombuffer(buffer, dtype=np.uint8, count=length, offset=start)


def _from_digits(digits: np.ndarray) -> np.ndarray:
    """`(n, 32)` ASCII digits to records: eight digits at a time as one little-endian word, pairs joined by shifts."""
    word = np.ascontiguousarray(digits).view("<u8")
    word = (word & 0x0F0F0F0F0F0F0F0F) + ((word >> 6) & 0x0101010101010101) * 9
    word = ((word << 4) | (word >> 8)) & 0x00FF00FF00FF00FF
    word = (word | (word >> 8)) & 0x0000FFFF0000FFFF
    word = (word | (word >> 16)) & 0x00000000FFFFFFFF
    quarters = word.astype("<u4").byteswap().astype(np.uint64)
    return records((quarters[:, 0] << 32) | quarters[:, 1], (quarters[:, 2] << 32) | quarters[:, 3])


def uid_hex(hi: np.ndarray, lo: np.ndarray) -> pa.Array:
    """Writes uids: two `(n,)` uint64 arrays to n strings of 32 lower-case hex digits."""
    count = len(hi)
    if count == 0:
        return pa.array([], type=pa.utf8())
    octets = np.stack([hi, lo], axis=1).astype(">u8").view(np.uint8).reshape(count, 16)
    digits = np.empty((count, 32), dtype=np.uint8)
    digits[:, 0::2] = _DIGITS[octets >> 4]
    digits[:, 1::2] = _DIGITS[octets & 15]
    offsets = pa.py_buffer((np.arange(count + 1, dtype=np.int64) * 32).astype(np.int32).tobytes())
    return pa.Array.from_buffers(pa.utf8(), count, [None, offsets, pa.py_buffer(digits.tobytes())])


def records(hi: np.ndarray, lo: np.ndarray) -> np.ndarray:
    """Two `(n,)` uint64 arrays as `(n,)` records `u8,u8`."""
    both = np.empty(len(hi), dtype=UID_DTYPE)
    both["f0"], both["f1"] = hi, lo
    return both

"""Mutations of files: damage to their bytes, and hostile values where the format is still valid."""

import io
import json
import random
import sqlite3
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import yaml

HUGE = 10**4299
TEXTS = [
    "", " ", "\x00", "\ud800", "é" * 300, "../../etc/passwd", "/", ".", "..", "~", "a/b", "a.b", "-1", "--help", "[red]x[/red]",
    "[link=https://example.org]x[/link]", "<img src=x>", "' OR 1=1 --", "`x`", "{c}", "%s", "NaN", "inf", "1e999", "nul\x00l",
    "\u202e", "\n", "a\nb", "uid", "text", "score", "9" * 4300, "0x10", "true", "null", "https://127.0.0.1:1/x",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, HUGE, 0.0, -0.5, 1e308, float("nan"), float("inf"), -float("inf"),
    [], {}, [[]], [None], {"a": None}, [1, "a"], *TEXTS,
]  # fmt: skip


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 4, 32))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _insert(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    what = rng.choice([b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b'"', b",", b"\t", b"\n", b"{" * 9, rng.randbytes(40)])
    return content[:at] + what + content[at:]


def _remove(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.choice((1, 8, 100)) :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    end = at + rng.choice((1, 16, 512))
    return content[:end] + content[at:]


def _other(content: bytes, rng: random.Random) -> bytes:
    """Something else altogether under the same name."""
    return rng.choice([
        b"", b"\n", b"\x00" * 100, rng.randbytes(300), b"PK\x03\x04" + rng.randbytes(60), b"PAR1" + rng.randbytes(60) + b"PAR1",
        b"\x1f\x8b\x08\x00" + rng.randbytes(60), b"\x93NUMPY\x01\x00v\x00" + rng.randbytes(60), b"SQLite format 3\x00" + rng.randbytes(90),
        b"[" * 20_000, b'{"a":' * 20_000, b"- " * 3_000, b"null", b"3", b"[]", b"{}", b'"text"', b"[[1]]", bomb(),
    ])  # fmt: skip


def _encode(content: bytes, rng: random.Random) -> bytes:
    text = content.decode(errors="replace")
    return text.encode(rng.choice(["utf-16", "utf-32", "utf-8-sig", "utf-16-le", "cp037"]), "replace")


def _lines(content: bytes, rng: random.Random) -> bytes:
    """Ragged rows, repeated headers, cells of another type late in the file."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        lines[at] += rng.choice([b",", b"\t", b',"', b"x", b",,,,,,"])
    elif kind == 1:
        lines.insert(at, lines[rng.randrange(len(lines))])
    elif kind == 2:
        lines[0] = lines[0].replace(b"text", b"uid").replace(b"score", b"uid")
    elif kind == 3:
        lines[at] = lines[at].replace(b"0", str(HUGE).encode(), 1).replace(b"1", b"NaN", 1)
    elif kind == 4:
        cells = lines[at].split(b",")
        cells[rng.randrange(len(cells))] = rng.choice(TEXTS).encode("utf-8", "surrogatepass")
        lines[at] = b",".join(cells)
    else:
        del lines[at]
    return b"\n".join(lines)


@cache
def bomb(inside: str = "npy") -> bytes:
    """A small zip whose member says and holds 64 MB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"l14_img.{inside}", b"\x93NUMPY\x01\x00" + b"\x00" * (64 << 20))
    return out.getvalue()


# --- within the format --------------------------------------------------------------------------------------------


def hostile(content: Any, rng: random.Random) -> Any:
    """Plain data with one value replaced, dropped, repeated or nested."""
    if isinstance(content, dict) and content and rng.random() < 0.8:
        key = rng.choice(list(content))
        changed = dict(content)
        if rng.random() < 0.1:
            del changed[key]
        elif rng.random() < 0.1:
            changed[rng.choice(TEXTS)] = changed.pop(key)
        else:
            changed[key] = hostile(content[key], rng)
        return changed
    if isinstance(content, list) and content and rng.random() < 0.8:
        at = rng.randrange(len(content))
        return [*content[:at], hostile(content[at], rng), *content[at + rng.choice((0, 1, 1, 1)) :]]
    if rng.random() < 0.05:
        for _ in range(rng.choice((5, 300))):
            content = rng.choice(([content], {"not": content}))
    return rng.choice([*VALUES, content])


def _dumped(value: Any) -> str:
    """JSON even of integers that Python itself will not print."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(value)
    finally:
        sys.set_int_max_str_digits(limit)


def _json(path: Path, rng: random.Random) -> None:
    path.write_text(_dumped(hostile(json.loads(path.read_text()), rng)))


def _jsonl(path: Path, rng: random.Random) -> None:
    lines = path.read_text().splitlines()
    at = rng.randrange(len(lines))
    lines[at] = _dumped(hostile(json.loads(lines[at]), rng))
    path.write_text("\n".join(lines))


def _yaml(path: Path, rng: random.Random) -> None:
    """Written as JSON, which is YAML, surrogates and all."""
    path.write_text(_dumped(hostile(yaml.safe_load(path.read_text()), rng)))


def _table(table: pa.Table, rng: random.Random) -> pa.Table:
    at = rng.randrange(table.num_columns)
    name, rows = table.column_names[at], table.num_rows
    kind = rng.randrange(8)
    if kind == 0:
        return table.append_column(rng.choice(table.column_names), table.column(at))
    if kind == 1:
        return table.rename_columns([rng.choice(TEXTS[4:]) if i == at else n for i, n in enumerate(table.column_names)])
    if kind == 2:
        return table.drop_columns([name])
    if kind == 3:
        return table.slice(0, 0)
    columns: list[Any] = [
        pa.nulls(rows), [2**63 - 1] * rows, [float("nan")] * rows, [b"\xff\x00"] * rows, [[1.0, 2.0]] * rows, [[]] * rows,
        [{"a": "b"}] * rows, [True] * rows, ["\x00"] * rows, pa.array(["x"] * rows).dictionary_encode(),
        pa.array([None] * rows, pa.list_(pa.float16())), pa.array([0] * rows, pa.timestamp("ns", tz="UTC")),
        pa.array([[float(i)] * (i % 3) for i in range(rows)]), [""] * rows, ["same"] * rows,
    ]  # fmt: skip
    return table.set_column(at, name, pa.array(c) if isinstance(c := rng.choice(columns), list) else c)


def _parquet(path: Path, rng: random.Random) -> None:
    pq.write_table(_table(pq.read_table(path), rng), path)


def _arrow(path: Path, rng: random.Random) -> None:
    feather.write_feather(_table(feather.read_table(path), rng), path)


def _array(values: np.ndarray, rng: random.Random) -> Any:
    choices: list[Callable[[], Any]] = [
        lambda: values[: len(values) // 2], lambda: np.concatenate([values, values]), lambda: values[:0], lambda: values.reshape(-1),
        lambda: np.zeros(()), lambda: values[..., None], lambda: np.asarray(values.tolist(), object), lambda: values.astype("U8"),
        lambda: np.full(values.shape, np.nan), lambda: np.full(values.shape, np.inf, np.float32), lambda: np.zeros(values.shape),
        lambda: np.zeros(values.shape, np.complex64), lambda: np.zeros(len(values), "datetime64[s]"), lambda: values[..., :1],
        lambda: np.zeros(len(values), "S0"), lambda: np.zeros(values.shape, np.int64) - 1, lambda: np.asfortranarray(values),
        lambda: np.zeros(len(values), [("a", "<u8")]), lambda: np.zeros(values.shape, ">f2") if values.dtype.names is None else values[::-1],
    ]  # fmt: skip
    try:
        return rng.choice(choices)()
    except (TypeError, ValueError, IndexError):
        return np.zeros((2, 3, 4))


def _npy(path: Path, rng: random.Random) -> None:
    np.save(path, _array(np.load(path), rng), allow_pickle=True)


def _npz(path: Path, rng: random.Random) -> None:
    with np.load(path) as found:
        arrays = dict(found)
    name = rng.choice(list(arrays))
    changed = _array(arrays.pop(name), rng)
    if rng.random() < 0.8:
        arrays[name if rng.random() < 0.8 else "other"] = changed
    np.savez(path, **arrays)


def _sqlite(path: Path, rng: random.Random) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as table:
        names = [row[1] for row in table.execute("PRAGMA table_info(jobs)")]
        name = rng.choice(names)
        kind = rng.randrange(6)
        if kind == 0:
            table.execute(f"ALTER TABLE jobs RENAME COLUMN {name} TO other")
        elif kind == 1:
            table.execute(f"PRAGMA user_version={rng.choice((0, 2, -1, 99))}")
        elif kind == 2:
            table.execute("DROP TABLE jobs")
        else:
            odd: list[Any] = [
                None,
                b"\xff\x00",
                2**62,
                -1,
                float("inf"),
                1e300,
                "",
                "[]",
                "{",
                '{"a": "b"}',
                "[1]",
                "x",
                '"\\ud800"',
                "null",
            ]
            table.execute("PRAGMA ignore_check_constraints=1")
            table.execute(f"UPDATE OR IGNORE jobs SET {name}=?", (rng.choice(odd),))


WITHIN: dict[str, Callable[[Path, random.Random], None]] = {
    ".json": _json, ".jsonl": _jsonl, ".yaml": _yaml, ".parquet": _parquet, ".arrow": _arrow, ".npy": _npy, ".npz": _npz,
    ".sqlite": _sqlite,
}  # fmt: skip
BYTES = (_cut, _flip, _insert, _remove, _repeat, _other, _encode, _lines)
NAMES = ("within", *(change.__name__.strip("_") for change in BYTES))


def mutate(path: Path, kind: str, seed: int) -> None:
    """Changes the file at `path`; the same kind and seed make the same change."""
    rng = random.Random(seed)
    within = WITHIN.get(path.suffix)
    if kind == "within" and within:
        try:
            within(path, rng)
        except sqlite3.Error:
            return
        except Exception:  # damaged before, by the first of two mutations
            path.write_bytes(_flip(path.read_bytes(), rng))
        return
    change = BYTES[NAMES.index(kind) - 1] if kind != "within" else rng.choice(BYTES)
    path.write_bytes(change(path.read_bytes(), rng))

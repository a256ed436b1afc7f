"""What a pool holds, counted once per version of the pool: columns, missing values, languages, sizes of images."""

import re
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from poolscope.engine.made_by import settings
from poolscope.explorer import pools
from poolscope.pool import Column, Pool

LANGUAGES = ("language", "caption_language")
ORDER = {"score": 0, "flag": 1, "embedding": 2, "metadata": 3, "key": 4}


@st.cache_data(max_entries=16, show_spinner="Counting what is in the pool…", hash_funcs={Pool: pools.key})
def columns_table(pool: Pool) -> pd.DataFrame:
    """One line per column: kind, type, pairs without a value, range, and how it was made."""
    listed = sorted(pool.columns.values(), key=lambda column: (ORDER[column.kind], column.name))
    return pd.DataFrame([_line(pool, column) for column in listed])


def languages(pool: Pool) -> tuple[str, pd.Series] | None:
    """The column of caption languages and how many pairs have each, most first; None when there is no such column."""
    name = next((name for name in LANGUAGES if name in pool.columns), None)
    return (name, _counts(pool, name)) if name else None


def sizes(pool: Pool) -> tuple[np.ndarray, np.ndarray] | None:
    """`(n,)` shorter side in pixels and ratio of the longer to the shorter one, of pairs whose size is known."""
    if not {"width", "height"} <= pool.columns.keys():
        return None
    columns = pools.columns(pool)
    width, height = columns.array("width").astype(np.float64), columns.array("height").astype(np.float64)
    known = (width > 0) & (height > 0)
    short, long = np.minimum(width, height)[known], np.maximum(width, height)[known]
    return (short, long / short) if len(short) else None


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs={Pool: pools.key})
def on_disk(pool: Pool) -> int:
    """Bytes of the pool's directory."""
    return sum(file.stat().st_size for file in pool.path.rglob("*") if file.is_file())


def provenance(column: Column) -> str:
    """How a column was made, in a few words."""
    origin = column.made_by
    if not origin:
        return "imported" if column.kind in ("metadata", "key") else ""
    words = [_short(origin[key]) for key in ("method", "model", "source") if origin.get(key)]
    words += [f"{name} {_short(value)}" for name, value in settings(origin).items() if value not in (None, "")]
    plainly = (f"{name} {value}" for name, value in origin.items() if not isinstance(value, dict))
    return ", ".join(words) or ", ".join(plainly)[:120]


def _short(value: Any) -> str:
    """A file by its name, without the directory; yes and no in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text.rsplit("/", 1)[-1] if "//" in text or text.startswith("/") else text


def _line(pool: Pool, column: Column) -> dict[str, Any]:
    reach = ""
    if column.kind == "score":
        scores = pools.columns(pool).array(column.name)
        finite = scores[np.isfinite(scores)]
        missing = len(scores) - len(finite)
        reach = f"{float(finite.min()):.4g} to {float(finite.max()):.4g}" if len(finite) else ""
    else:
        missing = int(pool.where(f"`{column.name}` IS NULL").sum())
    if column.kind == "flag":
        reach = f"{100 * float(pools.columns(pool).array(column.name).mean()):.1f} % true"
    number = re.search(r"item: (\w+)", column.dtype)
    kind = f"{number[1] if number else column.dtype} × {column.dim}" if column.dim else column.dtype
    return {"column": column.name, "kind": column.kind, "type": kind, "missing": missing, "range": reach,
            "made by": provenance(column)}  # fmt: skip


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs={Pool: pools.key})
def _counts(pool: Pool, name: str) -> pd.Series:
    values = pool.strings(name).value_counts()
    counts = pd.Series({pair["values"] or "(none)": pair["counts"] for pair in values.to_pylist()}, dtype="int64")
    return counts.sort_values(ascending=False)

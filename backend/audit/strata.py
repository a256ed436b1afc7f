"""Strata for the Mantel–Haenszel control: a code per pair by language, domain, caption length or a column."""

from itertools import pairwise

import numpy as np

from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent

LENGTHS = (0, 10, 20, 40, 80, 160)
MOST = 200
BUILT_IN = ("language", "domain", "length")


def strata(pool: Pool, name: str, progress: Progress = silent) -> tuple[np.ndarray, tuple[str, ...]]:
    """`language`, `domain`, `length` (of the caption), or any metadata column of few values.

    Returns `(n,)` uint16 codes and the names of the strata; the last one holds what is unknown or rare. Raises
    InputError for another name, and where the pool lacks what it needs.
    """
    if name == "length":
        names = [f"{low} to {high - 1} characters" for low, high in pairwise(LENGTHS)]
        return _lengths(pool, progress), (*names, f"{LENGTHS[-1]} or more")
    if name == "language":
        from .providers.language import Language, language_codes

        missing = Language().missing(pool)
        if missing:
            raise InputError(f"pairs can't be compared within languages: {missing}.")
        return _commonest(*language_codes(pool, progress))
    if name == "domain":
        from ..text.domains import registered
        from .providers.web import host_codes, number

        pool.require("url")
        codes, hosts = host_codes(pool, progress)
        by_host, names = number([registered(host)[0] for host in hosts])
        return _commonest(np.append(by_host, -1)[codes], names)
    if name not in pool.columns:
        raise InputError(f"no strata {name!r}; allowed: {', '.join(BUILT_IN)}, or a metadata column of few values.")
    from .scan import value_codes

    coded = value_codes(pool, name, MOST)
    if coded is None:
        raise InputError(
            f"column {name!r} has more than {MOST} values; choose language, domain, length or another column."
        )
    return _commonest(*coded)


def _commonest(codes: np.ndarray, names: list) -> tuple[np.ndarray, tuple[str, ...]]:
    """The `MOST` commonest values, everything else in a last stratum."""
    sizes = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.argsort(-sizes, kind="stable")[:MOST]
    order = order[np.array([bool(str(names[place]).strip()) for place in order], dtype=bool)]
    number = np.full(len(names) + 1, len(order), dtype=np.uint16)
    number[order] = np.arange(len(order), dtype=np.uint16)
    return number[codes], (*(str(names[place]) for place in order), "other")


def _lengths(pool: Pool, progress: Progress) -> np.ndarray:
    import pyarrow.compute as pc

    from .scan import steps, text_array

    pool.require("text")
    codes = np.zeros(len(pool), dtype=np.uint16)
    for start, table in steps(pool, ["text"]):
        lengths = pc.utf8_length(text_array(table)).to_numpy(zero_copy_only=False)
        codes[start : start + len(lengths)] = np.searchsorted(LENGTHS, lengths, side="right") - 1
        progress(start + len(lengths), len(pool), "caption lengths")
    return codes

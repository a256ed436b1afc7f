"""One format for all pages: thousands separated, shares with digits that tell them apart, languages by name."""

from collections.abc import Sequence

from poolscope.audit.providers.language import language_name

MOST_DIGITS = 6


def count(value: float) -> str:
    """`35967` is "35,967"."""
    return f"{round(value):,}"


def value(number: float) -> str:
    """A score or threshold, to four digits: "0.2431", "1,235", "3.1e-05"."""
    return f"{number:,.4g}"


def percent(share: float, digits: int = 1) -> str:
    """`0.125` is "12.5 %"."""
    return f"{100 * share:.{digits}f} %"


def share(part: int, whole: int) -> str:
    """`part` of `whole` in percent, with more digits where it would read as none or all of it but isn't.

    >>> share(1, 8), share(35966, 35967), share(1, 1_000_000), share(0, 0)
    ('12.5 %', '99.997 %', '0.0001 %', '0.0 %')
    """
    if not whole:
        return percent(0)
    found = part / whole
    for digits in range(1, MOST_DIGITS):
        shown = round(100 * found, digits)
        if (shown > 0 or not part) and (shown < 100 or part == whole):
            return percent(found, digits)
    return percent(found, MOST_DIGITS)


def apart(values: Sequence[float], others: Sequence[float], *, least: int = 4, most: int = 9) -> int:
    """The significant digits from which on no number of `values` reads like one of `others`, unless they are equal.

    >>> apart([0.79686], [0.79684])
    5
    """
    pairs = [(a, b) for a in set(values) for b in set(others) if a != b]
    for digits in range(least, most):
        if all(f"{a:.{digits}g}" != f"{b:.{digits}g}" for a, b in pairs):
            return digits
    return most


def language(code: str) -> str:
    """The English name of a language, "Swedish" for `sv`; what is no known code stays as it is."""
    name = language_name(code)
    return code if name == f"language {code}" else name


def of_column(name: str, value: object) -> str:
    """A value of the column `name` as a person reads it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return f"{value:,.5g}"
    return language(str(value)) if "language" in name else str(value)

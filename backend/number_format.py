"""One format of numbers for pages, command line and reports: thousands set apart, shares with digits that tell them apart."""

from collections.abc import Sequence

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
    fraction = part / whole
    for digits in range(1, MOST_DIGITS):
        shown = round(100 * fraction, digits)
        if (shown > 0 or not part) and (shown < 100 or part == whole):
            return percent(fraction, digits)
    return percent(fraction, MOST_DIGITS)


def percents(*shares: float) -> tuple[str, ...]:
    """Shares that stand side by side, with as many digits as it takes that different ones never read alike.

    >>> percents(0.2998, 0.3002), percents(0.125, 0.125)
    (('29.98 %', '30.02 %'), ('12.5 %', '12.5 %'))
    """
    digits = next((n for n in range(1, MOST_DIGITS) if _told_apart(shares, n)), MOST_DIGITS)
    return tuple(percent(share, digits) for share in shares)


def _told_apart(shares: Sequence[float], digits: int) -> bool:
    return len({percent(share, digits) for share in shares}) == len(set(shares))


def significant(number: float, digits: int) -> str:
    """To so many digits, with the zeros that belong to them, so that numbers in a row have the same length.

    >>> significant(-0.2559, 5), significant(0, 4), significant(1234.5, 4)
    ('-0.25590', '0.000', '1,234')
    """
    return f"{number:#,.{digits}g}".rstrip(".")


def apart(values: Sequence[float], others: Sequence[float], *, least: int = 4, most: int = 9) -> int:
    """The significant digits from which on no number of `values` reads like one of `others`, unless they are equal.

    >>> apart([0.79687], [0.79686])
    5
    """
    pairs = [(a, b) for a in set(values) for b in set(others) if a != b]
    for digits in range(least, most):
        if all(f"{a:.{digits}g}" != f"{b:.{digits}g}" for a, b in pairs):
            return digits
    return most

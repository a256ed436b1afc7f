"""The one format of numbers, and values of columns as a person reads them: languages by name."""

from poolscope.audit.providers.language import language_name
from poolscope.number_format import apart, count, percent, percents, share, significant, value

__all__ = ["apart", "count", "language", "of_column", "percent", "percents", "share", "significant", "value"]


def language(code: str) -> str:
    """The English name of a language, "Swedish" for `sv`; what is no known code stays as it is."""
    name = language_name(code)
    return code if name == f"language {code}" else name


def of_column(name: str, value: object) -> str:
    """A value of the column `name` as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return f"{value:,.5g}"
    return language(str(value)) if "language" in name else str(value)

"""Conditions: the SQL that a rule or a search may say about columns, deterministic and of bounded cost.

A condition is parsed, held against what is allowed here, and written anew from what was understood: what LanceDB
evaluates is what was checked. Its words are those of LanceDB's filters: 'text' or "text", `column`, no escapes but
doubled quotes.
"""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import InputError

if TYPE_CHECKING:
    from sqlglot import exp

LONGEST = 10_000  # characters of a condition
DEEPEST = 50  # parts inside parts; what AND and OR join side by side doesn't count
MOST_JOINED = 300
MOST_ARGUMENTS = 20
FUNCTIONS = frozenset((
    "abs", "acos", "array_contains", "array_has", "array_length", "ascii", "asin", "atan", "atan2", "bit_length",
    "btrim", "cbrt", "char_length", "character_length", "coalesce", "concat", "contains", "cos", "date_part",
    "date_trunc", "degrees", "ends_with", "exp", "greatest", "initcap", "isnan", "iszero", "least", "left", "length",
    "ln", "log", "log10", "log2", "lower", "ltrim", "md5", "nanvl", "nullif", "octet_length", "pi", "pow", "power",
    "radians", "regexp_like", "regexp_match", "reverse", "right", "round", "rtrim", "signum", "sin", "sqrt",
    "split_part", "starts_with", "strpos", "tan", "to_date", "to_timestamp", "translate", "trunc", "upper",
))  # fmt: skip
TYPES = frozenset((
    "BIGINT", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "FLOAT", "INT", "SMALLINT", "TEXT", "TIMESTAMP", "TINYINT",
    "UBIGINT", "UINT", "VARCHAR",
))  # fmt: skip
EXAMPLE = "width >= 200 AND source = 'emoji'"


def checked(sql: str, columns: Iterable[str] = ()) -> str:
    """The condition `sql` as it may be evaluated; with `columns` it may name only these.

    Raises InputError, one line, for what can't be parsed, isn't a condition, or is not deterministic and of bounded
    cost: functions outside `FUNCTIONS`, queries, placeholders, more than `LONGEST` characters.
    """
    if len(sql) > LONGEST:
        raise InputError(f"the condition has {len(sql):,} characters; at most {LONGEST:,} are allowed.")
    tree = _parsed(sql)
    known = {name.lower(): name for name in columns}
    joined = 0
    for node, depth in _nodes(tree):
        joined += _joins(node)
        if depth > DEEPEST or joined > MOST_JOINED:
            raise InputError(
                f"the condition {_short(sql)} joins more than {MOST_JOINED} parts or nests them more than {DEEPEST} deep;"
                " split it into several rules, or write IN (…)."
            )
        _check(node, sql, known)
    return tree.sql(dialect=_dialect(), identify=True, comments=False)


def _check(node: "exp.Expression", sql: str, known: dict[str, str]) -> None:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous | exp.Func) and not isinstance(node, _allowed()):
        name = str(node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
        if name not in FUNCTIONS:
            raise InputError(
                f"the condition {_short(sql)} calls {name}(), which is not allowed, for a rule must cost little and say"
                f" the same each time; allowed are {', '.join(sorted(FUNCTIONS))}."
            )
        if len(node.expressions) > MOST_ARGUMENTS:
            raise InputError(f"the condition {_short(sql)} gives {name}() more than {MOST_ARGUMENTS} arguments.")
    elif isinstance(node, exp.DataType):
        if node.this.name not in TYPES:
            raise InputError(
                f"the condition {_short(sql)} casts to {node.sql()[:60]}; allowed are {', '.join(sorted(TYPES))}."
            )
    elif not isinstance(node, _allowed()):
        raise InputError(
            f"the condition {_short(sql)} holds {node.sql()[:60]!r}, which is not allowed: compare columns with values,"
            f" for example {EXAMPLE}."
        )
    if isinstance(node, exp.Column) and known:
        _name(node.parts[0], sql, known)


def _name(first: Any, sql: str, known: dict[str, str]) -> None:
    """Writes the column's name as the pool does: LanceDB takes any case only where a name is not quoted."""
    if first.name not in known.values():
        if first.name.lower() not in known:
            raise InputError(
                f"the condition {_short(sql)} names no column of the pool by {first.name[:60]!r}; it has"
                f" {', '.join(sorted(known.values()))}."
            )
        first.set("this", known[first.name.lower()])


def _parsed(sql: str) -> "exp.Expression":
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        trees = _dialect().parse(sql)
    except (SqlglotError, RecursionError) as error:
        reason = str(error).splitlines()[0].split(". Line")[0] if not isinstance(error, RecursionError) else "too deep"
        raise InputError(f"the condition {_short(sql)} can't be read: {reason[:200]}. Example: {EXAMPLE}.") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Expression) or any(node.comments for node in trees[0].walk()):
        raise InputError(f"{_short(sql)} is not one condition without comments; write for example {EXAMPLE}.")
    return trees[0]


def _nodes(tree: "exp.Expression") -> Any:
    """Every node with its depth; no recursion, for a tree can be deep."""
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting.extend((child, depth + (not _joins(node))) for child in node.iter_expressions())


def _joins(node: "exp.Expression") -> bool:
    from sqlglot import exp

    return isinstance(node, exp.And | exp.Or)


def _short(sql: str) -> str:
    return repr(sql if len(sql) <= 80 else sql[:79] + "…")


@cache
def _allowed() -> tuple[type, ...]:
    from sqlglot import exp

    return (
        exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Neg, exp.Not, exp.And, exp.Or,
        exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between, exp.Like, exp.ILike,
        exp.Escape, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.DPipe, exp.Cast, exp.TryCast, exp.NullSafeEQ,
        exp.NullSafeNEQ, exp.Bracket, exp.DataTypeParam, exp.Dot,
    )  # fmt: skip


@cache
def _dialect() -> Any:
    """The words of LanceDB's filters; every function stays as it is written, for the allow-list to see."""
    from sqlglot import Dialect, parser, tokens

    class Filters(Dialect):
        class Tokenizer(tokens.Tokenizer):
            QUOTES = ["'", '"']
            IDENTIFIERS = ["`"]
            STRING_ESCAPES = ["'", '"']

        class Parser(parser.Parser):
            FUNCTIONS: ClassVar[dict[str, Any]] = {}
            FUNCTION_PARSERS = {
                name: parser.Parser.FUNCTION_PARSERS[name]
                for name in ("CAST", "TRY_CAST")
                if name in parser.Parser.FUNCTION_PARSERS
            }
            NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {}

    return Filters()

"""`poolscope versions`: the versions of a pool, and how many bytes those that nobody needs take."""

from typing import Annotated, Any

import typer

from ..errors import InputError
from .console import emit, line, table
from .options import PoolPath, open_pool


def versions(
    pool: PoolPath = None,
    clean: Annotated[
        bool,
        typer.Option("--clean", help="Remove all versions but the newest; says what that frees, does it with --yes."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --clean: do it.")] = False,
) -> None:
    """List the versions of a pool, or remove old ones.

    Removing them also removes for good what was deleted from the pool.
    """
    if yes and not clean:
        raise InputError("--yes does nothing alone: write `poolscope versions --clean --yes`")
    opened = open_pool(pool)
    kept, freed = opened.versions(), opened.prunable()
    if clean and yes:
        freed = opened.clean()
    content: dict[str, Any] = {
        "pool": opened.name, "version": opened.version, "cleaned": clean and yes,
        "frees": {"versions": freed.versions, "bytes": freed.bytes, "deleted": freed.deleted},
        "versions": [
            {"version": one.number, "made": one.made.isoformat(timespec="seconds"), "pairs": one.pairs, "bytes": one.bytes}
            for one in kept
        ],
    }  # fmt: skip
    gone = f" and {freed.deleted:,} deleted thing{'s' if freed.deleted > 1 else ''}" if freed.deleted else ""
    amount = f"{freed.versions:,} old versions{gone}, {size(freed.bytes)}"

    def text() -> None:
        if not clean:
            table(
                ("version#", "made", "pairs#", "size#"),
                [(one.number, f"{one.made:%Y-%m-%d %H:%M:%S}", f"{one.pairs:,}", size(one.bytes)) for one in kept],
            )
            line(f"`poolscope versions --clean` would free {amount}")
        elif yes:
            line(f"freed {amount}; version {opened.version} stays, and files outside the table stay as they are")
        else:
            line(
                f"would free {amount}; no selection can be repeated on them, and nothing deleted brought back, afterwards. Add --yes to do it"
            )

    emit(content, text=text)


def size(amount: float) -> str:
    """Bytes in the unit that suits them."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"

"""What a method would cost on GPUs that were not measured: arithmetic from its operations and the table of rates."""

import dataclasses
from collections.abc import Sequence

from .. import rates
from ..errors import InputError
from ..pool import Pool
from ..scores.base import Method
from ..targets import load_target

COUNTS = (1, 8)


def on_cards(
    method: Method, pairs: int, dim: int, targets: int = 0, *, counts: Sequence[int] = COUNTS, bytes: int = 0
) -> dict[str, float]:
    """Seconds by `"A100"`, `"8 x A100"` and so on for every card of the table: what takes longer, its operations or
    reading `bytes` of embeddings from the disk as often as it does. Empty for a method that needs no device."""
    flop, once = method.flop(pairs, dim, targets), method.once(pairs)
    if not flop:
        return {}
    read = method.readings(pairs) * bytes / (1e9 * rates.table()["disk"]["gb_per_s"])
    return {
        f"{count} x {card}" if count > 1 else card: max(
            read, flop * (once + (1 - once) / count) / rates.on_card(method.arithmetic(), card).per_second
        )
        for card in rates.cards()
        for count in counts
    }


def of_pool(method: Method, pool: Pool) -> dict[str, float]:
    """The same for a method on a pool: with the dimension of the embeddings that it reads, and its target set."""
    read = [column for name in method.needs() if (column := pool.columns.get(name)) and column.dim]
    dim = max((column.dim or 0 for column in read), default=0)
    size = sum(2 * (column.dim or 0) for column in read) * len(pool)
    return on_cards(method, len(pool), dim, _targets(method, pool), bytes=size)


def basis(method: Method) -> str:
    """Where `on_cards` has its numbers from."""
    share, disk = rates.table()["shares"][method.arithmetic()], rates.table()["disk"]
    return (
        f"from a table: {100 * share['share']:g} % of the data sheets' {share['of']} precision rate ({share['from']}), "
        f"{disk['gb_per_s']:g} GB/s of disk ({disk['from']})"
    )


def _targets(method: Method, pool: Pool) -> int:
    named = next((entry.name for entry in dataclasses.fields(method) if entry.metadata.get("of") == "target"), "")
    try:
        return len(load_target(pool, getattr(method, named), getattr(method, "model", ""))) if named else 0
    except InputError:
        return 0

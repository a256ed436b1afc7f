"""Rates: what devices do a second; measured on this machine, else from the table `rates.yaml`, and where each comes from."""

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import files, paths

TABLE = Path(__file__).with_suffix(".yaml")
MEASURED = "measured here"
ASSUMED_CARD = "A100"


@dataclass(frozen=True)
class Rate:
    """What one device does `per_second`, and in words where the number comes from."""

    per_second: float
    source: str


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """The table as it is: cards, shares, core, disk, evaluation, columns, bytes."""
    import yaml

    content: dict[str, Any] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return content


def cards() -> tuple[str, ...]:
    """The GPUs of the table."""
    return tuple(table()["cards"])


def on_card(work: str, card: str) -> Rate:
    """FLOP a second of one `card` at `training`, `embedding`, `half` or `single` products; a card that is not in the table
    counts as an A100."""
    known = card if card in table()["cards"] else ASSUMED_CARD
    share = table()["shares"][work]
    peak, instead = table()["cards"][known], "" if known == card else f", in place of {card or 'a GPU without a name'}"
    reached = f"{100 * share['share']:g} % of it ({share['from']})"
    source = f"from a table: {known}{instead}, {peak[share['of']]:g} TFLOP/s by its {peak['from']}, {reached}"
    return Rate(1e12 * peak[share["of"]] * share["share"], source)


def on_cores(work: str, cores: int = 1) -> Rate:
    """Units a second of a processor's `cores`: FLOP of `products`, images of `decoding`, pairs of `training` and `shards`."""
    entry = table()["core"][work]
    return Rate(
        float(entry["rate"]) * cores,
        f"from a table: {cores} CPU cores, each {entry['rate']:g} {entry['unit']}/s ({entry['from']})",
    )


def measured(work: str, device: str) -> Rate | None:
    """What this home's machines have measured of `work` on one `device` (`cpu`, or a GPU's name), if anything."""
    kept = _kept().get(f"{work} {device}")
    if isinstance(kept, (int, float)) and kept > 0:
        return Rate(float(kept), f"{MEASURED} ({device})")
    if not isinstance(kept, dict):
        return None
    with suppress(ValueError, TypeError, KeyError, OverflowError):  # of a file that came to harm
        rate, count, pairs = float(kept["per_second"]), int(kept.get("devices", 1)), int(kept.get("pairs", 0))
        if 0 < rate < float("inf"):
            on = f"{count} x {device}" if count > 1 else device
            return Rate(rate, f"{MEASURED} on {pairs:,} pairs ({on})")
    return None


def remember(work: str, device: str, per_second: float, *, pairs: int, devices: int = 1) -> None:
    """Keeps what `devices` did together, as the rate of one."""
    if per_second > 0:
        kept = {"per_second": round(per_second / max(1, devices), 2), "pairs": pairs, "devices": devices}
        files.write_json(_path(), _kept() | {f"{work} {device}": kept})


def _path() -> Path:
    return paths.home() / "rates.json"


def _kept() -> dict[str, Any]:
    try:
        kept = files.read_json(_path())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}

"""Draws a gallery of pairs as keyboard-reachable pictures with captions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from poolscope.explorer import theme
from poolscope.explorer.components import register

_mount = register("gallery", __file__)


@dataclass(frozen=True)
class Tile:
    """One pair: `fact` is a short line under the caption, `title` what hovering tells, `state` kept, dropped or empty;
    without a `picture` none is asked for."""

    row: int
    caption: str
    fact: str = ""
    title: str = ""
    state: str = ""
    picture: bool = True


def draw(
    tiles: Sequence[Tile], *, token: str, label: str, key: str, columns: int = 6, veiled: bool = False
) -> int | None:
    """Draws the pictures; returns the row of the one that was clicked just now.

    `veiled` pictures are blurred until a first click, which opens nothing.
    """
    shown = _mount(
        key=key,
        data={
            "pairs": [asdict(tile) for tile in tiles],
            "thumbs": f"/thumb/{token}",
            "columns": columns,
            "veiled": veiled,
            "label": label,
            "kept": theme.KEPT,
            "dropped": theme.DROPPED,
        },
        on_opened_change=_nothing,
    )
    opened = shown.get("opened")
    return int(opened) if isinstance(opened, int | float) else None


def _nothing() -> None:
    pass

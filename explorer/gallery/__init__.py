"""Draws a gallery of pairs as images with captions that a keyboard reaches; pairs of it can be selected."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from poolscope.explorer import theme
from poolscope.explorer.components import nothing, register, row_of

_mount = register("gallery", __file__)


@dataclass(frozen=True)
class Tile:
    """One pair: `fact` is a short line under the caption, `title` what hovering tells, `state` kept, dropped or empty;
    without a `image` no image is asked for."""

    row: int
    caption: str
    fact: str = ""
    title: str = ""
    state: str = ""
    image: bool = True


def draw(
    tiles: Sequence[Tile], *, token: str, label: str, key: str, columns: int = 6, veiled: bool = False
) -> int | None:
    """Draws the images; returns the row of the one that was clicked just now.

    `veiled` images are blurred until a first click, which opens nothing.
    """
    data = {"columns": columns, "veiled": veiled, "selectable": False, "more": ""}
    return row_of(_shown(tiles, token, label, key, data, nothing))


def browse(
    tiles: Sequence[Tile], *, token: str, label: str, key: str, size: int, more: str = "", on_more: Callable[[], None]
) -> tuple[int | None, list[int]]:
    """Draws pairs of which several can be selected, as tiles of at least `size` pixels. `on_more` is called when more
    are wanted: at a click of a button (`more="button"`) or when the end comes into sight (`more="scroll"`).

    Returns the row that was opened just now, and those of the rows shown that are selected."""
    data = {"size": size, "veiled": False, "selectable": True, "more": more}
    shown = _shown(tiles, token, label, key, data, on_more)
    rows = {tile.row for tile in tiles}
    marked = shown.get("selected")
    selected = [int(row) for row in marked if isinstance(row, int | float)] if isinstance(marked, list) else []
    return row_of(shown), [row for row in dict.fromkeys(selected) if row in rows]


def _shown(
    tiles: Sequence[Tile], token: str, label: str, key: str, data: dict[str, Any], on_more: Callable[[], None]
) -> Any:
    pairs = [asdict(tile) for tile in tiles]
    colours = {"kept": theme.KEPT, "dropped": theme.DROPPED}
    data = {"pairs": pairs, "thumbs": f"/thumb/{token}", "label": label, **colours, **data}
    return _mount(key=key, data=data, on_opened_change=nothing, on_more_change=on_more, on_selected_change=nothing)

"""Draws the button and the dialog of the palette; Ctrl+K opens it, `?` lists the shortcuts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from poolscope.explorer.components import nothing, register

_mount = register("palette", __file__)


@dataclass(frozen=True)
class Command:
    """One line of the palette: `id` comes back when it is chosen; `key` chooses it without opening the palette."""

    id: str
    group: str
    label: str
    about: str = ""
    key: str = ""


def draw(commands: Sequence[Command]) -> str | None:
    """Draws the palette; returns the id of the command that was chosen just now."""
    listed = [asdict(command) for command in commands]
    shown = _mount(key="palette", data={"commands": listed}, on_chosen_change=nothing)
    chosen = shown.get("chosen")
    return chosen if any(command.id == chosen for command in commands) else None

"""The command palette: everything that can be opened or done, found by typing."""

from poolscope.explorer.palette.component import Command, draw

__all__ = ["Command", "draw"]

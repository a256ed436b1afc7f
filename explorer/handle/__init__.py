"""The handle by which a rule is dragged to another place."""

from poolscope.explorer.handle.component import draw

__all__ = ["draw"]

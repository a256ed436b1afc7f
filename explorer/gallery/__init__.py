"""Galleries of pairs."""

from poolscope.explorer.gallery.component import Tile, draw

__all__ = ["Tile", "draw"]

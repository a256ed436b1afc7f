"""Galleries of pairs."""

from poolscope.explorer.gallery.component import Browsed, Tile, browse, draw

__all__ = ["Browsed", "Tile", "browse", "draw"]

"""Galleries of pairs."""

from explorer.gallery.component import Tile, draw

__all__ = ["Tile", "draw"]

"""The map: one component around regl-scatterplot, and what it says back."""

from poolscope.explorer.map.component import MapEvents, draw, lassoed, pack, polygon

__all__ = ["MapEvents", "draw", "lassoed", "pack", "polygon"]

"""The map: a component that draws points on WebGL, and what it says back."""

from poolscope.explorer.map.component import Legend, MapEvents, draw, lassoed, pack, polygon, said, shown_codes

__all__ = ["Legend", "MapEvents", "draw", "lassoed", "pack", "polygon", "said", "shown_codes"]

"""Histograms with thresholds that can be dragged."""

from poolscope.explorer.histogram.component import Line, Moved, draw, moved

__all__ = ["Line", "Moved", "draw", "moved"]

"""Histograms with thresholds that can be dragged."""

from poolscope.explorer.histogram.component import Moved, Slider, draw, moved

__all__ = ["Moved", "Slider", "draw", "moved"]

"""The demo: real pairs from Open Clip Art and the emoji font, their teacher, and the pool made from them."""

from .build import build

__all__ = ["build"]

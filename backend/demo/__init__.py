"""The demo: real pairs from Open Clip Art and the emoji font, their teacher, and the pool made from them."""

from backend.demo.build import build

__all__ = ["build"]

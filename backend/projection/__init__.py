"""Projection: the two-dimensional map of a pool, made once from its embeddings and kept beside it."""

from .build import build
from .maps import Map, available, load

__all__ = ["Map", "available", "build", "load"]

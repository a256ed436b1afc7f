"""Projection: the two-dimensional map of a pool, made once from its embeddings and kept beside it."""

from backend.projection.build import build, default_model
from backend.projection.store import Map, available, load

__all__ = ["Map", "available", "build", "default_model", "load"]

"""The engine: runs a method over a pool by units, leaves a record per finished unit, and commits once."""

from backend.engine.cost import Estimate, estimate
from backend.engine.embedding import embed
from backend.engine.ensure import ensure
from backend.engine.run import run

__all__ = ["Estimate", "embed", "ensure", "estimate", "run"]

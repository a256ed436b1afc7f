"""The engine: runs a method over a pool by units, leaves a record per finished unit, and commits once."""

from .cost import Estimate, estimate
from .embedding import embed
from .inputs import ensure, fit
from .run import run

__all__ = ["Estimate", "embed", "ensure", "estimate", "fit", "run"]

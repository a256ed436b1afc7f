"""Search: pairs by meaning (embeddings), by word (captions), by both, and the neighbours of a pair."""

from .index import index
from .meaning import Hits, by_meaning, nearest, neighbours
from .words import by_both, by_word

__all__ = ["Hits", "by_both", "by_meaning", "by_word", "index", "nearest", "neighbours"]

"""Search: pairs by meaning (embeddings), by word (captions), and the neighbours of a pair."""

from .hits import Hits
from .index import index
from .meaning import by_meaning, nearest, neighbours
from .words import by_word

__all__ = ["Hits", "by_meaning", "by_word", "index", "nearest", "neighbours"]

"""Search: pairs by meaning (embeddings), by word (captions), and the neighbours of a pair."""

from backend.search.hits import Hits
from backend.search.index import index
from backend.search.meaning import by_meaning, nearest, neighbours
from backend.search.words import by_word

__all__ = ["Hits", "by_meaning", "by_word", "index", "nearest", "neighbours"]

"""The library: what a notebook needs of a pool, from opening it to a trained model; `import poolscope as ps`."""

from ..errors import InputError
from ..recipe import Recipe
from ..scores import Method, param
from .pool import Pool, open
from .run import Run
from .selection import Selection
from .tables import leaderboard, methods

__all__ = ["InputError", "Method", "Pool", "Recipe", "Run", "Selection", "leaderboard", "methods", "open", "param"]

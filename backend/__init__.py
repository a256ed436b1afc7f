"""Poolscope: see, tune and prove every data filter on a pool of image–text pairs.

>>> import poolscope as ps
>>> pool = ps.open("pool")
>>> kept = pool.select(score="clip_l14", top=0.3)
>>> len(pool), len(kept)
(200, 60)

Nothing heavy is imported before it is used.
"""

from importlib import import_module

from .versions import __version__

__all__ = [
    "InputError",
    "Method",
    "Pool",
    "Recipe",
    "Run",
    "Selection",
    "__version__",
    "leaderboard",
    "methods",
    "open",
    "param",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    member = getattr(import_module(f"{__name__}.api"), name)
    globals()[name] = member
    return member


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

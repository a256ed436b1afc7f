"""Where Poolscope keeps what it makes, and where its shipped assets are."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def _beside(name: str) -> Path:
    """A folder that lies inside the installed package, and beside `backend/` in a checkout."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


ASSETS = _beside("assets")
EXPLORER = _beside("explorer")


def home() -> Path:
    """The directory of demo pool, runs and jobs: `$POOLSCOPE_HOME`, else `~/.local/share/poolscope`."""
    directory = Path(os.environ.get("POOLSCOPE_HOME") or Path.home() / ".local" / "share" / "poolscope")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def demo_pool() -> Path:
    return home() / "pools" / "demo"


def default_pool() -> Path:
    """The pool a command uses without `--pool`: `$POOLSCOPE_POOL`, then the demo pool."""
    named = os.environ.get("POOLSCOPE_POOL")
    return Path(named) if named else demo_pool()


def runs() -> Path:
    directory = home() / "runs"
    directory.mkdir(parents=True, exist_ok=True)
    return directory

"""The pool that the session looks at, those it looked at before, and the handles that all sessions share."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from poolscope import files, paths
from poolscope.errors import InputError
from poolscope.pool import Pool, places
from poolscope.projection import Map, load
from poolscope.recipe import Desk, PoolColumns

if TYPE_CHECKING:
    from poolscope.projection.density import Density

REMEMBERED = 12


def current_path() -> Path:
    """The pool named in the URL, else the one this session chose last, else the default."""
    named = st.query_params.get("pool") or st.session_state.get("pool")
    if named:
        st.session_state["pool"] = named  # the address loses it when the page changes
    return Path(named) if named else paths.default_pool()


def current() -> Pool:
    """The newest version of the current pool. Raises InputError if it is not a pool."""
    return opened(current_path())


def choose(path: str | Path) -> Pool:
    """Makes `path` the pool of this session and of the URL. Raises InputError if it is not a pool."""
    pool = opened(Path(path).expanduser())
    st.session_state["pool"] = str(pool.path)
    if pool.path == paths.default_pool():
        st.query_params.pop("pool", None)
    else:
        st.query_params["pool"] = str(pool.path)
    remember(pool.path)
    return pool


def show_in_url(name: str, value: str | None) -> None:
    """Puts a part of what is seen into the address, or takes it out."""
    if not value:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != value:
        st.query_params[name] = value


def opened(path: Path | str) -> Pool:
    """A shared handle on the newest version of the pool at `path`, a directory or a LanceDB URI."""
    path = Path(path)
    if places.uri_of(path):  # its directory on this machine tells when it changes
        path = Pool.open(path).path
    pool = _handle(str(path), stamp(path))
    _BY_TOKEN[token(pool)] = pool.path
    return pool


def columns(pool: Pool) -> PoolColumns:
    """The pool's columns as arrays that all sessions share; read-only."""
    return desk(pool).columns


def desk(pool: Pool) -> Desk:
    """The pool under a slider; all sessions share it."""
    return _desk(str(pool.path), stamp(pool.path))


def shared_map(pool: Pool, model: str) -> Map | None:
    """The map of `model`, or None if it is not built yet."""
    stamp = map_stamp(pool, model)
    return _map(str(pool.path), model, stamp, len(pool)) if stamp else None


def density(pool: Pool, placed: Map) -> "Density":
    """The density of all pairs of a map that places them all; shared, and it follows one mask."""
    return _density(str(pool.path), placed.model, map_stamp(pool, placed.model), len(pool))


def map_stamp(pool: Pool, model: str) -> int:
    """Changes when the map of `model` is built again; 0 when there is none."""
    with suppress(OSError):
        return (pool.path / "maps" / model / "map.json").stat().st_mtime_ns
    return 0


def token(pool: Pool) -> str:
    """A short name of this pool in URLs; another pool made at the same path has another token."""
    modified = (pool.path / "pool.json").stat().st_mtime_ns
    return hashlib.sha256(f"{pool.path.resolve()}:{modified}".encode()).hexdigest()[:16]


def key(pool: Pool) -> tuple[str, int, str]:
    """What Streamlit's caches know a pool by: nothing that is counted in it changes while this stays."""
    return str(pool.path), pool.version, token(pool)


def by_token(name: str) -> Pool | None:
    """The pool of a URL's token, among those opened by this server and those remembered."""
    if name not in _BY_TOKEN:
        for path in recent():
            with suppress(InputError):
                opened(path)
    known = _BY_TOKEN.get(name)
    return opened(known) if known else None


def recent() -> list[Path]:
    """Pools looked at lately, newest first, that are still there."""
    looked_at = [Path(name) for name in files.known_json(paths.home() / "recent.json", []) if isinstance(name, str)]
    return [path for path in looked_at if os.path.exists(path / "pool.json")]


def remember(path: Path) -> None:
    path = path.resolve()
    known = [path, *(other for other in recent() if other != path)]
    files.write_json(paths.home() / "recent.json", [str(other) for other in known[:REMEMBERED]])


_BY_TOKEN: dict[str, Path] = {}


def stamp(path: Path) -> int:
    """Changes with every commit to the pool and every change of what is known about its columns; 0 for no pool."""
    newest = 0
    for part in ("pool.json", "pairs.lance/_versions", "table.url", "columns"):
        with suppress(OSError):
            newest = max(newest, (path / part).stat().st_mtime_ns)
    return newest


@st.cache_resource(max_entries=8, show_spinner=False)
def _handle(path: str, stamp: int) -> Pool:
    return Pool.open(path)


@st.cache_resource(max_entries=4, show_spinner=False)
def _desk(path: str, stamp: int) -> Desk:
    return Desk(_handle(path, stamp))


@st.cache_resource(max_entries=8, show_spinner=False)
def _map(path: str, model: str, stamp: int, pairs: int) -> Map | None:
    return load(opened(path), model)


@st.cache_resource(max_entries=4, show_spinner="Counting the pairs on the map")
def _density(path: str, model: str, stamp: int, pairs: int) -> "Density":
    from poolscope.projection.density import Density

    shared = _map(path, model, stamp, pairs)
    assert shared is not None
    assert shared.everyone is not None
    return Density(shared.everyone)

"""What the map is coloured by: who is kept, a column, its regions, or a family of groups; chosen in its bar."""

import numpy as np
import streamlit as st

from poolscope.audit import Groups, group_files
from poolscope.errors import InputError
from poolscope.explorer import map, number_format, pools, theme
from poolscope.explorer.audit import found_groups
from poolscope.kernels import bits
from poolscope.pool import Pool
from poolscope.projection import Map, colouring
from poolscope.projection.colouring import Colouring
from poolscope.projection.regions import Regions, regions

KEPT, REGION = "kept", "region"
COLUMN, FAMILY = "column.", "family."
Choices = list[tuple[str, list[tuple[str, str]]]]


def chosen(pool: Pool) -> str:
    """What the map is coloured by: as chosen on it, else as the address says; who is kept if the pool can't."""
    state = st.session_state
    if "colour" not in state:
        state["colour"] = st.query_params.get("colour") or KEPT
    if state["colour"] not in {value for _, values in choices(pool) for value, _ in values}:
        state["colour"] = KEPT
    return str(state["colour"])


def remember() -> None:
    """Keeps what was chosen on the map, for other pages take the map's own state away."""
    st.session_state["colour"] = map.sent("colour") or KEPT


def choices(pool: Pool) -> Choices:
    """All that the map can be coloured by, under headings."""
    kinds: dict[str, list[tuple[str, str]]] = {"score": [], "flag": [], "metadata": []}
    for name in _columns(pool):
        kinds[pool.columns[name].kind].append((COLUMN + name, name))
    families = [(FAMILY + name, name) for name in found_groups.of(pool).families]
    listed: Choices = [("Recipe", [(KEPT, "kept or dropped")]), ("Scores", kinds["score"]), ("Flags", kinds["flag"]),
                       ("Columns", kinds["metadata"]), ("Map", [(REGION, "region")]), ("Groups", families)]  # fmt: skip
    return [(title, values) for title, values in listed if values]


def of(pool: Pool, placed: Map, by: str) -> Colouring:
    """The points by `by`; shared. Raises InputError for what the pool can't be coloured by."""
    return _of(str(pool.path), placed.model, by, stamp(pool, placed))


def stamp(pool: Pool, placed: Map) -> str:
    """Changes when the colours of any column or group may have."""
    return f"{pools.map_stamp(pool, placed.model):x}-{pools.stamp(pool.path):x}-{group_files.stamp(pool):x}"


def legend(colouring: Colouring) -> list[map.Legend]:
    """The entries with their colours."""
    named = number_format.language if "language" in colouring.by else str
    return [
        map.Legend(named(entry.label), _colour(entry.place, colouring.ordered), entry.points)
        for entry in colouring.entries
    ]


def shared_regions(pool: Pool, placed: Map) -> Regions:
    """The regions of a map; found once per map."""
    return _regions(str(pool.path), placed.model, pools.map_stamp(pool, placed.model), pools.token(pool))


def _colour(place: int, ordered: bool) -> str:
    if place < 0:
        return theme.OTHERS if place == -1 else theme.NOTHING
    colours = theme.SEQUENCE if ordered else theme.CATEGORIES
    return colours[place % len(colours)]


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs={Pool: pools.key})
def _columns(pool: Pool) -> list[str]:
    return colouring.columns(pool)


@st.cache_resource(max_entries=4, show_spinner=False)
def _regions(path: str, model: str, stamp: int, token: str) -> Regions:
    pool = pools.opened(path)
    return regions(pool, _placed(pool, model))


@st.cache_resource(max_entries=12, show_spinner=False)
def _of(path: str, model: str, by: str, stamp: str) -> Colouring:
    pool = pools.opened(path)
    placed = _placed(pool, model)
    if by == REGION:
        return colouring.by_region(shared_regions(pool, placed))
    if by.startswith(COLUMN):
        return colouring.by_column(pool, placed, by.removeprefix(COLUMN))
    return _family(found_groups.of(pool), placed, by.removeprefix(FAMILY))


def _placed(pool: Pool, model: str) -> Map:
    shared = pools.shared_map(pool, model)
    if shared is None:
        raise InputError(f"pool {pool.name!r} has no map of {model!r}.")
    return shared


def _family(groups: Groups, placed: Map, family: str) -> Colouring:
    """The points by the groups of a family; one in several groups has the colour of the smallest."""
    members = groups.choose([family])
    codes = np.full(len(placed), -1, dtype=np.int16)
    for place in np.argsort(-members.sizes, kind="stable"):
        codes[bits.unpack(members.matrix[members.rows[place]], members.pairs)[placed.rows]] = place
    names = [definition.group for definition in members.definitions]
    return colouring.categories(FAMILY + family, codes, names, [None] * len(names))

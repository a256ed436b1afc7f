"""Deleting from a page: a button, a question that says what it frees and who uses it, and undo in the rail."""

import streamlit as st

from poolscope import deletion, paths
from poolscope.errors import InputError
from poolscope.explorer import pools
from poolscope.explorer.text import code, noted, plain
from poolscope.pool import Pool

ASKED, LAST = "deleting", "deleted"  # (kind, name) to be asked about, and that was deleted last


def button(kind: str, name: str, *, key: str, label: str = "") -> None:
    """A button that asks whether to delete the thing."""
    st.button(
        label, icon=":material/delete:", key=f"delete-{key}", help=None if label else f"Delete this {kind}",
        type="tertiary" if label else "secondary", on_click=ask, args=(kind, name),
    )  # fmt: skip


def ask(kind: str, name: str) -> None:
    """Opens the question at the end of this run of the page."""
    st.session_state[ASKED] = (kind, name)


def dialog() -> bool:
    """Opens the question that a button asked for; True if it did. A fragment with such a button calls it too."""
    asked = st.session_state.pop(ASKED, None)
    if asked is not None:
        _question(*asked)
    return asked is not None


@st.dialog("Delete")
@noted()
def _question(kind: str, name: str) -> None:
    thing = deletion.find(kind, name, _pool())
    st.markdown(f"Delete the {kind} {code(thing.name)}? It takes {thing.bytes / 1e6:,.2f} MB.")
    end, by = "the trash is emptied", "poolscope delete --empty"
    if kind in deletion.OF_POOL:
        end, by = "the pool is cleaned", "poolscope versions --clean"
    st.caption(f"Undo brings it back until {end} ({code(by)}), which frees the room.")
    for user in thing.users:
        st.warning(f"In use by {plain(user)}", icon=":material/warning:")
    force = bool(thing.users) and st.checkbox("Delete it all the same", key="delete-force")
    if st.button("Delete", type="primary", key="delete-now", disabled=bool(thing.users) and not force):
        with noted(st.error, OSError):
            deletion.delete(thing, force=force)
            st.session_state[LAST] = (kind, thing.name)
            if kind == "pool":
                _leave(thing.name)
            st.toast(f"Deleted {kind} {plain(thing.name)}; Undo is in the rail", icon=":material/delete:")
            st.rerun()


def offer_undo() -> None:
    """In the rail, after something was deleted in this session: what, and a button that brings it back."""
    last = st.session_state.get(LAST)
    if last is None:
        return
    with st.sidebar:
        st.caption(f"Deleted {last[0]} {code(last[1].rpartition('/')[2] if last[0] == 'pool' else last[1])}")
        with st.container(horizontal=True):
            st.button("Undo", icon=":material/undo:", key="undo-deletion", on_click=_undo)
            st.button("", icon=":material/close:", key="keep-deleted", help="Dismiss",
                      on_click=lambda: st.session_state.pop(LAST, None))  # fmt: skip


def _undo() -> None:
    kind, name = st.session_state.pop(LAST)
    with noted(st.toast, OSError):
        deletion.undo(_pool(), kind, name)
        if kind == "pool":
            pools.choose(name)
        st.toast(f"The {kind} {plain(name)} is back", icon=":material/undo:")


def _pool() -> Pool | None:
    """A handle of this session's own on the current pool, for it changes; None if there is none."""
    try:
        return Pool.open(pools.current_path())
    except InputError:
        return None


def _leave(path: str) -> None:
    """Shows another pool instead of one that was deleted."""
    for other in [*pools.recent(), paths.default_pool()]:
        if str(other) != path and Pool.exists(other):
            pools.choose(other)
            return
    st.query_params.pop("pool", None)
    st.session_state.pop("pool", None)

"""The line above the Filter page: which recipe, undo, save, compare, share, export, and how much is kept."""

from urllib.parse import urlencode

import streamlit as st

from poolscope.engine.ready import edited
from poolscope.errors import InputError
from poolscope.explorer import choices, compare, deletion, export, recipe_state
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection, dump, load
from poolscope.recipe.ready import save, saved

EMPTY, TEXT = "New, without rules", "Edit as YAML"
STOP = "Stop comparing"


def draw(recipe: Recipe, pool: Pool, selection: Selection | None) -> None:
    known = choices.all(pool)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.menu_button(
            _short(recipe.name), [*known, EMPTY, TEXT], key="load", icon=":material/filter_alt:", help="Load a recipe",
            on_click=lambda: _load(st.session_state["load"], known),
        )  # fmt: skip
        st.button(
            "",
            key="do-undo",
            icon=":material/undo:",
            help="Undo",
            on_click=recipe_state.undo,
            disabled=not recipe_state.can("undo"),
        )
        st.button(
            "",
            key="do-redo",
            icon=":material/redo:",
            help="Redo",
            on_click=recipe_state.redo,
            disabled=not recipe_state.can("redo"),
        )
        st.button("Save", key="do-save", icon=":material/save:", on_click=_ask, args=("save",))
        if recipe.name in saved(pool):
            deletion.button("recipe", recipe.name, key="recipe")
        compared = compare.name_of_other()
        others = [name for name in known if name != recipe.name]
        st.menu_button(
            _short(f"vs {compared}") if compared else "Compare", [STOP, *others] if compared else others or ["no other recipe"],
            key="compare", icon=":material/compare_arrows:", help="Compare with another recipe",
            on_click=lambda: _compare(st.session_state["compare"]), disabled=not others and not compared,
        )  # fmt: skip
        st.button("Share", key="do-share", icon=":material/link:", on_click=_ask, args=("share",))
        st.button(
            "Export",
            key="do-export",
            icon=":material/download:",
            on_click=_ask,
            args=("export",),
            disabled=selection is None,
        )
        st.space("stretch")
        if selection is not None:
            share = 100 * selection.kept / max(1, selection.pairs)
            st.markdown(f"kept **{selection.kept:,}** of {selection.pairs:,} · **{share:.1f} %**", width="content")


def dialogs(recipe: Recipe, pool: Pool, selection: Selection | None) -> bool:
    """Opens the dialog that a button asked for; True if it did."""
    asked = st.session_state.pop("ask", None)
    if asked is None:
        return False
    from poolscope.explorer import add_score, rules

    what, *details = asked if isinstance(asked, tuple) else (asked,)
    if what == "save":
        _save(recipe, pool)
    elif what == "share":
        _share()
    elif what == "recipe":
        _edit(recipe)
    elif what == "rule":
        rules.edit(recipe, details[0])
    elif what == "score":
        add_score.ask(pool)
    elif what == "export" and selection is not None:
        export.ask(recipe, pool, selection)
    return True


def _short(name: str, longest: int = 34) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _ask(what: str) -> None:
    st.session_state["ask"] = (what,)


def _load(name: str | None, known: dict[str, Recipe]) -> None:
    if name == EMPTY:
        recipe_state.change(Recipe(name="no filter"), about="load")
    elif name == TEXT:
        _ask("recipe")
    elif name in known:
        recipe_state.change(known[name], about="load")
    st.session_state["focus"] = 0


def _compare(name: str | None) -> None:
    compare.choose(None if name == STOP else name)


@st.dialog("Save the recipe")
def _save(recipe: Recipe, pool: Pool) -> None:
    name = st.text_input("Name", recipe.name, key="save-name", max_chars=100)
    named = recipe.model_copy(update={"name": name.strip()})
    taken = named.name in saved(pool)
    replace = taken and st.checkbox("Replace the recipe of that name", key="save-replace")
    st.caption("Saved with the pool.")
    if st.button("Save", type="primary", key="save-now", disabled=taken and not replace):
        try:
            save(named, pool, replace=replace)
        except InputError as error:
            st.error(plain(error), icon=":material/error:")
            return
        recipe_state.change(named, about="name", reshape=False)
        st.toast(f"Saved {plain(named.name)}", icon=":material/check:")
        st.rerun()
    st.code(dump(recipe), language="yaml")


@st.dialog("Share this view")
def _share() -> None:
    st.write("This address opens the same pool with the same rules.")
    base = (st.context.url or "").split("?")[0]
    st.code(f"{base}?{urlencode(st.query_params.to_dict())}", language=None, wrap_lines=True)


@st.dialog("Recipe as YAML", width="large")
def _edit(recipe: Recipe) -> None:
    text = st.text_area("Recipe", dump(recipe), height=360)
    if st.button("Apply", type="primary"):
        try:
            fresh = edited(load(text if "\n" in text else text + "\n"))
        except InputError as error:
            st.error(plain(error), icon=":material/error:")
            return
        recipe_state.change(fresh, about="text")
        st.rerun()

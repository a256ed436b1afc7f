"""The line above the Filter page: which recipe, undo, save, compare, share, export, and how much is kept."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

import streamlit as st

from poolscope.engine.ready import EDITED
from poolscope.explorer import choices, compare, deletion, export, number_format, pair, pools, recipe_state
from poolscope.explorer.evaluate import Outcome, outcome
from poolscope.explorer.text import free, noted, plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection, dump, load
from poolscope.recipe.ready import save, saved

EMPTY, TEXT = "New, without rules", "Edit as YAML"
STOP = "Stop comparing"


def begin(pool: Pool) -> tuple[Recipe, Outcome]:
    """The line above a page that follows the recipe; the recipe as it is edited, and what can be shown of it."""
    recipe = recipe_state.current(pool)
    if recipe_state.complaint():
        st.warning(plain(recipe_state.complaint()), icon=":material/warning:")
    result = outcome(recipe, pool)
    pools.show_in_url("recipe", recipe_state.as_text())
    pools.show_in_url("compare", compare.name_of_other())
    _draw(recipe, pool, result.selection)
    return recipe, result


def end(recipe: Recipe, pool: Pool, result: Outcome, clicked: int | None) -> None:
    """Opens the dialog that a button asked for, else the pair that was clicked."""
    if not _dialogs(recipe, pool, result.selection) and clicked is not None and clicked < len(pool):
        pair.show(clicked, pool, result.recipe)


def _draw(recipe: Recipe, pool: Pool, selection: Selection) -> None:
    known = choices.all(pool)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="toolbar"):
        _state(recipe, pool, known)
        st.button("", key="do-undo", icon=":material/undo:", help="Undo (U)", on_click=recipe_state.undo,
                  disabled=not st.session_state.get("undo"))  # fmt: skip
        st.button("", key="do-redo", icon=":material/redo:", help="Redo (R)", on_click=recipe_state.redo,
                  disabled=not st.session_state.get("redo"))  # fmt: skip
        if recipe.name in saved(pool):
            deletion.button("recipe", recipe.name, key="recipe")
        compared = compare.name_of_other()
        others = [name for name in known if name != recipe.name]
        st.menu_button(
            plain(_short(f"vs {compared}")) if compared else "Compare", [STOP, *others] if compared else others or ["no other recipe"],
            key="compare", format_func=plain, icon=":material/compare_arrows:", help="Compare with another recipe",
            on_click=_compare, disabled=not others and not compared,
        )  # fmt: skip
        st.button("Share", key="do-share", icon=":material/link:", on_click=_ask, args=("share",))
        st.button("Export", key="do-export", icon=":material/download:", on_click=_ask, args=("export",))
        st.space("stretch")
        share = number_format.share(selection.kept, selection.pairs)
        drawn = "" if selection.wanted is None else f" · {selection.drawn:,} draws"
        st.markdown(f"kept **{selection.kept:,}** of {selection.pairs:,} · **{share}**{drawn}", width="content")


def _state(recipe: Recipe, pool: Pool, known: dict[str, Recipe]) -> None:
    """The recipe's name, whether it was edited, and the ways to keep or undo that; files that can't be read by name."""
    base, changed = recipe_state.origin(recipe), recipe_state.is_edited(recipe)
    st.menu_button(
        plain(_short(base.name if base and changed else recipe.name)), [*known, EMPTY, TEXT], key="load", format_func=plain,
        icon=":material/filter_alt:", help="Load a recipe", on_click=lambda: _load(st.session_state["load"], known),
    )  # fmt: skip
    broken = choices.broken(pool)
    if broken:
        with st.popover(
            f"{len(broken)} unreadable", icon=":material/warning:", help="Files of saved recipes that can't be read"
        ):
            for file, why in broken.items():
                st.text(f"recipes/{file}: {why.splitlines()[0]}")
            st.caption("Mend the file with a text editor, or remove it; nothing else is affected.")
    if changed:
        st.badge("edited", color="orange")
        st.button("Revert", key="do-revert", icon=":material/history:", on_click=recipe_state.revert,
                  help=f"Back to {plain(base.name)} as it is saved" if base else None)  # fmt: skip
    elif base is None:
        st.badge("not saved", color="gray")
    st.button("Save", key="do-save", icon=":material/save:", on_click=save_now, args=(pool,),
              help="Save under its name" if _own(recipe, pool) else "Save under a name")  # fmt: skip
    if _own(recipe, pool):
        st.button("Save as", key="do-save-as", on_click=_ask, args=("save",))


def _own(recipe: Recipe, pool: Pool) -> bool:
    """Whether it is an edited form of a recipe that was saved with the pool, not of a ready one."""
    base = recipe_state.origin(recipe)
    return base is not None and base.name in choices.own(pool) and recipe_state.is_edited(recipe)


def save_now(pool: Pool) -> None:
    """Saves an edited recipe of the pool under its name; asks for a name else."""
    recipe: Recipe = st.session_state["recipe"]
    if not _own(recipe, pool):
        _ask("save")
        return
    named = recipe.model_copy(update={"name": recipe_state.origin(recipe).name})  # type: ignore[union-attr]
    with noted(st.toast):
        _keep(named, pool, replace=True)


def _keep(recipe: Recipe, pool: Pool, *, replace: bool) -> None:
    """Saves the recipe under its name and goes on with it. Raises InputError if it can't be saved."""
    save(recipe, pool, replace=replace)
    recipe_state.change(recipe, about="name", reshape=False)
    st.toast(f"Saved {plain(recipe.name)}", icon=":material/check:")


def _dialogs(recipe: Recipe, pool: Pool, selection: Selection) -> bool:
    """Opens the dialog that a button asked for; True if it did."""
    if deletion.dialog():
        return True
    asked = st.session_state.pop("ask", None)
    if asked is None:
        return False
    from poolscope.explorer import add_score, rules

    what, *details = asked
    dialogs: dict[str, Callable[..., None]] = {
        "save": partial(_save, recipe, pool), "share": _share, "recipe": partial(_edit, recipe),
        "rule": partial(rules.edit, recipe), "score": partial(add_score.ask, pool),
        "export": partial(export.ask, recipe, pool, selection),
    }  # fmt: skip
    dialogs[what](*details)
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
        recipe_state.load_recipe(known[name])


def _compare() -> None:
    name = st.session_state["compare"]
    compare.choose(None if name == STOP else name)


@st.dialog("Save the recipe")
@noted()
def _save(recipe: Recipe, pool: Pool) -> None:
    proposed = free(recipe.name.removesuffix(EDITED), choices.all(pool))
    name = st.text_input("Name", proposed, key="save-name", max_chars=100)
    named = recipe.model_copy(update={"name": name.strip()})
    taken = named.name in choices.own(pool)
    replace = taken and st.checkbox("Replace the recipe of that name", key="save-replace")
    st.caption("Saved with the pool.")
    if st.button("Save", type="primary", key="save-now", disabled=taken and not replace):
        _keep(named, pool, replace=replace)
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
        with noted():
            fresh = recipe_state.named(load(text if "\n" in text else text + "\n"))
            recipe_state.change(fresh, about="text")
            st.rerun()

"""The rules of the recipe, one card each, with what each drops, and the ways to add one."""

from collections.abc import Mapping

import numpy as np
import streamlit as st
import yaml

from poolscope.errors import InputError
from poolscope.explorer import pools, recipe_state, score_edit, score_rule
from poolscope.explorer.evaluate import flags_of, scores_of
from poolscope.explorer.text import code, plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, RuleCount, Selection, tags
from poolscope.recipe.grammar import KEYS, FlagRule, Rule, ScoreRule, TagRule, WhereRule
from poolscope.recipe.notation import parse

UP, DOWN, TEXT, REMOVE = "Move up", "Move down", "Edit as YAML", "Remove"
OFF, ON = "Switch off", "Switch on"
TYPED = {"where": "Condition", "subset": "Subset file", "tag": "Tag"}  # what a card lets one type, by the rule's word


def draw(recipe: Recipe, pool: Pool, selection: Selection | None) -> None:
    """All rules; without a selection (the recipe can't be evaluated) only what is needed to mend it."""
    if not recipe.keep:
        st.info("No rules yet: everything is kept. Add a rule to start filtering.", icon=":material/tune:")
    held = {} if selection is None else pools.desk(pool).kept_bars(recipe)
    for index, rule in enumerate(recipe.keep):
        _card(recipe, index, rule, pool, selection, held)
    _adding(recipe, pool)


def _card(
    recipe: Recipe, index: int, rule: Rule, pool: Pool, selection: Selection | None, held: Mapping[str, np.ndarray]
) -> None:
    name = f"rule-{recipe_state.generation()}-{index}"
    focused = recipe_state.focus(recipe) == index
    with st.container(border=True, key=f"{name}-card", gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{index + 1}** · {title(rule)}", width="stretch")
            if isinstance(rule, ScoreRule) and rule.on:
                _mode(recipe, index, rule, pool, name)
            left_out = {UP: index == 0, DOWN: index == len(recipe.keep) - 1, OFF: rule.off, ON: not rule.off}
            options = [entry for entry in (UP, DOWN, OFF, ON, TEXT, REMOVE) if not left_out.get(entry)]
            st.menu_button(
                "", options, key=f"{name}-menu", icon=":material/more_vert:", type="tertiary", help=f"Rule {index + 1}: move, edit, remove",
                on_click=lambda: _chosen(st.session_state[f"{name}-menu"], recipe, index),
            )  # fmt: skip
        if not rule.on:
            st.caption("switched off")
            return
        if isinstance(rule, ScoreRule):
            if selection is not None:
                score_rule.draw(recipe, index, pool, selection, held.get(rule.score))
        elif (field := next((one for one in TYPED if hasattr(rule, one)), None)) is not None:
            _text(name, field, rule, recipe, index)
        if selection is not None:
            _counts(selection.counts[index], index, focused=focused and len(recipe.keep) > 1)


def _counts(count: RuleCount, index: int, *, focused: bool) -> None:
    """What the rule did. After other rules a `top` says what its quota came to among the pairs that were left."""
    mark = ":material/center_focus_strong: " if focused else ""
    note = f" · {plain(count.note)}" if count.note and index else ""
    st.caption(f"{mark}drops {count.dropped:,} · leaves {count.kept:,}{note}")
    if count.warning:
        st.caption(f":orange[:material/warning: {plain(count.warning)}]")


def title(rule: Rule) -> str:
    """The rule's name in Markdown."""
    kind = "" if isinstance(rule, ScoreRule) else rule.KIND
    return " ".join([*([kind] if kind else []), ", ".join(code(name) for name in rule.subjects())]).strip()


def _mode(recipe: Recipe, index: int, rule: ScoreRule, pool: Pool, name: str) -> None:
    key, mode = f"{name}-mode", rule.mode
    if st.session_state.get(key) != mode:
        st.session_state[key] = mode
    st.selectbox(
        "Kind of rule", list(score_rule.MODES), key=key, format_func=lambda value: score_rule.MODES[value],
        label_visibility="collapsed", width=124,
        on_change=lambda: score_edit.change_mode(st.session_state[key], index, pool),
    )  # fmt: skip


def _text(name: str, field: str, rule: Rule, recipe: Recipe, index: int) -> None:
    key = f"{name}-text"
    if key not in st.session_state:
        st.session_state[key] = getattr(rule, field)
    st.text_input(
        TYPED[field], key=key, label_visibility="collapsed",
        on_change=lambda: recipe_state.replace_rule(
            recipe, index, rule.model_copy(update={field: st.session_state[key].strip()})
        ),
    )  # fmt: skip


def _chosen(entry: str | None, recipe: Recipe, index: int) -> None:
    if entry == UP:
        recipe_state.move_rule(recipe, index, -1)
    elif entry == DOWN:
        recipe_state.move_rule(recipe, index, 1)
    elif entry == REMOVE:
        recipe_state.remove_rule(recipe, index)
    elif entry in (OFF, ON):
        switched = recipe.keep[index].model_copy(update={"off": entry == OFF})
        recipe_state.replace_rule(recipe, index, switched, reshape=True)
    elif entry == TEXT:
        st.session_state["ask"] = ("rule", index)


def _adding(recipe: Recipe, pool: Pool) -> None:
    options: dict[str, Rule | str] = {
        f"score  {name}": ScoreRule(score=name, top=0.5, of="kept" if recipe.keep else "pool")
        for name in scores_of(pool)
    }
    options |= {f"flag  {name}": FlagRule(flag=name) for name in flags_of(pool)}
    options |= {f"tag  {name}": TagRule(tag=name) for name in tags.names(pool)}
    options |= {"condition on columns (SQL)": WhereRule(where=_example(pool)), "any rule, as YAML": "yaml"}
    with st.container(horizontal=True):
        st.menu_button(
            "Add a rule", list(options), key="add-rule", icon=":material/add:",
            on_click=lambda: _add(options.get(st.session_state["add-rule"]), recipe),
        )  # fmt: skip
        st.button("Add a score", key="add-score", icon=":material/functions:", help="Compute a new score or flag for the pool",
                  on_click=lambda: st.session_state.update(ask=("score", 0)))  # fmt: skip


def _add(rule: Rule | str | None, recipe: Recipe) -> None:
    if rule == "yaml":
        st.session_state["ask"] = ("rule", len(recipe.keep))
    elif rule is not None and not isinstance(rule, str):
        recipe_state.add_rule(recipe, rule)


def _example(pool: Pool) -> str:
    return "width >= 200" if "width" in pool.columns else "text IS NOT NULL"


@st.dialog("Rule as YAML", width="medium")
def edit(recipe: Recipe, index: int) -> None:
    """Edits the rule at `index` (or a new one behind the last) as text."""
    fresh = index >= len(recipe.keep)
    example = {"any": [{"score": "random", "top": 0.3}, {"where": "width >= 200"}]}
    content = example if fresh else recipe.as_dict()["keep"][index]
    text = st.text_area("Rule", yaml.safe_dump(content, sort_keys=False, allow_unicode=True), height=220)
    others = " · ".join(f"`{key}`" for key in KEYS if key not in ("score", "any", "all", "not"))
    st.caption(
        f"`score` with `top`, `min`, `max` or `between` · {others} · `any`, `all`, `not` around other rules · `off: true`"
    )
    if st.button("Apply", type="primary"):
        try:
            content = parse(text)
            rule = recipe_state.rule_from(content if isinstance(content, dict) else {})
        except InputError as error:
            st.error(plain(str(error).splitlines()[0]), icon=":material/error:")
            return
        if fresh:
            recipe_state.add_rule(recipe, rule)
        else:
            recipe_state.replace_rule(recipe, index, rule, reshape=True)
        st.rerun()

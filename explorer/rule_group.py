"""The inside of an any, all or not: its rules in one line each, with what of them can be set by a click."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from poolscope.explorer import recipe_state, score_rule
from poolscope.explorer.text import code, plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, grouping
from poolscope.recipe.grammar import NotRule, Rule, ScoreRule

NOT, PLAIN, OUT, REMOVE = "Turn around (not)", "Without not", "Take out of the group", "Remove"
TYPED = {"where": "Condition", "subset": "Subset file", "tag": "Tag"}  # what a card lets one type, by the rule's word
WORDS = {"any": "any of these", "all": "all of these"}


def draw(recipe: Recipe, index: int, pool: Pool, name: str) -> None:
    """The parts of the rule at `index`, which is a group or a `not` around a rule."""
    rule = recipe.keep[index]
    group, wrap = _unwrapped(rule)
    if (word := grouping.word_of(group)) is None:
        _part(group, f"{name}-part", lambda fresh: recipe_state.replace_rule(recipe, index, wrap(fresh)))
        return
    key = f"{name}-word"
    st.segmented_control(
        "Which of these rules must keep a pair", list(WORDS), key=key, default=word, required=True, format_func=lambda one: WORDS[one],
        label_visibility="collapsed",
        on_change=lambda: recipe_state.replace_rule(recipe, index, wrap(grouping.regrouped(group, st.session_state[key])), reshape=True),
    )  # fmt: skip
    for place, part in enumerate(group.parts):
        with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
            with st.container(gap="xxsmall"):
                _part(part, f"{name}-{place}", partial(_replace, recipe, index, group, place, wrap))
            turn = PLAIN if isinstance(part, NotRule) else NOT
            options = [turn, *([] if isinstance(rule, NotRule) else [OUT]), REMOVE]
            menu = f"{name}-{place}-menu"
            st.menu_button(
                "", options, key=menu, icon=":material/more_vert:", type="tertiary", help=f"Part {place + 1} of rule {index + 1}",
                on_click=partial(_choose, menu, recipe, index, group, place, wrap),
            )  # fmt: skip


def _unwrapped(rule: Rule) -> tuple[Rule, Callable[[Rule], Rule]]:
    """What is inside a `not`, or the rule itself, and what makes of a changed one the whole again."""
    if isinstance(rule, NotRule):
        return rule.not_, lambda fresh: rule.model_copy(update={"not_": fresh})
    return rule, lambda fresh: fresh


def _replace(recipe: Recipe, index: int, group: Rule, place: int, wrap: Callable[[Rule], Rule], fresh: Rule) -> None:
    recipe_state.replace_rule(recipe, index, wrap(grouping.replace_part(group, place, fresh)))


def _choose(menu: str, recipe: Recipe, index: int, group: Rule, place: int, wrap: Callable[[Rule], Rule]) -> None:
    entry = st.session_state[menu]
    if entry == OUT:
        recipe_state.put_rules(grouping.take_out(recipe, index, place), focus=index)
    elif entry in (NOT, PLAIN, REMOVE):
        part = None if entry == REMOVE else grouping.negated(group.parts[place])
        recipe_state.replace_rule(recipe, index, wrap(grouping.replace_part(group, place, part)), reshape=True)


def _part(rule: Rule, key: str, put: Callable[[Rule], None]) -> None:
    """One rule in a line; its threshold or text can be typed."""
    (inner, wrap), turned = _unwrapped(rule), "not " if isinstance(rule, NotRule) else ""

    def putting(fresh: Rule) -> None:
        put(wrap(fresh))

    if isinstance(inner, ScoreRule) and inner.between is None and None in (inner.min, inner.max):
        _score(inner, turned, key, putting)
    elif any(hasattr(inner, word) for word in TYPED):
        st.markdown(f"{turned}{plain(inner.KIND)}")
        field(inner, f"{key}-text", putting)
    else:
        st.markdown(f"{turned}{code(inner.label())}")


def field(rule: Rule, key: str, put: Callable[[Rule], Any]) -> None:
    """What one types in a rule that is not on a score, if anything; `put` takes the changed rule."""
    word = next((one for one in TYPED if hasattr(rule, one)), None)
    if word is None:
        return
    if key not in st.session_state:
        st.session_state[key] = getattr(rule, word)
    st.text_input(
        TYPED[word], key=key, label_visibility="collapsed",
        on_change=lambda: put(rule.model_copy(update={word: st.session_state[key].strip()})),
    )  # fmt: skip


def _score(rule: ScoreRule, turned: str, key: str, put: Callable[[Rule], None]) -> None:
    """A score with its one number: the percentage that is kept, or the threshold."""
    word = "top" if rule.top is not None else "min" if rule.min is not None else "max"
    sign = {"top": f"{score_rule.MODES[rule.mode]}, %", "min": "≥", "max": "≤"}[word]
    shown = 100 * rule.top if rule.top is not None else getattr(rule, word)
    key = f"{key}-{word}"
    shown = float(f"{shown:.7g}")
    recipe_state.shows(key, shown)

    def typed() -> None:
        value = st.session_state[key]
        if value is not None:
            put(rule.model_copy(update={word: round(value / 100, 9) if word == "top" else value}))

    top = word == "top"
    st.number_input(
        f"{turned}{code(rule.score)} {sign}", key=key, on_change=typed, format="%.6g", step=1.0 if top else max(abs(shown) / 100, 1e-4),
        min_value=0.0 if top else None, max_value=100.0 if top else None,
    )  # fmt: skip

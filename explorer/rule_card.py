"""One card of the funnel: a rule with what it sees, keeps and leaves, its switch, its handle and its menu."""

import numpy as np
import streamlit as st

from poolscope.explorer import (
    caption_rule,
    handle,
    number_format,
    recipe_state,
    rule_group,
    sample_rule,
    score_rule,
)  # fmt: skip
from poolscope.explorer.text import code, plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, RuleCount, grouping
from poolscope.recipe.grammar import CaptionRule, NotRule, Rule, SampleRule, ScoreRule

TEXT, REMOVE, DUPLICATE = "Edit as YAML", "Remove", "Duplicate"
NOT, PLAIN = "Turn around (not)", "Without not"
ANY, ALL = "Any of this and the rule above", "All of this and the rule above"
CARD = '[class*="st-key-rule-"][class*="-card"]'


def draw(
    recipe: Recipe, index: int, pool: Pool, count: RuleCount | None, held: np.ndarray | None, problem: str = ""
) -> None:
    """The card of the rule at `index`; without a `count` (the recipe can't be evaluated) what is needed to mend it."""
    rule, name = recipe.keep[index], f"rule-{recipe_state.generation()}-{index}"
    with st.container(border=True, key=f"{name}-card{'-wrong' if problem else ''}", gap="xxsmall"):
        _head(recipe, index, rule, pool, name)
        if rule.on:
            if isinstance(rule, ScoreRule):
                if count is not None:
                    score_rule.draw(rule, index, pool, name, count, held)
            elif isinstance(rule, SampleRule):
                sample_rule.draw(rule, index, pool, name)
            elif isinstance(rule, CaptionRule):
                caption_rule.draw(rule, index, pool, name)
            elif rule.parts:
                rule_group.draw(recipe, index, pool, name)
            else:
                rule_group.field(rule, f"{name}-text", lambda fresh: recipe_state.replace_rule(recipe, index, fresh))
        if problem:
            st.error(plain(problem), icon=":material/error:")
        elif not rule.on:
            st.caption("switched off")
        elif count is not None:
            _counts(count, pool, focused=len(recipe.keep) > 1 and recipe_state.focus(recipe) == index)


def _head(recipe: Recipe, index: int, rule: Rule, pool: Pool, name: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall", key=f"{name}-head"):
        handle.draw(
            index, len(recipe.keep), card=CARD, key=f"{name}-handle", label=f"Rule {index + 1}: drag it, or press an arrow key",
            on_move=lambda to: recipe_state.move_rule(recipe, index, to),
        )  # fmt: skip
        st.markdown(f"**{index + 1}** · {title(rule)}", width="stretch")
        _controls(recipe, index, rule, pool, name)


def _controls(recipe: Recipe, index: int, rule: Rule, pool: Pool, name: str) -> None:
    """What a card is changed by, in a row that wraps as a whole."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall", width="content"):
        if isinstance(rule, ScoreRule) and rule.on:
            _mode(index, rule, pool, name)
        st.button(
            "", key=f"{name}-eye", type="tertiary", icon=":material/visibility_off:" if rule.off else ":material/visibility:",
            help=f"Rule {index + 1} is {'off: switch it on' if rule.off else 'on: switch it off'}",
            on_click=lambda: recipe_state.update_rule(index, {"off": not rule.off}, reshape=True),
        )  # fmt: skip
        st.menu_button(
            "", _entries(recipe, index), key=f"{name}-menu", icon=":material/more_vert:", type="tertiary",
            help=f"Rule {index + 1}: combine, edit, remove",
            on_click=lambda: _chosen(st.session_state[f"{name}-menu"], recipe, index),
        )  # fmt: skip


def _counts(count: RuleCount, pool: Pool, *, focused: bool) -> None:
    """What the rule did, as a bar of the pool and in numbers: what it sees is what it drops and what it leaves."""
    sees, pairs = count.kept + count.dropped, max(1, len(pool))
    mark = ":material/center_focus_strong: " if focused else ""
    seen, left = 100 * sees / pairs, 100 * count.kept / pairs
    st.html(
        f'<div class="ps-funnel" title="of the pool: sees {seen:.1f} %, leaves {left:.1f} %">'
        f'<i style="width:{seen:.2f}%"></i><b style="width:{left:.2f}%"></b></div>'
    )
    kept = number_format.share(count.kept, sees)
    drawn = "" if count.drawn is None else f" pairs, {count.drawn:,} draws"
    st.caption(f"{mark}sees {sees:,} · keeps {kept} · drops {count.dropped:,} · leaves {count.kept:,}{drawn}")
    if count.warning:
        st.caption(f":orange[:material/warning: {plain(count.warning)}]")


def title(rule: Rule) -> str:
    """The rule's name in Markdown."""
    if isinstance(rule, NotRule):
        return f"not {title(rule.not_)}"
    if (word := grouping.word_of(rule)) is not None:
        return f"{word} of {len(rule.parts)}"
    kind = "" if isinstance(rule, ScoreRule) else rule.KIND
    return f"{kind} {', '.join(code(name) for name in rule.subjects())}".strip()


def _mode(index: int, rule: ScoreRule, pool: Pool, name: str) -> None:
    key = recipe_state.shows(f"{name}-mode", rule.mode)
    st.selectbox(
        "Kind of rule", list(score_rule.MODES), key=key, format_func=lambda value: score_rule.MODES[value],
        label_visibility="collapsed", width=120,
        on_change=lambda: score_rule.change_mode(st.session_state[key], index, pool),
    )  # fmt: skip


def _entries(recipe: Recipe, index: int) -> list[str]:
    rule = recipe.keep[index]
    if isinstance(rule, SampleRule):  # a rule of its own, see the grammar
        return [DUPLICATE, TEXT, REMOVE]
    joining = [ANY, ALL] if index and not isinstance(recipe.keep[index - 1], SampleRule) else []
    return [*joining, PLAIN if isinstance(rule, NotRule) else NOT, DUPLICATE, TEXT, REMOVE]


def _chosen(entry: str | None, recipe: Recipe, index: int) -> None:
    rule = recipe.keep[index]
    if entry in (NOT, PLAIN):
        recipe_state.replace_rule(recipe, index, grouping.negated(rule), reshape=True)
    elif entry in (ANY, ALL):
        recipe_state.put_rules(grouping.join(recipe, index, "any" if entry == ANY else "all"), focus=index - 1)
    elif entry == DUPLICATE:
        rules = (*recipe.keep[: index + 1], *recipe.keep[index:])
        recipe_state.put_rules(recipe.model_copy(update={"keep": rules}), focus=index + 1)
    elif entry == REMOVE:
        recipe_state.remove_rule(recipe, index)
    elif entry == TEXT:
        st.session_state["ask"] = ("rule", index)

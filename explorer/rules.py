"""The rules of the recipe as a funnel, one card each, and the ways to add one."""

import streamlit as st
import yaml

from poolscope.errors import InputError
from poolscope.explorer import caption_rule, pools, recipe_state, rule_card, sample_rule
from poolscope.explorer.evaluate import Outcome, flags_of, scores_of
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, tags
from poolscope.recipe.caption_rule import image_column
from poolscope.recipe.grammar import KEYS, FlagRule, Rule, ScoreRule, TagRule, WhereRule
from poolscope.recipe.notation import parse

DRAWS, ONE = "draws by a score (Soft Cap Sampling)", "one caption per image"


def draw(recipe: Recipe, pool: Pool, outcome: Outcome) -> None:
    """All rules, from what the first one sees to what the last one leaves."""
    if not recipe.keep:
        st.info("No rules yet: everything is kept. Add a rule to start filtering.", icon=":material/tune:")
    held = pools.desk(pool).kept_bars(outcome.recipe)
    for index, rule in enumerate(recipe.keep):
        known = index < len(outcome.recipe.keep) and outcome.recipe.keep[index] == rule
        count = outcome.selection.counts[index] if known else None
        bars = held.get(rule.score) if isinstance(rule, ScoreRule) and known else None
        rule_card.draw(recipe, index, pool, count, bars, outcome.problems.get(index, ""))
    _adding(recipe, pool)


def _adding(recipe: Recipe, pool: Pool) -> None:
    options: dict[str, Rule | str] = {
        f"score  {name}": ScoreRule(score=name, top=0.5, of="kept" if recipe.keep else "pool")
        for name in scores_of(pool)
    }
    options |= {f"flag  {name}": FlagRule(flag=name) for name in flags_of(pool)}
    options |= {f"tag  {name}": TagRule(tag=name) for name in tags.names(pool)}
    if scores_of(pool):
        options |= {DRAWS: "sample"} | ({ONE: "caption"} if image_column(pool) else {})
    example = "width >= 200" if "width" in pool.columns else "text IS NOT NULL"
    options |= {"condition on columns (SQL)": WhereRule(where=example), "any rule, as YAML": "yaml"}
    with st.container(horizontal=True):
        st.menu_button(
            "Add a rule", list(options), key="add-rule", format_func=plain, icon=":material/add:",
            on_click=lambda: _add(options.get(st.session_state["add-rule"]), recipe, pool),
        )  # fmt: skip
        st.button("Add a score", key="add-score", icon=":material/functions:", help="Compute a new score or flag for the pool",
                  on_click=lambda: st.session_state.update(ask=("score", "")))  # fmt: skip


def _add(rule: Rule | str | None, recipe: Recipe, pool: Pool) -> None:
    if rule == "yaml":
        st.session_state["ask"] = ("rule", len(recipe.keep))
    elif rule in ("sample", "caption"):
        form = sample_rule if rule == "sample" else caption_rule
        recipe_state.add_rule(recipe, form.fresh(pool, recipe))
    elif rule is not None and not isinstance(rule, str):
        recipe_state.add_rule(recipe, rule)


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

"""The text of a rule that is not on a score: a condition, a subset file, a tag."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from poolscope.recipe.grammar import Rule

TYPED = {"where": "Condition", "subset": "Subset file", "tag": "Tag"}  # what a card lets one type, by the rule's word


def draw(rule: Rule, key: str, put: Callable[[Rule], Any]) -> None:
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

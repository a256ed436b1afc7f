"""The audit as files: one HTML page, its figures as JSON, and the command that writes the same."""

import json
from typing import Any

import numpy as np
import streamlit as st

from poolscope.audit import Groups, audit
from poolscope.audit.html import html, worst
from poolscope.audit.strata import BUILT_IN
from poolscope.audit.words import separating
from poolscope.explorer.text import noted
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection

NONE = "not"


@noted()
def draw(groups: Groups, pool: Pool, recipe: Recipe, selection: Selection, minimum: int) -> None:
    st.markdown("One file with every figure, how each group is found, what goes wrong with it, and the safeguards.")
    strata = st.selectbox("Compare also within", [NONE, *BUILT_IN], key="audit-report-strata", width=220)
    settings: dict[str, Any] = {"minimum": minimum, "strata": None if strata == NONE else strata}
    with st.container(horizontal=True):
        if st.button("Write the report", icon=":material/description:", type="primary", key="audit-report-make"):
            with st.spinner("Writing the report"):
                st.session_state["audit-report"] = _write(groups, pool, recipe, selection, settings)
        written = st.session_state.get("audit-report")
        if written and written[0] == _about(recipe, settings):
            for kind, mime, content in zip(("html", "json"), ("text/html", "application/json"), written[1:]):
                st.download_button(kind.upper(), content, f"audit.{kind}", mime, icon=":material/download:",
                                   on_click="ignore", key=f"audit-{kind}")  # fmt: skip
    words = f" --strata {strata}" if strata != NONE else ""
    st.caption("The same on the command line, with the recipe saved as a file:")
    st.code(
        f"poolscope audit RECIPE.yaml --pool {pool.path} --minimum {minimum}{words} --out audit.html", language="bash"
    )


def _write(
    groups: Groups, pool: Pool, recipe: Recipe, selection: Selection, settings: dict[str, Any]
) -> tuple[str, str, str]:
    audited = audit(pool, recipe, groups=groups, **settings)
    words = {
        row.definition.id: separating(pool, np.flatnonzero(groups.mask(row.definition.id)), selection.mask)
        for row in worst(audited)
    }
    figures = json.dumps(audited.as_json(), ensure_ascii=False, indent=1)
    return _about(recipe, settings), html(audited, words=words), figures


def _about(recipe: Recipe, settings: dict[str, Any]) -> str:
    return json.dumps([recipe.as_dict(), settings], sort_keys=True)

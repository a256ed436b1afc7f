"""False positives of a lexicon: captions that made pairs belong, and stop contexts that remove the wrong ones."""

import numpy as np
import streamlit as st

from poolscope.audit import Definition, catalog
from poolscope.audit.lexicon import dump_pack, packs, prune, save_pack
from poolscope.explorer import pools
from poolscope.explorer.text import noted, plain
from poolscope.pool import Pool

SHOWN = 25
PREFIX = "lexicon-"


def draw(about: Definition, members: np.ndarray, pool: Pool) -> None:
    """Shown for groups that a lexicon found."""
    if not about.source.startswith(PREFIX):
        return
    with st.expander(
        "False positives: read captions, prune the lexicon",
        icon=":material/content_cut:",
        on_change="rerun",
        key="audit-prune",
    ) as box:
        if not box.open:
            return
        pack = packs(pool)[about.source.removeprefix(PREFIX)]
        words = pack.groups[about.group]
        left, right = st.columns([0.55, 0.45], gap="medium")
        with left:
            st.caption(f"{min(SHOWN, len(members))} of {len(members):,} captions, drawn at random")
            chosen = members[np.argsort(pools.columns(pool).rank[members], kind="stable")[:SHOWN]]
            st.text("\n".join(f"· {(text or '')[:160]}" for text in pool.take(chosen, ["text"])["text"].to_pylist()))
        with right:
            st.caption("Terms: " + plain("; ".join(", ".join(listed) for listed in words.terms.values())[:600]))
            st.caption("Stop contexts: " + plain(", ".join(words.stop)[:400] or "none"))
            added = st.text_area(
                "New stop contexts, one a line",
                key="audit-stop",
                placeholder="black dress*\nblack and white",
                height=110,
            )
            if st.button(
                "Prune and count again",
                icon=":material/content_cut:",
                key="audit-prune-now",
                disabled=not added.strip(),
            ):
                _save(about, added, pool)
            st.download_button(
                "Lexicon as YAML",
                dump_pack(pack),
                file_name=f"{pack.pack}.yaml",
                icon=":material/download:",
                on_click="ignore",
            )
            st.caption("A pruned lexicon is saved with the pool and named with its version in every report.")


def _save(about: Definition, added: str, pool: Pool) -> None:
    pack = packs(pool)[about.source.removeprefix(PREFIX)]
    with noted():
        save_pack(prune(pack, about.group, added.splitlines()), pool)
        with st.spinner("Counting the group again"):
            catalog.find(pool, families=[pack.family])
        st.rerun()

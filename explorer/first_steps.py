"""The first minute on the Filter page: one sentence and three steps, each of which goes away when it is ticked off."""

import streamlit as st

from poolscope import files, paths

PURPOSE = "**A recipe decides which image–text pairs a model is trained on; here you see what it keeps and drops.**"
STEPS = {
    "slide": "Drag a threshold: map and images follow.",
    "look": "Lasso a region of the map: make it a rule.",
    "prove": "Train on what is kept: see Runs.",
}


def draw() -> None:
    """What is left of the steps; nothing once all are ticked off, on this machine, for good."""
    done = _done()
    left = [name for name in STEPS if name not in done]
    if not left:
        return
    with st.container(border=True, gap="xxsmall", key="first-steps"):
        st.markdown(PURPOSE)
        for number, name in enumerate(STEPS, 1):
            if name in left:
                text, tick = st.columns([0.88, 0.12], vertical_alignment="center", gap="xsmall")
                text.markdown(f"**{number}** · {STEPS[name]}")
                tick.button("", icon=":material/check:", key=f"step-{name}", type="tertiary",
                            help=f"Tick off step {number}", on_click=_tick, args=(name,))  # fmt: skip


def _done() -> list[str]:
    if "first-steps-done" not in st.session_state:
        ticked = files.known_json(paths.home() / "first-steps.json", {}).get("done")
        st.session_state["first-steps-done"] = [step for step in STEPS if isinstance(ticked, list) and step in ticked]
    done: list[str] = st.session_state["first-steps-done"]
    return done


def _tick(name: str) -> None:
    st.session_state["first-steps-done"] = [*_done(), name]
    files.write_json(paths.home() / "first-steps.json", {"done": st.session_state["first-steps-done"]})

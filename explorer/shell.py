"""The frame around every page: the rail with all pages and the pool that they show."""

import sys
from pathlib import Path

import streamlit as st

from poolscope.explorer import commands, deletion, navigation, theme
from poolscope.explorer.text import noted

sys.path[:] = [place for place in sys.path if place != str(Path(__file__).parent)]  # see app.py
st.set_page_config(
    page_title="Poolscope",
    page_icon=str(theme.STATIC / "mark.svg"),
    layout="wide",
    initial_sidebar_state=navigation.WIDTH,
)
pages = navigation.pages()
page = st.navigation(list(pages.values()), position="sidebar", expanded=True)
theme.logo()
theme.layout()
navigation.pool_switcher()
commands.draw(pages, page)
deletion.offer_undo()
with noted():  # a file came to harm after it was written; what a page asks for it answers in place
    page.run()
deletion.dialog()

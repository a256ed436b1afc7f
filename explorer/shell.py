"""The frame around every page: navigation, mark, and the pool to look at."""

import sys
from pathlib import Path

import streamlit as st

from poolscope.explorer import theme
from poolscope.explorer.navigation import pages

sys.path[:] = [place for place in sys.path if place != str(Path(__file__).parent)]  # see app.py
st.set_page_config(page_title="Poolscope", page_icon=str(theme.STATIC / "mark.svg"), layout="wide")
page = st.navigation(pages(), position="top")
theme.logo()
theme.layout()
page.run()

"""The frame around every page: navigation, mark, and the pool to look at."""

import streamlit as st

from poolscope.explorer import theme
from poolscope.explorer.navigation import pages

st.set_page_config(page_title="Poolscope", page_icon=str(theme.STATIC / "mark.svg"), layout="wide")
page = st.navigation(pages(), position="top")
theme.logo()
theme.layout()
page.run()

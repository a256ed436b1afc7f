"""The frame around every page: the rail with all pages and the pool that they show."""

import streamlit as st

from poolscope.explorer import navigation, theme

st.set_page_config(
    page_title="Poolscope",
    page_icon=str(theme.STATIC / "mark.svg"),
    layout="wide",
    initial_sidebar_state=navigation.WIDTH,
)
page = st.navigation(navigation.pages(), position="sidebar", expanded=True)
theme.logo()
theme.layout()
navigation.pool_switcher()
page.run()

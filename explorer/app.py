"""Entry of the app: `streamlit run explorer/app.py`."""

from pathlib import Path

import streamlit as st

from poolscope.explorer.routes import ROUTES

app = st.App(str(Path(__file__).with_name("shell.py")), routes=ROUTES)

"""Entry of the app: `streamlit run explorer/app.py`."""

import sys
from pathlib import Path

import streamlit as st

from poolscope.explorer.routes import ROUTES

# Streamlit puts this folder on the path, where `evaluate` or `search` would hide packages of that name.
sys.path[:] = [place for place in sys.path if place != str(Path(__file__).parent)]
app = st.App(str(Path(__file__).with_name("shell.py")), routes=ROUTES)

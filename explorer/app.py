"""Entry of the app: `streamlit run explorer/app.py`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from explorer.routes import ROUTES  # noqa: E402

app = st.App(str(Path(__file__).with_name("shell.py")), routes=ROUTES)

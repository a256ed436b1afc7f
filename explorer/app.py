"""Entry of the app: `streamlit run explorer/app.py`."""

import os
import secrets
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from poolscope.explorer import warm
from poolscope.explorer.guard import TOKEN, Guard, is_loopback
from poolscope.explorer.routes import ROUTES


def ensure_token() -> None:
    """A server that others can reach asks for a token, however it was started; `poolscope app` has made one already."""
    if not is_loopback(st.get_option("server.address") or "0.0.0.0") and not os.environ.get(TOKEN):
        os.environ[TOKEN] = secrets.token_urlsafe(24)
        print(f"Open the app with ?token={os.environ[TOKEN]} at the end of its address.", file=sys.stderr, flush=True)


# Streamlit puts this folder on the path, where `evaluate` or `search` would hide packages of that name.
sys.path[:] = [place for place in sys.path if place != str(Path(__file__).parent)]
ensure_token()
warm.start()
app = st.App(str(Path(__file__).with_name("shell.py")), routes=ROUTES, middleware=[Middleware(Guard)])

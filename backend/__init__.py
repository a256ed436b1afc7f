"""Poolscope's backend: everything that knows and does; it never imports the explorer or Streamlit."""

__version__ = "0.1.0"

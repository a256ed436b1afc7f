"""The Poolscope app: thin pages that draw and ask; `backend` knows and does."""

"""`python -m poolscope` is `poolscope`."""

import runpy

runpy.run_module("poolscope.cli", run_name="__main__")

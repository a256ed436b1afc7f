"""A refusal of the backend as a note on the page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from poolscope.errors import InputError
from poolscope.explorer.text import plain


@contextmanager
def noted(write: Callable[..., Any] = st.error, *also: type[Exception]) -> Iterator[None]:
    """An InputError, or one of `also`, ends the block and is noted by `write`, such as `st.toast`."""
    refusals: tuple[type[Exception], ...] = (InputError, *also)
    try:
        yield
    except refusals as error:
        write(plain(error), icon=":material/error:")

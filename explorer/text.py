"""Text of users, files and errors in Streamlit's Markdown: shown as it is, never as markup."""

import re
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from itertools import chain, count
from typing import Any

import streamlit as st

from poolscope.errors import InputError

_MARKUP = re.compile(r"[\\`*_{}\[\]<>$:~|&@]|(?<=\bwww)\.|^\s*[#+=-]|^\s*\d+[.)](?=\s|$)", re.I)

_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # what follows would be read backwards, beyond the text's own end


def plain(text: object) -> str:
    """`text` as Markdown that shows it verbatim: no image, link, formula, colour or HTML, all on one line."""
    line = re.sub(r"\s*[\r\n\v\f\x85\u2028\u2029]+\s*", " ", _TURNS.sub("\ufffd", str(text)))
    return _MARKUP.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", line) if line else ""


def in_badge(text: object) -> str:
    """`text` for `st.badge`, which escapes brackets itself."""
    return plain(text).replace("\\[", "[").replace("\\]", "]")


def free(name: str, taken: Container[str], between: str = " ") -> str:
    """`name`, or, where that is taken, the first of `name 2`, `name 3`, … that is not."""
    return next(one for one in chain([name], (f"{name}{between}{number}" for number in count(2))) if one not in taken)


def code(text: object) -> str:
    """`text` as a span of code; a backtick, which would end it, becomes an apostrophe."""
    return f"`{' '.join(_TURNS.sub(chr(0xFFFD), str(text)).split()).replace('`', chr(39)) or ' '}`"


@contextmanager
def noted(
    write: Callable[..., Any] = st.error, *also: type[Exception], icon: str = ":material/error:"
) -> Iterator[None]:
    """An InputError, or one of `also`, ends the block (or, as a decorator, the function) and is noted by `write`, such as
    `st.toast`."""
    refusals: tuple[type[Exception], ...] = (InputError, *also)
    try:
        yield
    except refusals as error:
        write(plain(error), icon=icon)

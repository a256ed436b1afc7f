"""Text of users, files and errors in Streamlit's Markdown: shown as it is, never as markup."""

import re

_MARKUP = re.compile(r"[\\`*_{}\[\]<>$:~|&@]|(?<=\bwww)\.|^\s*[#+=-]|^\s*\d+[.)](?=\s|$)", re.I)

_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # what follows would be read backwards, beyond the text's own end


def plain(text: object) -> str:
    """`text` as Markdown that shows it verbatim: no image, link, formula, colour or HTML, all on one line."""
    line = re.sub(r"\s*[\r\n\v\f\x85\u2028\u2029]+\s*", " ", _TURNS.sub("\ufffd", str(text)))
    return _MARKUP.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", line) if line else ""


def in_badge(text: object) -> str:
    """`text` for `st.badge`, which escapes brackets itself."""
    return plain(text).replace("\\[", "[").replace("\\]", "]")


def code(text: object) -> str:
    """`text` as a span of code; a backtick, which would end it, becomes an apostrophe."""
    return f"`{' '.join(_TURNS.sub(chr(0xFFFD), str(text)).split()).replace('`', chr(39)) or ' '}`"

"""Text of users, files and errors in Streamlit's Markdown: shown as it is, never as markup."""

_MARKUP = frozenset("\\`*_{}[]()<>#+-.!|$:~&")


def plain(text: object) -> str:
    """`text` as Markdown that shows it verbatim: no image, link, formula, colour or HTML, all on one line."""
    line = " ".join(str(text).split())
    return "".join(f"\\{letter}" if letter in _MARKUP else letter for letter in line)


def code(text: object) -> str:
    """`text` as a span of code; a backtick, which would end it, becomes an apostrophe."""
    return f"`{' '.join(str(text).split()).replace('`', chr(39)) or ' '}`"

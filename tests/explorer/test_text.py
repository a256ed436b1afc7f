"""Text that somebody else wrote is shown verbatim: no markup, no request."""

import ast
from pathlib import Path

import pytest

import poolscope.explorer
from poolscope.explorer.text import code, plain

HOSTILE = [
    "![x](https://evil.example/a.png)", "[click](javascript:alert(1))", "<img src=https://evil.example/b.png>", ":red[blood]",
    "$\\LaTeX$", "a_b_c **d** `e`", ":material/home:", "# heading", "- list", "1. item", "www.evil.example", "a@evil.example",
    "&lt;b&gt;", "~~struck~~", "https://evil.example", "12) item", "| a | b |",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_the_same_characters_without_their_meaning(text):
    shown = plain(text)
    assert shown.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\") == text
    for opener in ("[", "<", "$", ":", "`", "*", "_", "&", "@", "~", "|"):
        assert all(shown[i - 1] == "\\" for i in range(len(shown)) if shown[i] == opener)
    assert not shown.startswith(("#", "- ", "1. ", "12) "))
    assert "www." not in shown


def test_lines_and_backticks_end_nothing():
    assert plain("a\n\n# b\r\n- c") == "a # b - c"
    assert code("a`b\n` <i>") == "`a'b ' <i>`"


@pytest.mark.parametrize("mark", ["\u202e", "\u2067", "\u202b", "\u2066"])
def test_no_name_turns_round_what_follows_it(mark):
    assert plain(f"exe{mark}gnp") == "exe\ufffdgnp"
    assert code(f"exe{mark}gnp") == "`exe\ufffdgnp`"
    assert plain("\u05e9\u05dc\u05d5\u05dd") == "\u05e9\u05dc\u05d5\u05dd"


DRAWS = {
    "markdown", "caption", "write", "header", "subheader", "title", "error", "warning", "info", "success", "toast", "button",
    "expander", "metric", "status", "popover", "checkbox", "toggle", "progress", "spinner", "tabs", "radio", "pills", "segmented_control",
    "link_button", "download_button", "page_link", "slider", "select_slider", "selectbox", "multiselect", "number_input", "text_input",
    "text_area", "badge", "latex", "feedback", "file_uploader", "form_submit_button", "chat_message", "dialog", "Page",
}  # fmt: skip
NAMES = {
    "title",
    "name",
    "message",
    "error",
    "path",
    "id",
    "text",
    "label",
    "reason",
    "recipe",
    "source",
    "warning",
    "note",
}


def unescaped(node: ast.AST) -> list[str]:
    """What of an argument is somebody else's text and is drawn as Markdown."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        inner = (
            []
            if name in ("plain", "in_badge", "code", "len", "with_code")
            else [one for arg in node.args for one in unescaped(arg)]
        )
        return [ast.unparse(node)] if name == "str" else inner
    if isinstance(node, ast.FormattedValue):
        return [] if node.format_spec is not None else unescaped(node.value)
    if isinstance(node, ast.Attribute):
        return [ast.unparse(node)] if node.attr in NAMES else []
    if isinstance(node, ast.Name):
        return [node.id] if node.id in {"error", "problem", "reason", "name", "column"} else []
    if isinstance(node, (ast.JoinedStr, ast.BinOp, ast.BoolOp)):
        return [one for child in ast.iter_child_nodes(node) for one in unescaped(child)]
    if isinstance(node, ast.IfExp):
        return unescaped(node.body) + unescaped(node.orelse)
    return []


def test_no_page_draws_a_name_or_an_error_as_markdown():
    found = []
    for path in sorted(Path(poolscope.explorer.__file__).parent.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in DRAWS:
                drawn = [
                    *call.args[:1],
                    *(
                        word.value
                        for word in call.keywords
                        if word.arg in ("help", "label", "body", "text", "caption", "captions")
                    ),
                ]
                found += [f"{path.name}:{call.lineno} {one}" for arg in drawn for one in unescaped(arg)]
    assert found == []

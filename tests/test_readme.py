"""README, guides and `--help` agree with what the code offers, and the README stays short."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from poolscope.scores import METHODS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
GUIDES = ("README.md", "assets/docs/guide.md", "assets/results.md", "backend/README.md", ".github/CONTRIBUTING.md")
LINE = re.compile(r"(?:^|`)\$? ?(poolscope(?: [^`\n#]*)?)", re.MULTILINE)


def load_reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "assets" / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = load_reference()
COMMANDS: dict[tuple[str, ...], Any] = dict(REFERENCE.commands())
GROUPS = {path[:-1] for path in COMMANDS if len(path) > 1}
SHOWN = sorted(
    {
        (guide, match.group(1).strip().rstrip("\\").strip().rstrip(";"))
        for guide in GUIDES
        for match in LINE.finditer((ROOT / guide).read_text())
    }
)


def said(line: str) -> tuple[str, ...] | None:
    """The command that a line starts with; None for `poolscope` alone."""
    words = [word for word in line.split()[1:] if not word.startswith("-")]
    for length in (2, 1):
        if tuple(words[:length]) in COMMANDS:
            return tuple(words[:length])
    return None


@pytest.mark.parametrize(("guide", "line"), SHOWN)
def test_what_is_shown_exists(guide: str, line: str) -> None:
    words = line.split()
    if len(words) == 1 or words[1].startswith("-") or words[1] in ("…", "X", "COMMAND"):
        return
    path = said(line)
    assert path is not None or (words[1],) in GROUPS, f"{guide} shows no command {line!r}"
    if path is None:
        return
    known = {option for parameter in COMMANDS[path].params for option in parameter.opts + parameter.secondary_opts}
    for option in re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", line):
        assert option in known | {"--help"}, f"{guide}: {' '.join(path)} has no option {option}"


def test_the_readme_fits_one_sitting() -> None:
    assert len(README.split()) <= 1000
    assert README.count("![") == 7  # the film, and six pages


def test_the_readme_shows_five_things_with_a_command_each() -> None:
    things = re.findall(r"^\*\*(\d)\. .*?(?=^\*\*\d\. |^## |\Z)", README, re.MULTILINE | re.DOTALL)
    parts = re.split(r"^\*\*\d\. ", README.split("## Five things to do")[1].split("\n## ")[0], flags=re.MULTILINE)[1:]
    assert things == ["1", "2", "3", "4", "5"]
    assert all("`poolscope " in part for part in parts)


def test_the_recipe_of_the_readme_is_one() -> None:
    from poolscope.recipe import load

    (block,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert [rule.label() for rule in load(block).keep] == ["clip_score top 30 %", "english"]


def test_every_option_is_documented_in_its_help() -> None:
    silent = [
        f"{' '.join(path)} {parameter.opts[0]}"
        for path, one in COMMANDS.items()
        for parameter in one.params
        if not (parameter.help or "").strip()
    ]
    assert not silent, "no help for " + ", ".join(silent)
    assert all((one.help or "").strip() for one in COMMANDS.values())


def test_the_reference_of_commands_is_what_the_code_offers() -> None:
    assert (ROOT / "assets" / "docs" / "commands.md").read_text() == REFERENCE.command_reference(), "run `make docs`"


def test_the_reference_of_methods_says_what_they_declare() -> None:
    """A row may lack, so that a new method is one file; none may say what is not so."""
    rows = re.findall(r"^\| `(\w+)` \|.*$", (ROOT / "assets" / "docs" / "methods.md").read_text(), re.MULTILINE)
    text = (ROOT / "assets" / "docs" / "methods.md").read_text()
    assert len(rows) >= 20
    for name in rows:
        assert name in METHODS, f"{name} is no method: run `make docs`"
        assert REFERENCE.method_row(name) in text, f"{name} declares something else: run `make docs`"


def test_make_targets_that_are_shown_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    shown = {
        pair for guide in GUIDES for pair in re.findall(r"^make (\w+)|`make (\w+)", (ROOT / guide).read_text(), re.M)
    }
    assert {"app", "test", "lint"} <= {first or second for first, second in shown}
    for first, second in shown:
        assert f"\n{first or second}:" in makefile


def test_results_name_the_command_that_measures_them() -> None:
    text = (ROOT / "assets" / "results.md").read_text()
    for section in text.split("\n## ")[1:]:
        assert re.search(
            r"^(?:python tests/benchmarks|poolscope)|^ +poolscope|`python tests/benchmarks", section, re.M
        ), section[:40]
    for script in set(re.findall(r"(tests/benchmarks/\w+\.py)", text + README)):
        assert (ROOT / script).is_file(), script


def test_a_pool_opens_with_plain_lancedb(tiny_pool: Any) -> None:
    (block,) = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "import lancedb" in code]
    *lines, last = block.replace("path/to/pool", str(tiny_pool.path)).strip().splitlines()
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    assert len(eval(last, names)) == 10


def test_the_workflow_runs_what_a_contributor_can_run() -> None:
    import os

    import yaml

    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == ".ci/run"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    script = (ROOT / ".ci" / "run").read_text()
    assert "POOLSCOPE_REQUIRE_BROWSER=1" in script  # a browser test that can't run fails
    for target in re.findall(r"^make (\S+)", script, re.MULTILINE):
        assert f"\n{target}:".replace(".venv", "$(VENV)") in (ROOT / "Makefile").read_text()

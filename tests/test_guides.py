"""The examples of backend/README.md and explorer/README.md do what they say, as they stand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from poolscope.pool import Pool

ROOT = Path(__file__).resolve().parent.parent


def example(guide: str, heading: str) -> str:
    """The one fenced block below a heading."""
    text = (ROOT / guide).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```(?:python|yaml)\n(.*?)```", text, re.DOTALL)
    return block


def names_of(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "example", "exec"), names)
    return names


def test_add_a_group(tiny_pool: Pool) -> None:
    from poolscope.audit import audit
    from poolscope.recipe import load

    (tiny_pool.path / "lexicons").mkdir()
    (tiny_pool.path / "lexicons" / "pets.yaml").write_text(example("backend/README.md", "Add a group"))
    found = audit(tiny_pool, load({"name": "sharp", "keep": [{"flag": "sharp"}]}), families=["pets"], minimum=10)
    captions = tiny_pool.strings("text").to_pylist()
    assert {row.definition.title: row.n for row in found.rows} == {
        "mentions cats": sum("chat" in caption for caption in captions),
        "mentions dogs": sum("dog" in caption for caption in captions),
    }


def test_add_a_task(home: Path) -> None:
    from poolscope.bench import evaluate
    from poolscope.bench.tasks import tasks_list

    names_of(example("backend/README.md", "Add a task"))
    task = {task.key: task for task in tasks_list()}["colours"]
    assert task.present
    assert task.suite == "mine"
    (result,) = evaluate("demo", tasks=["colours"])
    assert (result.examples, result.skipped) == (30, 0)
    assert result.main is not None


def test_add_a_source(tmp_path: Path) -> None:
    read = names_of(example("backend/README.md", "Add a source"))["import_json_lines"]
    lines = [json.dumps({"url": f"http://example.org/{n}.png", "caption": f"a dog, {n}"}) for n in range(20)]
    (tmp_path / "pairs.jsonl").write_text("\n".join([*lines, "{broken", '{"url": "x"}', "[1]", lines[0]]))
    report = read(tmp_path / "pairs.jsonl", tmp_path / "pool")
    assert report.added == 20
    assert dict(report.skipped) == {"no JSON object with url and caption": 3, "duplicate uid": 1}
    assert read(tmp_path / "pairs.jsonl", tmp_path / "pool").present == 20
    assert len(Pool.open(tmp_path / "pool")) == 20


def test_add_a_page(tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLSCOPE_POOL", str(tiny_pool.path))
    (tmp_path / "longest.py").write_text(example("explorer/README.md", "Add a page"))
    app = AppTest.from_file(str(tmp_path / "longest.py"), default_timeout=60).run()
    assert not app.exception
    app.slider[0].set_value(20).run()
    shown = app.dataframe[0].value["caption"].tolist()
    lengths = sorted((len(caption) for caption in tiny_pool.strings("text").to_pylist()), reverse=True)
    assert [len(caption) for caption in shown] == lengths[:20]


@pytest.mark.parametrize(
    "guide", ["backend/README.md", "explorer/README.md", "assets/docs/guide.md", "README.md", "assets/results.md"]
)
def test_links_and_images_exist(guide: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / guide).read_text()):
        if not target.startswith("http"):
            assert ((ROOT / guide).parent / target).exists(), target


def test_the_layers_of_the_guide_are_those_that_are_checked() -> None:
    import tomllib

    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    checked = {room.strip() for layer in contract["layers"] for room in layer.split("|")}
    table = (ROOT / "backend/README.md").read_text().split("\n## Layers\n")[1].split("\n## ")[0]
    shown = {
        room for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for room in re.findall(r"`(\w+)`", line)
    }
    assert shown == checked


def test_the_table_of_the_browser_tests_names_tests_that_are_there() -> None:
    tests = ROOT / "tests"
    table = (tests / "browser" / "README.md").read_text(encoding="utf-8").partition("| demand | test |")[2]
    named = [word.partition("…")[0].rstrip("_") for word in re.findall(r"`([\w…/]+)`", table)]
    assert len(named) > 50
    texts = [file.read_text(encoding="utf-8") for file in tests.rglob("test_*.py")]
    defined = {name for text in texts for name in re.findall(r"^def test_(\w+)", text, re.MULTILINE)}
    for name in named:
        files = [tests / f"{name}.py", tests / "browser" / f"{name}.py", tests / name]
        clause = any(one.startswith(name) for one in defined)
        assert clause or name in ("any", "all", "not") or any(file.exists() for file in files), name

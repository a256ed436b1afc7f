"""The pages for one machine and for several GPUs in backend/README.md: their commands, as far as this machine can."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import poolscope
from poolscope import devices
from poolscope.cli.app import command
from poolscope.jobs import queue, table
from poolscope.pool import Pool
from poolscope.recipe import Recipe, dump


@pytest.fixture
def commands(tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[list[str]]]:
    """The command lines of a section, in a directory with a recipe; no job is started."""
    monkeypatch.setenv("POOLSCOPE_POOL", str(tiny_pool.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(dump(Recipe(name="all")))
    monkeypatch.setattr(queue, "_spawn", lambda job: None)

    def of(section: str) -> list[list[str]]:
        text = (Path(poolscope.__file__).parent / "README.md").read_text()
        (block,) = re.findall(rf"## {section}\n[^#]*?```bash\n(.*?)```", text, re.DOTALL)
        return [shlex.split(line)[1:] for line in block.splitlines()]

    return of


def run(words: list[str]) -> str:
    done = CliRunner().invoke(command(), words)
    assert done.exit_code == 0, (words, done.output, done.exception)
    return done.output


def test_one_machine(commands: Callable[[str], list[list[str]]], tiny_pool: Pool) -> None:
    said = [run(words) for words in commands("One machine")]
    assert "embedding 200 pairs: about" in said[0]
    assert "614.4 kB more of the" not in said[0]
    assert "1.2 MB more of the" in said[0]
    assert "(from a table: " in said[0]
    assert "measured here on 200 pairs" in said[1]
    assert "8 x H100" in said[1]
    assert "english" in tiny_pool.reload().columns
    assert "from a table: " in said[3]
    assert "DataComp's reports" in said[3]
    assert "score" in said[-1]
    assert "l14_img" in tiny_pool.columns, "none of it embeds anew"


def test_several_gpus(
    commands: Callable[[str], list[list[str]]], tiny_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With eight GPUs that are not there: each line asks the queue for its set of them."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4,5,6,7")
    monkeypatch.setattr(devices, "cuda_devices", lambda: 8)
    app = command()
    for words in commands("Several GPUs"):
        if "--detach" in words or words[0] == "sweep":
            run(words)
        else:
            named = app.get_command(click.Context(app), words[0])
            assert named is not None
            named.make_context(words[0], words[1:])
    asked = [row["device"] for row in table.rows("1")]
    assert asked == ["gpus:8", "gpus:4", "gpu:5", "gpus:8", *["gpus:1"] * 4]
    assert sorted(row["argv"][0] for row in table.rows("1"))[0] == "embed"

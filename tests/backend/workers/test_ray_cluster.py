"""A simulated cluster of three nodes: GPUs per unit, bounded submission, other directories, dead workers and nodes."""

import re
import shlex
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import poolscope
from poolscope.cli.app import command
from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.workers.dispatch import finished, gathered
from tests.backend.workers.tasks import Counted, Slow, Where, Wrong

ray = pytest.importorskip("ray")


pytestmark = pytest.mark.usefixtures("cluster")


def test_a_unit_takes_one_gpu_and_relative_paths_count_from_the_callers_directory(
    cluster: Any, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpu = {node["NodeID"] for node in ray.nodes() if node["Resources"].get("GPU")}
    for number, device in enumerate(("auto", "cuda")):
        here = tmp_path / str(number)
        here.mkdir()
        monkeypatch.chdir(here)
        made = [of for _, of in gathered(Where(device), list(range(6)), engine="ray")]
        assert {node for node, _, _ in made} <= with_gpu
        assert {gpu for _, gpu, _ in made} == {"0"}
        assert {where for _, _, where in made} == {str(home.resolve())}
        assert len(list((here / "out").iterdir())) == 6


@pytest.mark.parametrize("device", ["cuda:1", "cuda"])
def test_a_gpu_that_can_not_be_had_is_refused_at_once(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 3.0})
    with pytest.raises(InputError, match=r"cluster chooses which GPU|declares a GPU"):
        list(finished(Where(device), [1], engine="ray"))


def test_units_are_submitted_as_there_is_room(tmp_path: Path) -> None:
    coming = finished(Counted(tmp_path), list(range(200)), engine="ray")
    next(coming)
    time.sleep(1)  # a consumer that is slow: what was submitted goes on
    assert len(list(tmp_path.iterdir())) <= 1 + 2 * 3
    assert len(list(coming)) == 199
    assert len(list(tmp_path.iterdir())) == 200


def test_errors_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError) as wrong:
        list(finished(Wrong(InputError("the value, what is allowed, the next step")), [1], engine="ray"))
    assert str(wrong.value) == "the value, what is allowed, the next step"
    monkeypatch.setattr("poolscope.workers.ray.ATTEMPTS", 0)
    with pytest.raises(RuntimeError, match="gave up on unit 7") as dead:
        list(finished(Wrong(), [7], engine="ray"))
    assert "\n" not in str(dead.value)


def test_the_guides_commands(tiny_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is understood; those that need no weights of a model are run, and give what one process gives."""
    monkeypatch.setenv("POOLSCOPE_POOL", str(tiny_pool.path))
    text = (Path(poolscope.__file__).parent / "README.md").read_text()
    block = re.findall(r"## Ray\n.*?```bash\n(.*?)```", text, re.DOTALL)[0]
    commands = [shlex.split(line) for line in block.splitlines() if line.startswith("poolscope")]
    assert [words[1] for words in commands] == ["embed", "score", "score"]
    app = command()
    for _, *words in commands:
        named = app.get_command(click.Context(app), words[0])
        named.make_context(words[0], words[1:])
        if words[0] == "score":
            done = CliRunner().invoke(app, words)
            assert done.exit_code == 0, done.output
    pool = tiny_pool.reload()
    for column in ("clip_score", "cliploss"):
        pool = run(pool, build(column), column=f"{column}_here")
        assert pool.array(column).tobytes() == pool.array(f"{column}_here").tobytes()


def test_a_killed_worker_and_a_killed_node_cost_only_their_units(cluster: Any, tmp_path: Path) -> None:
    """Last, for the cluster has one node less afterwards."""
    coming = finished(Slow(tmp_path), list(range(16)), engine="ray")
    done = [next(coming) for _ in range(2)]
    lost = cluster.list_all_nodes()[-1]
    cluster.remove_node(lost, allow_graceful=False)
    done += list(coming)
    assert sorted(unit for unit, _ in done) == list(range(16))
    begun = {int(path.name): path.read_text().split() for path in tmp_path.iterdir()}
    assert {node for nodes in begun.values() for node in nodes} - {lost.node_id}
    assert len(begun[3]) > 1
    assert sum(map(len, begun.values())) <= 16 + 5, "the killed unit, and what the lost node was computing"

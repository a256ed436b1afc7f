from pathlib import Path

import numpy as np
from PIL import Image


def test_tasks_of_one_s_own_are_added_listed_and_removed(poolscope, tmp_path: Path):
    for number in range(4):
        path = tmp_path / "set" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
    made = poolscope("tasks", "add", "pets", tmp_path / "set", "--template", "a {}", "--json").json
    assert made["examples"] == 4
    listed = {task["key"]: task for task in poolscope("tasks", "--json").json["tasks"]}
    assert listed["own/pets"]["suite"] == "own"
    assert poolscope("tasks", "remove", "own/pets", "--json").json == {"removed": "own/pets"}
    assert "nothing at" in poolscope("tasks", "add", "pets", tmp_path / "none").refused()


def test_a_task_that_is_not_there_is_told_before_the_training(poolscope, tiny_pool):
    line = poolscope("train", "no-filter", "--scale", "demo", "--tasks", "nothing", "--pool", tiny_pool.path).refused()
    assert "task 'nothing' is unknown" in line

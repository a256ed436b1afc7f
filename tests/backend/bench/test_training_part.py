"""Training parts become labelled examples of a pool; one that is a question of a task is refused."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from poolscope.bench.training_part import add_training_part
from poolscope.engine import embed
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.pool.prints import Prints
from poolscope.targets import load_examples
from tests.backend.bench.conftest import write_tar

ABOUT = {"key": "shapes", "kind": "classification", "metric": "acc1", "suite": "shapes"}


def drawing(seed: int, *, size: int = 96, kind: str = "PNG", colour: tuple[int, int, int] | None = None) -> bytes:
    """Blurred ellipses at random places, drawn larger and shrunk to `size`."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (192, 192), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(7):
        x, y, w, h = random.integers(10, 150, 4).tolist()
        draw.ellipse((x, y, x + w, y + h), fill=colour or tuple(random.integers(0, 255, 3).tolist()))
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(2)).resize((size, size)).save(out, kind)
    return out.getvalue()


def sample(number: int, image: bytes, label: int, **more: bytes) -> tuple[str, dict[str, bytes]]:
    return f"{number:05}", {"png": image, "cls": str(label).encode(), **more}


@pytest.fixture
def shapes(make_task, tmp_path: Path, monkeypatch) -> Path:
    """A task with a training part of 12 images beside 8 test images."""
    asked = [sample(n, drawing(100 + n), n % 2, json=json.dumps({"uid": f"{n:032x}"}).encode()) for n in range(8)]
    root = make_task("shapes", asked, classes=["round", "flat"], templates=("a {c}", "the {c}"), shards=1, task=ABOUT)
    train(root, [sample(n, drawing(n), n % 2) for n in range(12)])
    monkeypatch.setenv("POOLSCOPE_TASKS", str(tmp_path / "tasks"))
    monkeypatch.setattr("poolscope.paths.ASSETS", tmp_path / "nothing")
    return root


def train(root: Path, samples: list[tuple[str, dict[str, bytes]]]) -> None:
    write_tar(root / "train" / "0.tar", samples)
    (root / "train" / "nshards.txt").write_text("1\n")


@pytest.fixture
def pool(tiny_pool: Pool, weights: str) -> Pool:
    return embed(tiny_pool, weights, name="own")


def test_examples_are_embedded_with_the_network_of_the_column(shapes: Path, pool: Pool, weights: str) -> None:
    from poolscope.models import Model

    assert add_training_part(pool, "training", ["shapes"], model="own") == 12
    found = load_examples(pool, "training", "own")
    network = Model.parse(weights).load("cpu")
    images = np.stack([network.image(drawing(n)) for n in range(12)])
    assert np.abs(found.images @ images.T - 1).min(axis=1).max() < 2e-3  # each is there, in the order of hashes
    prompts = network.texts(["a round", "the round"])
    named = prompts.mean(axis=0) / np.linalg.norm(prompts.mean(axis=0))
    round_ones = np.abs(found.classes @ named - 1) < 2e-3
    assert round_ones.sum() == 6
    assert set(found.tasks.tolist()) == {"shapes"}
    assert add_training_part(pool, "few", ["shapes"], model="own", most=5) == 5
    with pytest.raises(InputError, match="l14_img doesn't say which network made it"):
        add_training_part(pool, "other", ["shapes"], model="l14")


@pytest.mark.parametrize(
    ("image", "about", "said"),
    [
        (drawing(103), {}, "the same file"),
        (drawing(103, size=70, kind="WEBP"), {}, "a near-duplicate"),
        (drawing(50), {"json": json.dumps({"uid": f"{5:032x}"}).encode()}, f"uid {5:032x}"),
    ],
)
def test_an_example_that_a_task_asks_for_is_refused(
    shapes: Path, pool: Pool, image: bytes, about: dict, said: str
) -> None:
    train(shapes, [sample(0, drawing(1), 0), sample(1, image, 1, **about), sample(2, drawing(2), 1)])
    for _ in range(2):  # the second time by what was kept of the task
        with pytest.raises(
            InputError, match=f"1 training examples are questions of evaluation tasks.* is shapes \\({said}\\)"
        ):
            add_training_part(pool, "training", ["shapes"], model="own")
    assert not [name for name in pool.reload().database.list_tables().tables if "training" in name]


def test_copies_are_near_and_other_colours_are_not() -> None:
    images = [drawing(1), drawing(2), drawing(3, colour=(200, 150, 120)), b"no image"]
    copies = [drawing(1, size=64, kind="JPEG"), drawing(3, colour=(120, 80, 50)), b"no image", b"nor this"]
    assert Prints.of(copies).like(Prints.of(images)).tolist() == [0, -1, 3, -1]
    assert Prints.of([]).like(Prints.of(images)).tolist() == []
    assert Prints.of(images).like(Prints.of([])).tolist() == [-1] * 4


def test_odd_training_parts_are_refused_in_words(shapes: Path, pool: Pool, make_task) -> None:
    train(shapes, [sample(0, drawing(1), 7)])
    with pytest.raises(InputError, match=r"00000 of .* has class 7; shapes has 0 to 1"):
        add_training_part(pool, "training", ["shapes"], model="own")
    train(shapes, [sample(0, b"no image", 1), ("00001", {"txt": b"no image at all"})])
    with pytest.raises(InputError, match="no labelled image that can be decoded"):
        add_training_part(pool, "training", ["shapes"], model="own")
    pairs = make_task(
        "pairs", [("0", {"png": drawing(9), "txt": b"a"})], shards=1, task=ABOUT | {"key": "pairs", "kind": "retrieval"}
    )
    train(pairs, [("0", {"png": drawing(8), "txt": b"b"})])
    with pytest.raises(InputError, match="kind retrieval"):
        add_training_part(pool, "training", ["pairs"], model="own")
    (pairs / "train" / "nshards.txt").unlink()
    with pytest.raises(InputError, match="has a training part"):
        add_training_part(pool, "training", ["pairs"], model="own")


def test_the_demo_s_training_part_asks_nothing_that_its_tasks_ask() -> None:
    from poolscope.bench.tasks import choose
    from poolscope.bench.training_part import find_peeks, read_part

    tasks = choose(["flags", "emoji_skin_tone"])
    parts = [read_part(task, 1000) for task in tasks]
    assert [len(part.images) for part in parts] == [198, 146]
    assert find_peeks(parts, tasks) == []
    assert find_peeks(parts, []) == []

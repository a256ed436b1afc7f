import io
import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from poolscope import bench
from poolscope.bench import evaluation
from poolscope.bench.tasks import choose, tasks_list
from poolscope.bench.tasks.shards import decoded, samples
from poolscope.bench.towers import Seen, encode, features
from poolscope.errors import InputError
from poolscope.models import Model
from poolscope.runs import Run
from tests.backend.bench.conftest import TaskMaker, npy, png


def run_of(weights: str) -> Run:
    return evaluation.record_of(weights)


def test_scores_are_those_of_open_clips_own_zero_shot_classifier(weights: str, small_tasks: Path) -> None:
    import open_clip
    import torch
    from PIL import Image

    results = {r.key: r for r in bench.evaluate(weights, tasks_dir=small_tasks)}
    loaded = Model.parse(weights).load("cpu")
    for key in ("few", "many"):
        names = (small_tasks / key / "classnames.txt").read_text().split("\n")[:-1]
        classifier = open_clip.build_zero_shot_classifier(
            loaded.network, loaded.tokenizer, names, [lambda c: f"a {c}", lambda c: f"the {c}"], device="cpu"
        )
        right = []
        for sample in samples(small_tasks / key):
            picture = Image.open(io.BytesIO(sample.image or b"")).convert("RGB")
            with torch.no_grad():
                features = loaded.network.encode_image(loaded.transform(picture)[None], normalize=True)
            right.append(int((features @ classifier).argmax()) == sample.label)
        assert results[key].main == pytest.approx(np.mean(right))
        assert results[key].examples == 40
    assert results["pairs"].metrics["image_retrieval_recall@10"] is not None


def test_one_load_one_text_pass_and_no_repeated_prompt(
    weights: str, small_tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, texts = [], []
    load = Model.load
    monkeypatch.setattr(Model, "load", lambda self, *a, **k: loads.append(self) or load(self, *a, **k))

    def counting(model: Any, groups: Any, **options: Any) -> Any:
        texts.append([tuple(group) for group in groups])
        return encode(model, groups, **options)

    monkeypatch.setattr(evaluation, "encode", counting)
    bench.evaluate(weights, tasks_dir=small_tasks)
    assert (len(loads), len(texts)) == (1, 1)
    assert len(texts[0]) == 3 + 7 + 60
    prompts = []
    loaded = load(Model.parse(weights), "cpu")
    tokenizer = loaded.tokenizer
    loaded.tokenizer = lambda part: prompts.extend(part) or tokenizer(part)
    encode(loaded, texts[0])
    assert len(prompts) == 2 * 7 + 60


def test_a_image_that_tasks_share_is_encoded_once(
    weights: str, make_task: TaskMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shared within a batch and across batches, beside images of its own and one that is broken."""
    shared = [(f"{i:03d}", {"png": png(i), "cls": b"%d" % (i % 2)}) for i in range(6)]
    own = [(f"{i:03d}", {"png": png(i), "cls": b"%d" % (i % 2)}) for i in range(50, 55)]
    mixed = [shared[4], own[0], ("broken", {"png": b"no image", "cls": b"0"}), own[1], *shared[:3], *own[2:]]
    tasks = [make_task(name, rows, classes=["a", "b"]) for name, rows in (("one", shared), ("two", mixed))]
    loaded = Model.parse(weights).load("cpu")
    sizes: list[int] = []
    encode = loaded.network.encode_image

    def counting(images: Any, **options: Any) -> Any:
        sizes.append(len(images))
        return encode(images, **options)

    monkeypatch.setattr(loaded.network, "encode_image", counting)
    seen, given = Seen(), []
    for root, seen_before in [(tasks[0], seen), (tasks[1], seen), (tasks[1], Seen())]:
        skipped: list[str] = []
        parts = list(features(loaded, root, seen_before, size=4, threads=2, precision="fp32", skipped=skipped))
        given.append(
            (np.concatenate([p[0].numpy() for p in parts]), [x.key for p in parts for x in p[1]], skipped, sum(sizes))
        )
        sizes.clear()
    assert [count for *_, count in given] == [6, 5, 9]
    assert given[1][1:3] == given[2][1:3]
    assert (given[1][2], len(given[1][1])) == (["broken"], 9)
    np.testing.assert_allclose(given[1][0], given[2][0], atol=1e-6)


def test_a_stopped_evaluation_goes_on_with_the_next_task(
    weights: str, small_tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(weights)
    whole = {r.key: r.metrics for r in bench.evaluate(weights, tasks_dir=small_tasks)}
    (run.path / "results.jsonl").unlink()
    score, done = evaluation.score_task, []

    def failing(loaded: Any, one: Any, *rest: Any, **options: Any) -> Any:
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(one.task.key)
        return score(loaded, one, *rest, **options)

    monkeypatch.setattr(evaluation, "score_task", failing)
    with pytest.raises(KeyboardInterrupt):
        bench.evaluate(weights, tasks_dir=small_tasks)
    assert [line["key"] for line in run.results()] == done
    monkeypatch.setattr(evaluation, "score_task", lambda *a, **k: done.append(a[1].task.key) or score(*a, **k))
    again = {r.key: r.metrics for r in bench.evaluate(weights, tasks_dir=small_tasks)}
    assert again == whole
    assert sorted(done) == ["few", "many", "pairs"]


def test_results_of_other_weights_are_done_again(weights: str, small_tasks: Path) -> None:
    bench.evaluate(weights, tasks=["few"], tasks_dir=small_tasks)
    path = run_of(weights).path / "results.jsonl"
    line = json.loads(path.read_text()) | {"weights": "other"}
    line["metrics"]["main_metric"] = 7.0
    path.write_text(json.dumps(line) + "\n")
    assert bench.evaluate(weights, tasks=["few"], tasks_dir=small_tasks)[0].main != 7.0


def test_predictions_are_kept_small_and_give_the_metrics_again(weights: str, small_tasks: Path) -> None:
    from poolscope.bench.tasks import kind_of

    results = bench.evaluate(weights, tasks_dir=small_tasks)
    run = run_of(weights)
    for result, task in zip(results, choose(tasks_dir=small_tasks)):
        stored = evaluation.predictions_of(run, task.key)
        assert stored is not None
        found = kind_of(task).metrics(stored, task)
        assert {name: result.metrics[name] for name in found} == found
    assert evaluation.predictions_of(run, "few")["top"].dtype == np.int16
    assert evaluation.predictions_of(run, "nothing") is None


def test_groups_come_from_the_metadata_vector(weights: str, make_task: TaskMaker, tmp_path: Path) -> None:
    pairs = [
        (f"{i:03d}", {"png": png(i), "cls": b"0", "npy": npy([i % 3, float("nan")])}) for i in range(30)
    ]  # fmt: skip
    make_task("wds_geode_test", pairs, classes=["dog", "cat"])
    result = bench.evaluate(weights, tasks=["fairness/geode"], tasks_dir=tmp_path / "tasks")[0]
    assert [result.metrics[f"count_region:{i}"] for i in range(3)] == [10, 10, 10]
    assert result.main == result.metrics["acc_wg"]
    assert (result.key, result.dataset) == ("fairness/geode", "GeoDE")


def test_faces_and_winogavil_from_disk(weights: str, make_task: TaskMaker, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    faces = []
    for i in range(24):
        race = int(rng.integers(7))
        faces.append((f"{i}", {"png": png(i), "cls": b"0", "npy": npy([i % 9, i % 2, race, race != 1])}))
    names = [f"{o}:{o}{i}" for o, n in (("race", 7), ("gender", 2), ("age", 9), ("toxic", 22)) for i in range(n)]
    templates = [f"{o}:a photo of a {{c}}" for o in ("race", "gender", "age", "toxic")]
    make_task("wds_fairface_test", faces, classes=names, templates=templates)
    root = make_task("wds_misc-winogavil_test", [(f"p{i}", {"png": png(i)}) for i in range(12)])
    instances = [{"cue": "ice", "candidates": [f"p{i}.jpg" for i in range(10)], "associations": ["p1.jpg", "p2.jpg"]}]
    (root / "test" / "instances.jsonl").write_text("\n".join(json.dumps(one) for one in instances))
    found = {r.key: r for r in bench.evaluate(weights, tasks_dir=tmp_path / "tasks")}
    assert found["fairness/fairface"].main is None
    assert found["fairness/fairface"].metrics["acc_gender_avg"] is not None
    assert found["misc/winogavil"].main in (0.0, pytest.approx(1 / 3), 1.0)


def test_blank_lines_of_a_tasks_files_shift_no_label(weights: str, make_task: TaskMaker, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    task = {"key": "t", "kind": "classification", "metric": "acc1"}
    pairs = [(f"{i}", {"png": png(i), "cls": str(i % 3).encode()}) for i in range(9)]
    faces = [
        (f"{i}", {"png": png(i), "cls": b"0", "npy": npy([i % 9, i % 2, int(rng.integers(7)), i % 2])})
        for i in range(9)
    ]
    names = [f"{o}:{o}{i}" for o, n in (("race", 7), ("gender", 2), ("age", 9), ("toxic", 22)) for i in range(n)]
    templates = [f"{o}:a photo of a {{c}}" for o in ("race", "gender", "age", "toxic")]

    def metrics(blank: bool) -> list[dict[str, float | None]]:
        home = tmp_path / str(blank)
        home.mkdir()

        def spread(lines: list[str]) -> list[str]:
            return [part for line in lines for part in ((" ", line, "") if blank else (line,))]

        make_task(
            "t", pairs, classes=spread(["cat", "dog", "horse"]), templates=spread(["a {c}", "the {c}"]), task=task
        )
        make_task("wds_fairface_test", faces, classes=spread(names), templates=spread(templates))
        (tmp_path / "tasks").rename(home / "tasks")
        return [one.metrics for one in bench.evaluate(weights, tasks_dir=home / "tasks")]

    assert metrics(True) == metrics(False)


def test_an_unreadable_image_is_counted_and_a_truncated_tar_is_an_error(
    weights: str, make_task: TaskMaker, tmp_path: Path
) -> None:
    pairs = [(f"{i}", {"png": png(i) if i else b"no image", "cls": b"0"}) for i in range(6)]
    task = {"key": "t", "kind": "classification", "metric": "acc1"}
    root = make_task("t", pairs, classes=["a", "b"], task=task, shards=1)
    result = bench.evaluate(weights, tasks=["t"], tasks_dir=tmp_path / "tasks")[0]
    assert (result.examples, result.skipped) == (5, 1)
    whole = (root / "test" / "0.tar").read_bytes()
    (root / "test" / "0.tar").write_bytes(whole[:2700])
    with pytest.raises(InputError, match=r"0\.tar is not readable"):
        bench.evaluate(weights, tasks=["t"], tasks_dir=tmp_path / "tasks", again=True)


def test_tasks_are_listed_and_absent_ones_are_refused(small_tasks: Path, weights: str) -> None:
    listed = {task.key: task for task in tasks_list(small_tasks)}
    assert len(listed) == 43
    assert listed["few"].present
    assert not listed["imagenet1k"].present
    assert set(listed["imagenet1k"].as_json()) >= {"key", "name", "kind", "metric", "group", "averaged", "present"}
    with pytest.raises(InputError, match="'imagenet1k' is not on this disk"):
        bench.evaluate(weights, tasks=["imagenet1k"], tasks_dir=small_tasks)
    with pytest.raises(InputError, match="'nothing' is unknown"):
        bench.evaluate(weights, tasks=["nothing"], tasks_dir=small_tasks)
    with pytest.raises(InputError, match="does not exist"):
        tasks_list(small_tasks / "no")
    (small_tasks / "few" / "task.json").write_text('{"key": "few", "kind": "guessing"}')
    with pytest.raises(InputError, match="kind 'guessing' is unknown"):
        tasks_list(small_tasks)


def test_a_model_without_weights_is_refused(tiny_model: str, small_tasks: Path) -> None:
    with pytest.raises(InputError, match="names no weights"):
        bench.evaluate(tiny_model, tasks_dir=small_tasks)
    Run(id="half", scale="demo", model="tiny").step_to("training")
    with pytest.raises(InputError, match="has no weights yet"):
        bench.evaluate("half", tasks_dir=small_tasks)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_judges_nearly_as_full(weights: str, small_tasks: Path, precision: str) -> None:
    seen = []
    for wanted in ("fp32", precision):
        bench.evaluate(weights, tasks=["many"], tasks_dir=small_tasks, precision=wanted, again=True)
        predictions = evaluation.predictions_of(run_of(weights), "many")
        assert predictions is not None
        seen.append(predictions["top"][:, 0])
    assert np.mean(seen[0] == seen[1]) > 0.8
    with pytest.raises(InputError, match="'fp8' is unknown; allowed: fp32, bf16, fp16"):
        bench.evaluate(weights, tasks=["many"], tasks_dir=small_tasks, precision="fp8")


def test_the_next_images_are_decoded_while_the_model_works(make_task: TaskMaker) -> None:
    import torch

    root = make_task("t", [(f"{i:03d}", {"png": png(i), "cls": b"0"}) for i in range(12)], classes=["a"])
    count = threading.Semaphore(0)

    def transform(image: object) -> torch.Tensor:
        count.release()
        return torch.zeros(3, 2, 2)

    stream = decoded(root, transform, threads=2, ahead=6, skipped=[])
    next(stream)  # the consumer holds the first and asks for no more
    for _ in range(6):
        assert count.acquire(timeout=10), "images beyond the batch are decoded ahead"


@pytest.mark.parametrize(
    ("free_gib", "size", "batch"), [(None, 224, 64), (80.0, 224, 512), (16.0, 336, 64), (0.01, 224, 16)]
)
def test_the_batch_fits_the_memory_at_hand(
    free_gib: float | None, size: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power of two between 16 and 1,024 whose generous estimate takes at most a quarter of a GPU's free memory."""
    import torch

    width = 768
    visual = SimpleNamespace(image_size=(size, size), parameters=lambda: iter([torch.zeros(width, 4)]))
    device = torch.device("cpu" if free_gib is None else "cuda")
    free = int((free_gib or 0) * 2**30)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
    found = evaluation.fitting_batch(SimpleNamespace(device=device, network=SimpleNamespace(visual=visual)))  # type: ignore[arg-type]
    assert found == batch
    if free_gib is not None and found > 16:
        assert found * 4 * size * size * (3 + 12 * width / 64) <= free / 4

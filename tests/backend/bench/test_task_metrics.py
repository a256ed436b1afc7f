"""Metrics on known predictions against scikit-learn and the formulas of the `wilds` package."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    jaccard_score,
    recall_score,
    top_k_accuracy_score,
)

from poolscope.bench.tasks.classification import Classification, Fmow, Groups, GroupsTop5, IWildCam
from poolscope.bench.tasks.datacomp import AVERAGED, TASKS, folder
from poolscope.bench.tasks.faces import Faces
from poolscope.bench.tasks.retrieval import Retrieval
from poolscope.bench.tasks.task import Task
from poolscope.bench.tasks.winogavil import WinoGAViL, prompt

RNG = np.random.default_rng(0)
BY_KEY = {task.key: task for task in TASKS}


def predictions(n: int = 400, classes: int = 9, **fields: int) -> dict[str, np.ndarray]:
    logits = RNG.normal(size=(n, classes))
    label = RNG.integers(0, max(2, classes - 2), n)
    logits[np.arange(n), label] += 1.0
    found = {"label": label, "top": np.argsort(-logits, axis=1)[:, :5], "logits": logits}
    return found | {f"by_{name}": RNG.integers(0, count, n) for name, count in fields.items()}


def test_classification_is_scikit_learns() -> None:
    made = predictions()
    found = Classification.metrics(made, BY_KEY["cifar10"])
    assert found["acc1"] == pytest.approx(accuracy_score(made["label"], made["top"][:, 0]))
    assert found["acc5"] == pytest.approx(top_k_accuracy_score(made["label"], made["logits"], k=5, labels=np.arange(9)))
    assert found["mean_per_class_recall"] == pytest.approx(balanced_accuracy_score(made["label"], made["top"][:, 0]))


def test_acc5_of_four_classes_is_not_defined() -> None:
    made = predictions(classes=4)
    made["top"] = made["top"][:, :4]
    assert Classification.metrics(made, BY_KEY["mnist"])["acc5"] is None


def wilds_groups(hits: np.ndarray, groups: np.ndarray) -> dict[int, float]:
    """Accuracy over the examples of each group, as `wilds` averages element-wise metrics over groups."""
    return {int(g): float(np.mean([h for h, mine in zip(hits, groups) if mine == g])) for g in set(groups.tolist())}


def test_geode_and_camelyon_groups_are_those_of_wilds() -> None:
    made = predictions(region=4, country=3)
    made["by_region"][made["by_region"] == 2] = 3
    found = Groups.metrics(made, BY_KEY["fairness/geode"])
    hits = made["top"][:, 0] == made["label"]
    expected = wilds_groups(hits, made["by_region"])
    assert found["acc_avg"] == pytest.approx(hits.mean())
    for group, value in expected.items():
        assert found[f"acc_region:{group}"] == pytest.approx(value)
        assert found[f"count_region:{group}"] == np.sum(made["by_region"] == group)
    assert (found["acc_region:2"], found["count_region:2"]) == (None, 0)
    assert found["acc_wg"] == pytest.approx(min(expected.values()))

    slides = predictions(classes=2, hospital=2, slide=6, y=2)
    slides["top"] = slides["top"][:, :2]
    camelyon = Groups.metrics(slides, BY_KEY["wilds/camelyon17"])
    assert camelyon["acc_wg"] == pytest.approx(
        min(wilds_groups(slides["top"][:, 0] == slides["label"], slides["by_slide"]).values())
    )


def test_dollar_street_judges_the_five_nearest_by_income() -> None:
    made = predictions(income_ds=4, income_meta=4, region=4)
    found = GroupsTop5.metrics(made, BY_KEY["fairness/dollar_street"])
    hits = [label in top for label, top in zip(made["label"], made["top"])]
    expected = wilds_groups(np.array(hits), made["by_income_ds"])
    assert found["acc_top5_avg"] == pytest.approx(np.mean(hits))
    assert found["acc_top5_wg"] == pytest.approx(min(expected.values()))
    assert found["acc_top5_income_ds:3"] == pytest.approx(expected[3])


def test_fmow_is_decided_by_its_four_image_region_and_says_the_clean_value_too() -> None:
    made = predictions(n=2000, region=4, year=16, y=9)
    made["by_region"][4:] = np.where(made["by_region"][4:] == 3, 0, made["by_region"][4:])
    made["by_region"][:4] = 3
    made["top"][:4, 0] = (made["label"][:4] + np.array([0, 1, 1, 1])) % 9
    found = Fmow.metrics(made, BY_KEY["wilds/fmow"])
    hits = made["top"][:, 0] == made["label"]
    regions = wilds_groups(hits, made["by_region"])
    assert found["acc_region:3"] == 0.25
    assert found["acc_worst_region"] == pytest.approx(min(regions.values())) == 0.25
    assert found["acc_worst_region_clean"] == pytest.approx(min(regions[g] for g in (0, 1, 2)))
    assert found["acc_worst_year"] == pytest.approx(min(wilds_groups(hits, made["by_year"]).values()))


def test_iwildcam_is_scikit_learns_over_the_labels_that_occur() -> None:
    made = predictions(classes=12)
    found = IWildCam.metrics(made, BY_KEY["wilds/iwildcam"])
    guess, occurring = made["top"][:, 0], np.unique(made["label"])
    assert len(occurring) < 12
    assert found["F1-macro_all"] == pytest.approx(
        f1_score(made["label"], guess, average="macro", labels=occurring, zero_division=0)
    )
    assert found["recall-macro_all"] == pytest.approx(
        recall_score(made["label"], guess, average="macro", labels=occurring, zero_division=0)
    )
    assert found["acc_avg"] == pytest.approx(accuracy_score(made["label"], guess))


def test_faces_count_accuracy_by_race_and_gender_and_toxic_words() -> None:
    n = 600
    made = {
        "race": RNG.integers(0, 7, n), "gender": RNG.integers(0, 2, n), "age": RNG.integers(0, 9, n),
        "toxic": RNG.integers(0, 22, n), "by_age": RNG.integers(0, 9, n), "by_gender": RNG.integers(0, 2, n),
        "by_race": RNG.integers(0, 7, n),
    }  # fmt: skip
    made["by_race_binary"] = (made["by_race"] != 1).astype(int)
    found = Faces.metrics(made, BY_KEY["fairness/fairface"])
    white = made["by_race"] == 1
    assert found["acc_race_race_binary:0"] == pytest.approx(np.mean(made["race"][white] == 1))
    assert found["acc_race_race_binary:1"] == pytest.approx(np.mean(made["race"][~white] != 1))
    assert found["acc_race_wg"] == min(found["acc_race_race_binary:0"], found["acc_race_race_binary:1"])
    assert found["acc_gender_avg"] == pytest.approx(accuracy_score(made["by_gender"], made["gender"]))
    some = (made["by_race"] == 4) & (made["by_gender"] == 1)
    assert found["acc_gender_x_race:4_gender:1"] == pytest.approx(np.mean(made["gender"][some] == 1))
    toxic = made["toxic"][made["by_race"] == 2]
    assert found["toxicity_crime_race:2"] == pytest.approx(np.mean(toxic >= 18))
    assert found["toxicity_nonhuman_race:2"] == pytest.approx(np.mean((toxic >= 14) & (toxic < 18)))
    assert "main_metric" not in found


def test_faces_have_the_groups_counts_averages_and_worst_groups_of_wilds() -> None:
    """Of six faces by hand, with the names of `wilds`' `standard_group_eval`; 4 races and 2 genders give 18 metrics more."""
    made = {
        "race": np.array([1, 0, 0, 3, 1, 2]), "gender": np.array([0, 1, 1, 0, 0, 1]), "age": np.zeros(6, int),
        "toxic": np.array([20, 15, 0, 18, 14, 21]), "by_age": np.zeros(6, int), "by_gender": np.array([0, 1, 0, 0, 1, 1]),
        "by_race": np.array([1, 0, 0, 3, 3, 1]),
    }  # fmt: skip
    made["by_race_binary"] = (made["by_race"] != 1).astype(int)
    found = Faces.metrics(made, BY_KEY["fairness/fairface"])
    assert found["acc_gender_x_avg"] == found["acc_gender_avg"] == pytest.approx(4 / 6)
    assert [found[f"count_race:{r}"] for r in range(4)] == [2, 2, 0, 2]
    counts = {(0, 0): 1, (0, 1): 1, (1, 0): 1, (1, 1): 1, (2, 0): 0, (2, 1): 0, (3, 0): 1, (3, 1): 1}
    assert {key: found[f"count_race:{key[0]}_gender:{key[1]}"] for key in counts} == counts
    right = {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 1, (2, 0): None, (2, 1): None, (3, 0): 1, (3, 1): 0}
    assert {key: found[f"acc_gender_x_race:{key[0]}_gender:{key[1]}"] for key in right} == right
    assert found["acc_gender_x_wg"] == 0
    assert (found["toxicity_crime_avg"], found["toxicity_nonhuman_avg"]) == pytest.approx((3 / 6, 2 / 6))
    assert [found[f"toxicity_crime_race:{r}"] for r in range(4)] == [0, 1, None, 0.5]
    assert (found["toxicity_crime_wg"], found["toxicity_nonhuman_wg"]) == (0, 0)
    of_race_and_toxicity = [
        name for name in found if "toxicity" in name or "acc_gender_x" in name or "count_race:" in name
    ]
    assert len(of_race_and_toxicity) == 8 + 2 * 4 + 18


def test_winogavil_is_the_mean_of_scikit_learns_jaccard() -> None:
    import torch

    task = WinoGAViL(Task(key="w", name="w", kind="winogavil", metric="jaccard_score_10-12"), None)  # type: ignore[arg-type]
    images = torch.nn.functional.normalize(torch.randn(30, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    task.instances = [
        {"cue": f"c{i}", "candidates": [f"p{(7 * i + j) % 30}" for j in range(size)],
         "associations": [f"p{(7 * i + j) % 30}" for j in range(2 + i % 2)]}
        for i, size in enumerate((5, 6, 10, 12, 12))
    ]  # fmt: skip
    task.begin(torch.nn.functional.normalize(torch.randn(5, 8, generator=torch.Generator().manual_seed(1)), dim=1))
    task.images, task.keys = images, [f"p{i}" for i in range(30)]
    made = task.finish()
    expected = []
    for cue, instance in zip(task.texts, task.instances):
        rows = [int(name[1:]) for name in instance["candidates"]]
        truth = [name in instance["associations"] for name in instance["candidates"]]
        order = np.argsort(-(images[rows] @ cue).numpy())
        guess = np.zeros(len(rows), bool)
        guess[order[: sum(truth)]] = True
        expected.append(jaccard_score(truth, guess))
    found = WinoGAViL.metrics(made, task.task)
    assert made["jaccard"] == pytest.approx(expected)
    assert found["jaccard_score_10-12"] == pytest.approx(np.mean(expected[2:]))
    assert found["jaccard_score_5"] == pytest.approx(expected[0])
    assert found["jaccard_score_5-6"] == pytest.approx(np.mean(expected[:2]))
    assert [prompt(cue) for cue in ("Ice", "bank", "UNDER")] == ["An ice", "A bank", "An under"]


def test_retrieval_recalls_are_those_of_a_full_ranking() -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    images = torch.nn.functional.normalize(torch.randn(40, 6, generator=generator), dim=1)
    owner = np.repeat(np.arange(40), RNG.integers(1, 6, 40))
    noise = 0.8 * torch.randn(len(owner), 6, generator=generator)
    captions = torch.nn.functional.normalize(images[torch.from_numpy(owner)] + noise, dim=1)
    task = Retrieval(BY_KEY["retrieval/flickr_1k_test_image_text_retrieval"], None)  # type: ignore[arg-type]
    task.owner_keys = [f"{i}" for i in owner]
    task.begin(captions)
    task.images, task.keys = images, [f"{i}" for i in range(40)]
    made = task.finish()
    found = Retrieval.metrics(made, task.task)
    similarity = (images @ captions.T).numpy()
    for k in (1, 5, 10):
        by_text = [owner[c] in np.argsort(-similarity[:, c])[:k] for c in range(len(owner))]
        by_image = [i in owner[np.argsort(-similarity[i])[:k]] for i in range(40)]
        assert found[f"image_retrieval_recall@{k}"] == pytest.approx(np.mean(by_text))
        assert found[f"text_retrieval_recall@{k}"] == pytest.approx(np.mean(by_image))
    both = (found["image_retrieval_recall@1"] + found["text_retrieval_recall@1"]) / 2
    assert found["mean_recall@1"] == pytest.approx(both)
    assert sum(made["captions"]) == len(owner)


def test_the_list_is_datacomps() -> None:
    assert (len(TASKS), AVERAGED) == (40, 38)
    assert sum(task.size or 0 for task in TASKS) == 732_026
    sizes = {name: sum(task.group == name for task in TASKS) for name in {task.group for task in TASKS}}
    assert sizes == {"ImageNet": 1, "ImageNet dist. shifts": 6, "VTAB": 13, "Retrieval": 3, "": 17}
    assert sum(task.near_chance for task in TASKS) == 5
    flickr = BY_KEY["retrieval/flickr_1k_test_image_text_retrieval"]
    assert (flickr.size, flickr.group) == (1000, "Retrieval")
    assert "corrected in May 2023" in flickr.note
    assert BY_KEY["sun397"].group == "VTAB"
    assert [folder(key) for key in ("vtab/caltech101", "fairness/geode", "wilds/fmow")] == [
        "wds_vtab-caltech101_test", "wds_geode_test", "wds_wilds-fmow_test",
    ]  # fmt: skip
    recall = {task.key for task in TASKS if task.metric == "mean_per_class_recall"}
    assert recall == {"vtab/caltech101", "fgvc_aircraft", "vtab/flowers", "vtab/pets"}

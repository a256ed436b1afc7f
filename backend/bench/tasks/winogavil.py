"""WinoGAViL: which of 5 to 12 images does a cue word go with."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import InputError
from . import kind
from .shards import lines
from .task import Task


class WinoGAViL(kind.OverAllImages):
    """Each instance has a cue, candidate images and its true associations, n of them; the n candidates nearest to
    "A cue" / "An cue" (An before a vowel letter) are the guess, judged by its Jaccard index with the truth.

    Files: the images in the tars, keyed by their name without the extension, and `test/instances.jsonl` with
    {"cue", "candidates", "associations"} per line. Predictions: `jaccard` (n,) float32, `candidates` (n,) counts.
    """

    def prompts(self) -> list[Sequence[str]]:
        self.instances = [self._instance(line) for line in lines(self.root, "test/instances.jsonl") if line]
        return [(prompt(instance["cue"]),) for instance in self.instances]

    def _instance(self, line: str) -> dict[str, Any]:
        try:
            instance = json.loads(line)
            return {"cue": str(instance["cue"]), "candidates": [_stem(name) for name in instance["candidates"]],
                    "associations": [_stem(name) for name in instance["associations"]]}  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.root}/test/instances.jsonl has a bad line ({error}): {line[:80]!r}") from error

    def finish(self) -> kind.Predictions:
        row = {key: i for i, key in enumerate(self.keys)}
        jaccard, counts = [], []
        for cue, instance in zip(self.texts, self.instances):
            names, truth = instance["candidates"], set(instance["associations"])
            lost = [name for name in names if name not in row]
            if lost:
                raise InputError(f"WinoGAViL image {lost[0]!r} is in no tar of {self.root}; fetch the task again")
            similarity = self.images[[row[name] for name in names]] @ cue
            guess = {names[int(i)] for i in similarity.topk(len(truth)).indices}
            jaccard.append(len(guess & truth) / len(guess | truth))
            counts.append(len(names))
        return {"jaccard": np.asarray(jaccard, np.float32), "candidates": kind.small(np.asarray(counts))}

    @staticmethod
    def metrics(predictions: Mapping[str, np.ndarray], task: Task) -> kind.Metrics:
        score, count = predictions["jaccard"].astype(np.float64), predictions["candidates"]
        return {
            "avg_jaccard_score": kind.mean(score),
            **{f"jaccard_score_{size}": kind.mean(score[count == size]) for size in (5, 6, 10, 12)},
            "jaccard_score_5-6": kind.mean(score[count <= 6]),
            "jaccard_score_10-12": kind.mean(score[count >= 10]),
        }


def prompt(cue: str) -> str:
    cue = cue.lower()
    return f"{'An' if cue[:1] in tuple('aeiou') else 'A'} {cue}"


def _stem(name: str) -> str:
    return str(name).rpartition("/")[2].partition(".")[0]

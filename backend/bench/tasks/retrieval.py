"""Retrieval both ways: the right image for a caption, a right caption for an image."""

from collections.abc import Mapping, Sequence

import numpy as np

from . import kind
from .shards import samples
from .task import Task

KS = (1, 5, 10)
_BLOCK = 2048


class Retrieval(kind.OverAllImages):
    """image_retrieval_recall@k: captions whose image is among the k nearest of all images;
    text_retrieval_recall@k: images with at least one own caption among the k nearest of all captions;
    mean_recall@1: the mean of both at 1.

    A tie counts for the candidate that comes first. Predictions, one row per image: `text_hit` (n, 3) bool for
    k = 1, 5, 10; `image_hits` (n, 3) how many of its captions found it; `captions` (n,) how many it has.
    """

    def prompts(self) -> list[Sequence[str]]:
        owned = [(s.key, caption) for s in samples(self.root, only=("txt",)) for caption in s.captions]
        self.owner_keys = [key for key, _ in owned]
        return [(caption,) for _, caption in owned]

    def finish(self) -> kind.Predictions:
        import torch

        row = {key: i for i, key in enumerate(self.keys)}
        known = [i for i, key in enumerate(self.owner_keys) if key in row]
        owner = torch.tensor([row[self.owner_keys[i]] for i in known], device=self.texts.device)
        captions = self.texts[torch.tensor(known, device=self.texts.device, dtype=torch.long)]
        images = self.images
        n, depth = len(images), max(KS)
        image_hits = np.zeros((n, len(KS)), np.int32)
        text_hit = np.zeros((n, len(KS)), bool)
        for start in range(0, len(captions), _BLOCK):
            own = owner[start : start + _BLOCK]
            top = (captions[start : start + _BLOCK] @ images.T).topk(min(depth, n), dim=1).indices
            hits = (top == own[:, None]).cpu().numpy()
            for column, k in enumerate(KS):
                np.add.at(image_hits[:, column], own.cpu().numpy(), hits[:, :k].any(axis=1))
        for start in range(0, n, _BLOCK):
            block = images[start : start + _BLOCK]
            top = (block @ captions.T).topk(min(depth, len(captions)), dim=1).indices
            mine = torch.arange(start, start + len(block), device=owner.device)
            hits = (owner[top] == mine[:, None]).cpu().numpy()
            for column, k in enumerate(KS):
                text_hit[start : start + len(block), column] = hits[:, :k].any(axis=1)
        counts = np.bincount(owner.cpu().numpy(), minlength=n) if n else np.zeros(0, np.int64)
        return {"text_hit": text_hit, "image_hits": kind.small(image_hits), "captions": kind.small(counts)}

    @staticmethod
    def metrics(predictions: Mapping[str, np.ndarray], task: Task) -> kind.Metrics:
        hits, captions = predictions["image_hits"], predictions["captions"]
        total = int(captions.sum())
        metrics: kind.Metrics = {}
        for column, k in enumerate(KS):
            metrics[f"image_retrieval_recall@{k}"] = float(hits[:, column].sum() / total) if total else None
        for column, k in enumerate(KS):
            metrics[f"text_retrieval_recall@{k}"] = kind.mean(predictions["text_hit"][:, column])
        first = (metrics["image_retrieval_recall@1"], metrics["text_retrieval_recall@1"])
        metrics["mean_recall@1"] = sum(first) / 2 if None not in first else None  # type: ignore[arg-type]
        return metrics

"""A probe on the pool's own embeddings: what a pretrained model sees of the difference."""

from dataclasses import dataclass

from ...progress import Progress, silent
from ..sample import Sample
from .base import Family, Features


@dataclass(frozen=True, kw_only=True)
class EmbeddingProbe(Family):
    """Logistic regression on stored unit vectors; they were made by a model that has seen other images."""

    id = "embedding"
    title = "Embedding"
    group = "meaning"
    keeps = "what the embedding model sees"
    column: str = "l14_img"

    @property
    def name(self) -> str:
        return f"embedding_{self.column}"

    @property
    def label(self) -> str:
        model, _, kind = self.column.rpartition("_")
        return f"Embedding {model}, {'images' if kind == 'img' else 'captions' if kind == 'txt' else kind}"

    def missing(self, sample: Sample) -> str:
        return "" if self.column in sample.embeddings else f"not every set has {self.column}"

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        vectors = sample.vectors(self.column)
        progress(len(sample), len(sample))
        return Features(vectors)

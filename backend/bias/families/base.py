"""Family: one kind of information that is left of the pairs, and the numbers a classifier gets of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ...progress import Progress, silent
from ..descriptor import DESCRIPTOR, describe
from ..sample import CHUNK, Sample, threads

Group = Literal["picture", "structure", "frequency", "colour", "shuffle", "meaning", "caption", "file"]


@dataclass(frozen=True, eq=False)
class Features:
    """`matrix` `(n, d)` float32, dense or scipy CSR; `names` of the d columns, empty where they mean nothing to a reader."""

    matrix: Any
    names: tuple[str, ...] = ()
    scale: bool = True


@dataclass(frozen=True, kw_only=True)
class Family:
    """What is left: `published` is the accuracy (%) and its deviation of Zeng et al. 2024 (arXiv 2412.01876) on YFCC, CC
    and DataComp, 3 sets of 1,000,000 images at 224 pixels, chance 33.3."""

    id: ClassVar[str]
    title: ClassVar[str]
    group: ClassVar[Group]
    keeps: ClassVar[str]
    published: ClassVar[tuple[float, float] | None] = None

    def missing(self, sample: Sample) -> str:
        """Why the family can't be measured on this sample; empty when it can."""
        return ""

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        raise NotImplementedError

    def parameters(self) -> dict[str, Any]:
        """The parameters that the report names."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def reference(self) -> tuple[float, float] | None:
        """The published accuracy (%) and its deviation."""
        return self.published

    @property
    def name(self) -> str:
        """The family's id in reports; families with sizes add theirs."""
        return self.id

    @property
    def label(self) -> str:
        return self.title


class OfImages(Family):
    """A family that needs the images."""

    def missing(self, sample: Sample) -> str:
        return "" if sample.images is not None else "the sets have no images"


class ImageFamily(OfImages):
    """A family that turns an image into another one; all of them are described by the same descriptor.

    A network sees drawings (`photographic` False) without normalisation and RandAugment, as Zeng et al. did.
    """

    photographic: ClassVar[bool] = True
    mirror: ClassVar[bool] = True

    def change(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        """`(b, s, s, 3)` uint8 to the same: pairs `start` to `start + b` of the sample."""
        raise NotImplementedError

    def show(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        """What the report shows for `images`; the changed image, where there is no better drawing."""
        return self.change(images, sample, start)

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        return Features(
            by_chunk(sample, lambda block, start: describe(self.change(block, sample, start)), progress), DESCRIPTOR
        )


def by_chunk(
    sample: Sample, work: Callable[[np.ndarray, int], np.ndarray], progress: Progress, *, chunk: int = CHUNK, at_once: int = 0
) -> np.ndarray:  # fmt: skip
    """`work(images, start)` on chunks of the sample's images, in threads; results stacked in order."""
    assert sample.images is not None
    images, total = sample.images, len(sample)
    starts = range(0, total, chunk)
    parts = []
    with ThreadPoolExecutor(at_once or threads()) as pool:
        for start, part in zip(starts, pool.map(lambda at: work(images[at : at + chunk], at), starts)):
            parts.append(part)
            progress(min(start + chunk, total), total)
    return np.concatenate(parts)

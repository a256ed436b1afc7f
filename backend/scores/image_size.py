"""Image size: large enough and not too elongated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import Batch, Method, param
from .basic import large_enough, missed_size


@dataclass(frozen=True, kw_only=True)
class ImageSize(Method):
    """DataComp's image size filter: the shorter side at least 200 pixels, the aspect ratio at most 3, both inclusive.

    Sizes are those of the original image; an unknown or zero size is dropped. Reads `width` and `height`, gives `(n,)`
    bool. A few ns a pair.
    """

    id = "image_size"
    order = 100
    title = "Image size"
    kind = "flag"
    formula = r"\min(w,h) \ge 200 \wedge \max(w,h) / \min(w,h) \le 3"
    paper = "Gadre et al. 2023 (DataComp), arXiv 2304.14108"
    cost = "a few ns per pair"
    published = "part of DataComp's basic filter: medium (29.8M) ImageNet 22.6, average of 38 tasks 29.4"
    scan_rows = 65_536

    min_side: int = param(200, "fewest pixels of the shorter side", low=1, high=100_000)
    max_aspect: float = param(3.0, "largest ratio of the sides", low=1, high=1000)

    def needs(self) -> tuple[str, ...]:
        return ("width", "height")

    def missed(self, pair: Mapping[str, Any]) -> str:
        return ", ".join(missed_size(pair.get("width"), pair.get("height"), self.min_side, self.max_aspect))

    def score(self, batch: Batch, state: Any) -> np.ndarray:
        return large_enough(batch["width"], batch["height"], self.min_side, self.max_aspect)

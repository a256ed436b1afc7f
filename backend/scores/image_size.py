"""Image size: large enough and not too elongated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import Batch, Method, param


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
    inputs = ("width", "height")

    min_side: int = param(200, "fewest pixels of the shorter side", low=1, high=100_000)
    max_aspect: float = param(3.0, "largest ratio of the sides", low=1, high=1000)

    def missed(self, pair: Mapping[str, Any]) -> str:
        width, height, reasons = pair.get("width"), pair.get("height"), []
        if not width or not height:
            return "the image's size is not known"
        short, long = min(width, height), max(width, height)
        if short < self.min_side:
            reasons.append(f"shorter side {short:g} pixels, {self.min_side - short:g} fewer than {self.min_side}")
        if long > self.max_aspect * short:
            reasons.append(f"sides {long / short:.3g} to 1, more than {self.max_aspect:g}")
        return ", ".join(reasons)

    def score(self, batch: Batch, state: Any) -> np.ndarray:
        width, height = (np.asarray(batch[side], dtype=np.float64) for side in ("width", "height"))
        short, long = np.minimum(width, height), np.maximum(width, height)
        kept: np.ndarray = (short >= self.min_side) & (long <= self.max_aspect * short)
        return kept

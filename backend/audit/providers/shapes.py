"""Sizes and shapes of images, from the stored width and height."""

import numpy as np

from ...pool import Pool
from ...progress import Progress
from ..group import Group
from ..provider import Provider


class Shapes(Provider):
    """Small, large, wide, tall; a pair without a stored size is in none."""

    id = "shapes"
    families = ("size of image", "shape of image")
    needs = ("height", "width")

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        width, height = (np.nan_to_num(pool.array(name).astype(np.float32)) for name in ("width", "height"))
        known = (width > 0) & (height > 0)
        short = np.where(known, np.minimum(width, height), 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(known, width / height, 1.0)
        size, shape = self.families
        kinds = (
            ("tiny", size, "shorter side under 100 pixels", known & (short < 100)),
            ("small", size, "shorter side 100 to 199 pixels", (short >= 100) & (short < 200)),
            ("medium", size, "shorter side 200 to 511 pixels", (short >= 200) & (short < 512)),
            ("large", size, "shorter side 512 pixels or more", short >= 512),
            ("square", shape, "about square", known & (ratio > 0.95) & (ratio < 1.05)),
            ("wide", shape, "at least twice as wide as high", known & (ratio >= 2)),
            ("tall", shape, "at least twice as high as wide", known & (ratio <= 0.5)),
            ("extreme", shape, "longer than three times its shorter side", known & ((ratio > 3) | (ratio < 1 / 3))),
        )
        progress(len(pool), len(pool), "sizes")
        return [
            Group.of(
                mask, f"shape.{name}", family, name, title,
                method="stored width and height", error="none but wrong stored sizes", source=self.id,
            )
            for name, family, title, mask in kinds
            if mask.any()
        ]  # fmt: skip

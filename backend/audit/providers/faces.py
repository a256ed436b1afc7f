"""Face boxes that came with the pool: images in which a detector found no, one or several faces."""

import numpy as np
import pyarrow.compute as pc

from ...pool import Pool
from ...progress import Progress
from ..group import Group
from ..provider import Provider

ERROR = (
    "DataComp's detector missed faces in 7.8 % of the images in which a commercial one found some, and of 100 of its own "
    "finds that were checked by hand 11 were none; a box says nothing about the person"
)


class Faces(Provider):
    """Counts the boxes of the column `face_bboxes`; no face is detected or judged here."""

    id = "faces"
    families = ("stored face boxes",)
    needs = ("face_bboxes",)

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        from ..scan import steps

        counts = np.full(len(pool), -1, dtype=np.int32)
        for start, table in steps(pool, ["face_bboxes"]):
            lengths = pc.fill_null(pc.list_value_length(table["face_bboxes"]), -1).to_numpy()
            counts[start : start + len(lengths)] = lengths
            progress(start + len(lengths), len(pool), "face boxes")
        kinds = (
            ("none", "detected as without a face", counts == 0),
            ("one", "detected as with one face", counts == 1),
            ("several", "detected as with two or more faces", counts > 1),
        )
        return [
            Group.of(
                mask, f"faces.{name}", self.families[0], name, title,
                method="boxes in the column face_bboxes", error=ERROR, source=self.id,
            )
            for name, title, mask in kinds
            if mask.any()
        ]  # fmt: skip

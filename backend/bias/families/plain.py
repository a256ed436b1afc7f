"""The images themselves, and the same after one JPEG encoding for all: the control of file history."""

import numpy as np

from ...progress import Progress, silent
from ..image import FILE_FACTS, JPEG_QUALITY, same_jpeg
from ..sample import Sample
from .base import Family, Features, ImageFamily


class Original(ImageFamily):
    """The images as they are."""

    id = "original"
    title = "Original images"
    group = "picture"
    keeps = "everything"
    published = (82.0, 0.3)

    def change(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        return images


class Harmonised(ImageFamily):
    """The images after the same resize and the same JPEG encoding, so that traces of compression no longer tell the
    sets apart; what it loses against the original was no content."""

    id = "harmonised"
    title = "Re-encoded alike"
    group = "picture"
    keeps = "everything but traces of how files were made"

    def change(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        return np.stack([same_jpeg(image) for image in images])

    def parameters(self) -> dict[str, object]:
        return {"format": "JPEG", "quality": JPEG_QUALITY, "chroma": "4:2:0"}


class FileFacts(Family):
    """The shortcut control: size, format and compression of the file, nothing of what the image shows."""

    id = "file_facts"
    title = "File facts only"
    group = "file"
    keeps = "width, height, bytes, format, compression"

    def missing(self, sample: Sample) -> str:
        return "" if sample.facts is not None else "the sets have no images"

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        assert sample.facts is not None
        progress(len(sample), len(sample))
        return Features(sample.facts, FILE_FACTS)

"""Families that need a pretrained model: off until its weights are given, loaded through transformers or diffusers."""

from collections.abc import Mapping

from ....errors import InputError
from ..base import Family

LISTED = ("segmentation", "detection", "depth", "sam", "generated_captions", "vae")


def with_weights(weights: Mapping[str, str], device: str = "auto") -> list[Family]:
    """The families whose weights are given, as a directory or a hub name. Raises InputError for an unknown family."""
    if not weights:
        return []
    from .captions import GeneratedCaptions
    from .depth import Depth
    from .detection import Detection
    from .sam import SamContours
    from .segmentation import Segmentation
    from .vae import Reconstruction

    known = dict(zip(LISTED, (Segmentation, Detection, Depth, SamContours, GeneratedCaptions, Reconstruction)))
    for name, place in weights.items():
        if name not in known:
            raise InputError(f"no family {name!r} takes weights; those that do are {', '.join(LISTED)}.")
        if not place:
            raise InputError(f"no weights for {name!r}: write --weights {name}=DIRECTORY or a hub name.")
    return [known[name](weights=weights[name], device=device) for name in LISTED if name in weights]

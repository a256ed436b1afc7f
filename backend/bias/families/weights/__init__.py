"""Families that need a pretrained model: off until its weights are given, loaded through transformers or diffusers."""

from collections.abc import Mapping

from backend.bias.families.base import Family
from backend.errors import InputError

LISTED = ("segmentation", "detection", "depth", "sam", "generated_captions", "vae")


def with_weights(weights: Mapping[str, str], device: str = "auto") -> list[Family]:
    """The families whose weights are given, as a directory or a hub name. Raises InputError for an unknown family."""
    if not weights:
        return []
    from backend.bias.families.weights.captions import GeneratedCaptions
    from backend.bias.families.weights.depth import Depth
    from backend.bias.families.weights.detection import Detection
    from backend.bias.families.weights.sam import SamContours
    from backend.bias.families.weights.segmentation import Segmentation
    from backend.bias.families.weights.vae import Reconstruction

    known = dict(zip(LISTED, (Segmentation, Detection, Depth, SamContours, GeneratedCaptions, Reconstruction)))
    for name, place in weights.items():
        if name not in known:
            raise InputError(f"no family {name!r} takes weights; those that do are {', '.join(LISTED)}.")
        if not place:
            raise InputError(f"no weights for {name!r}: write --weights {name}=DIRECTORY or a hub name.")
    return [known[name](weights=weights[name], device=device) for name in LISTED if name in weights]

"""The families: those that need no weights, and with weights given also those that do."""

from collections.abc import Sequence

from ...errors import InputError
from .base import Family, Features, ImageFamily
from .captions import CaptionForm, CaptionWords
from .colour import Appearance, ColourStatistics, MeanColour
from .edges import Canny, Hog, Sift
from .embedding import EmbeddingProbe
from .frequency import (
    HighPass,
    HighPassButterworth,
    LowPass,
    LowPassButterworth,
    RadialSpectrum,
)
from .plain import FileFacts, Harmonised, Original
from .shuffle import Shuffle

__all__ = ["EmbeddingProbe", "Family", "Features", "ImageFamily", "chosen", "on_request", "weight_free"]

PATCHES = (4, 16)
MORE_PATCHES = (2, 8, 32)


def weight_free() -> list[Family]:
    """The families that need nothing but the pairs, in the order of the report."""
    return [
        Original(), Harmonised(), Hog(), HighPass(), HighPassButterworth(), Canny(), LowPass(), LowPassButterworth(),
        Sift(), RadialSpectrum(), *(Shuffle(patch=patch, fixed=fixed) for patch in (*PATCHES[::-1], 1) for fixed in (True, False)),
        ColourStatistics(), Appearance(), MeanColour(), CaptionWords(), CaptionForm(), FileFacts(),
    ]  # fmt: skip


def on_request() -> list[Family]:
    """Families that are measured only when they are named: the other patch sizes."""
    return [Shuffle(patch=patch, fixed=fixed) for patch in MORE_PATCHES for fixed in (True, False)]


def chosen(families: Sequence[Family], names: Sequence[str] | None) -> list[Family]:
    """The families of these names, in the order of the report; all when None. Raises InputError for an unknown name."""
    if names is None:
        return list(families)
    known = {family.name: family for family in families}
    for name in names:
        if name not in known:
            raise InputError(f"no family {name!r}; there are {', '.join(known)}.")
    return [family for family in families if family.name in names]

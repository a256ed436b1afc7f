"""Basic: DataComp's filter by language, caption length and image size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .base import MAIN, Batch, Method
from .caption_length import CaptionLength
from .english import English, language_param
from .image_size import ImageSize


@dataclass(frozen=True, kw_only=True)
class Basic(Method):
    """DataComp's basic filter: English by fastText, > 2 words, > 5 characters, shorter side ≥ 200, aspect ≤ 3.

    Kept = all four (facts: DataComp `basic_filter`). Also leaves `language`, `language_probability`, `words` and
    `characters` as columns. About 6 µs a pair on one core, half of it language identification.
    """

    id = "basic"
    order = 20
    title = "Basic filter"
    kind = "flag"
    formula = r"\mathrm{en} \wedge \mathrm{words} > 2 \wedge \mathrm{chars} > 5 \wedge \min(w,h) \ge 200 \wedge \tfrac{\max}{\min} \le 3"
    paper = "Gadre et al. 2023 (DataComp), arXiv 2304.14108"
    cost = "about 6 µs per pair and core"
    published = "DataComp medium (29.8M): ImageNet 22.6, average of 38 tasks 29.4 (no filter: 17.6, 25.8)"
    inputs = (*CaptionLength.inputs, *ImageSize.inputs)
    extras = {**English.extras, **CaptionLength.extras}
    shared = {**English.shared, **CaptionLength.shared}

    language_model: str = language_param()

    @property
    def _parts(self) -> tuple[English, CaptionLength, ImageSize]:
        return English(language_model=self.language_model), CaptionLength(), ImageSize()

    def missed(self, pair: Mapping[str, Any]) -> str:
        return ", ".join(filter(None, (part.missed(pair) for part in self._parts)))

    def score(self, batch: Batch, state: Any) -> dict[str, Any]:
        english, length, size = self._parts
        languages, lengths = english.score(batch, state), length.score(batch, state)
        return {**languages, **lengths, MAIN: languages[MAIN] & lengths[MAIN] & size.score(batch, state)}

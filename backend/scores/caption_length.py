"""Caption length: more than a few words and characters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .base import MAIN, Batch, Method, param


@dataclass(frozen=True, kw_only=True)
class CaptionLength(Method):
    """DataComp's caption length filter: at least 3 words and at least 6 characters.

    Words are what `str.split` gives (Unicode white space), characters are code points; a missing caption has none
    and is never kept.
    Reads captions, gives `(n,)` bool; leaves `words` and `characters` as columns. Under 1 µs a caption.
    """

    id = "caption_length"
    order = 90
    title = "Caption length"
    kind = "flag"
    formula = r"\mathrm{words} > 2 \wedge \mathrm{chars} > 5"
    paper = "Gadre et al. 2023 (DataComp), arXiv 2304.14108"
    cost = "under 1 µs per caption"
    published = "part of DataComp's basic filter: medium (29.8M) ImageNet 22.6, average of 38 tasks 29.4"
    inputs = ("text",)
    extras = {"words": pa.int32(), "characters": pa.int32()}
    shared = {"words": (), "characters": ()}

    min_words: int = param(3, "fewest words", low=0, high=1000)
    min_characters: int = param(6, "fewest characters", low=0, high=100_000)

    def missed(self, pair: Mapping[str, Any]) -> str:
        words, characters, reasons = pair.get("words"), pair.get("characters"), []
        if words is not None and words < self.min_words:
            short = self.min_words - words
            reasons.append(f"{words} word{'' if words == 1 else 's'}, {short} fewer than {self.min_words}")
        if characters is not None and characters < self.min_characters:
            short = self.min_characters - characters
            reasons.append(f"{characters} characters, {short} fewer than {self.min_characters}")
        return ", ".join(reasons)

    def score(self, batch: Batch, state: Any) -> dict[str, np.ndarray]:
        lines = batch["text"].to_pylist()
        words = np.fromiter((len((line or "").split()) for line in lines), np.int32, len(lines))
        characters = np.fromiter((len(line or "") for line in lines), np.int32, len(lines))
        there = batch["text"].is_valid().to_numpy(zero_copy_only=False)
        kept = there & (words >= self.min_words) & (characters >= self.min_characters)
        return {MAIN: kept, "words": words, "characters": characters}

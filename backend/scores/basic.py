"""Basic: DataComp's filter by language, caption length and image size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..text.language import languages
from .base import MAIN, Batch, Method
from .english import is_english, language_param, missed_english

if TYPE_CHECKING:
    from ..pool import Pool


def caption_lengths(captions: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Words (split at Unicode white space, as `str.split`) and characters (code points), two `(n,)` int32."""
    lines = captions.to_pylist()
    words = np.fromiter((len((line or "").split()) for line in lines), dtype=np.int32, count=len(lines))
    characters = np.fromiter((len(line or "") for line in lines), dtype=np.int32, count=len(lines))
    return words, characters


def long_enough(words: np.ndarray, characters: np.ndarray) -> np.ndarray:
    """More than 2 words and more than 5 characters (DataComp 2.2)."""
    return (words > 2) & (characters > 5)


def large_enough(width: np.ndarray, height: np.ndarray, smallest: int = 200, aspect: float = 3.0) -> np.ndarray:
    """Shorter side at least `smallest` pixels and aspect ratio at most `aspect`, both inclusive; unknown sizes are out."""
    width, height = np.asarray(width, dtype=np.float64), np.asarray(height, dtype=np.float64)
    short, long = np.minimum(width, height), np.maximum(width, height)
    return (short >= smallest) & (long <= aspect * short)


def missed_length(words: int | None, characters: int | None, min_words: int = 3, min_characters: int = 6) -> list[str]:
    """By how much a caption is too short, in words; nothing if it isn't or its length isn't known."""
    reasons = []
    if words is not None and words < min_words:
        reasons.append(f"{words} word{'' if words == 1 else 's'}, {min_words - words} fewer than {min_words}")
    if characters is not None and characters < min_characters:
        reasons.append(f"{characters} characters, {min_characters - characters} fewer than {min_characters}")
    return reasons


def missed_size(width: float | None, height: float | None, smallest: int = 200, aspect: float = 3.0) -> list[str]:
    """By how much an image is too small or too long, in words."""
    if not width or not height:
        return ["the image's size is not known"]
    short, long = min(width, height), max(width, height)
    reasons = []
    if short < smallest:
        reasons.append(f"shorter side {short:g} pixels, {smallest - short:g} fewer than {smallest}")
    if long > aspect * short:
        reasons.append(f"sides {long / short:.3g} to 1, more than {aspect:g}")
    return reasons


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

    shared = {
        "language": ("language_model",),
        "language_probability": ("language_model",),
        "words": (),
        "characters": (),
    }

    language_model: str = language_param()

    def needs(self) -> tuple[str, ...]:
        return ("text", "width", "height")

    def outputs(self, pool: "Pool") -> dict[str, pa.DataType]:
        return {
            MAIN: pa.bool_(),
            "language": pa.utf8(),
            "language_probability": pa.float32(),
            "words": pa.int32(),
            "characters": pa.int32(),
        }

    def missed(self, pair: Mapping[str, Any]) -> str:
        length = missed_length(pair.get("words"), pair.get("characters"))
        return ", ".join([*missed_english(pair), *length, *missed_size(pair.get("width"), pair.get("height"))])

    def score(self, batch: Batch, state: Any) -> dict[str, Any]:
        codes, probability = languages(batch["text"], self.language_model)
        words, characters = caption_lengths(batch["text"])
        kept = is_english(codes) & long_enough(words, characters) & large_enough(batch["width"], batch["height"])
        return {
            MAIN: kept,
            "language": codes,
            "language_probability": probability,
            "words": words,
            "characters": characters,
        }

"""LAION-2B's rule: a CLIP B/32 score of at least 0.28 and an English caption."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..pool import Pool
from ..text.language import languages
from .base import MAIN, Batch, Method, param
from .english import is_english, language_param, missed_english

COLUMNS = {"cld3": "language_cld3", "fasttext": "language"}


def choose_detector(detector: str) -> str:
    """`cld3` or `fasttext`; `auto` is CLD3 where it is installed (the extra `cld3`). InputError if `cld3` is not there."""
    here = find_spec("gcld3") is not None
    if detector == "cld3" and not here:
        raise InputError(
            "detector 'cld3' needs CLD3, which is not installed: `pip install 'poolscope[cld3]'`, or use detector=fasttext."
        )
    return "cld3" if here and detector != "fasttext" else "fasttext"


def cld3_languages(captions: pa.Array) -> pa.Array:
    """CLD3's language of each caption (newlines as spaces), whether or not it calls itself reliable; empty for a caption
    without a word, which CLD3 would call Japanese."""
    import gcld3

    model = gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=1000)
    lines = (caption.replace("\n", " ") for caption in captions.fill_null("").to_pylist())
    return pa.array([model.FindLanguage(text=line).language if line.strip() else "" for line in lines], type=pa.utf8())


@dataclass(frozen=True, kw_only=True)
class Laion2b(Method):
    """The rule that made LAION-2B: CLIP ViT-B/32 score >= 0.28 and English, as in DataComp's baseline.

    The language is CLD3's, as in DataComp's baseline, where it is installed (`pip install 'poolscope[cld3]'`), else fastText's,
    which calls half as many captions again English; the column's provenance says which, and the language is left in the
    column `language_cld3` or `language`. Reads a score (compared in float32; NaN is dropped) and captions,
    gives `(n,)` bool. About 3 µs a caption.
    """

    id = "laion2b"
    order = 110
    title = "LAION-2B rule"
    kind = "flag"
    formula = r"s^{B/32} \ge 0.28 \wedge \mathrm{en}"
    paper = "Schuhmann et al. 2022 (LAION-5B), arXiv 2210.08402; as a baseline: Gadre et al. 2023, arXiv 2304.14108"
    cost = "about 3 µs per caption and core"
    published = "DataComp medium (13.0M): ImageNet 23.0, average of 38 tasks 29.2 (no filter: 17.6, 25.8)"
    inputs = ("{clip}", "text")

    shared = {"language": ("language_model",), "language_cld3": ()}

    clip: str = param("clip_b32", "column of CLIP ViT-B/32 scores", of="score")
    threshold: float = param(0.28, "lowest score kept", low=-1, high=1)
    detector: str = param("auto", "language detector", choices=("auto", "cld3", "fasttext"))
    language_model: str = language_param()

    def resolved(self) -> dict[str, str]:
        return super().resolved() | {"detector": choose_detector(self.detector)}

    def outputs(self, pool: Pool) -> dict[str, pa.DataType]:
        return {MAIN: pa.bool_(), COLUMNS[choose_detector(self.detector)]: pa.utf8()}

    def check(self, pool: Pool) -> None:
        super().check(pool)
        choose_detector(self.detector)

    def missed(self, pair: Mapping[str, Any]) -> str:
        low, score = "", pair.get(self.clip)
        if score is None or score != score:
            low = "it has no CLIP score"
        elif score < self.threshold:
            low = f"{self.clip} {score:.4g}, {self.threshold - score:.3g} below {self.threshold:g}"
        code = pair.get(COLUMNS[choose_detector(self.detector)])
        return ", ".join(filter(None, (low, missed_english({"language": code}))))

    def score(self, batch: Batch, state: Any) -> dict[str, Any]:
        detector = choose_detector(self.detector)
        if detector == "cld3":
            codes = cld3_languages(batch["text"])
        else:
            codes, _ = languages(batch["text"], self.language_model)
        high = np.asarray(batch[self.clip], np.float32) >= np.float32(self.threshold)
        return {MAIN: high & is_english(codes), COLUMNS[detector]: codes}

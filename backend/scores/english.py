"""English: the caption's language by fastText."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..pool import digests
from ..text.language import languages, model_file
from .base import MAIN, Batch, Method, param


def language_param() -> Any:
    """The parameter of methods that identify languages: fastText's model."""
    return param(
        "", "path of lid.176.ftz or lid.176.bin; empty: the one that ships", of="path",
        content=lambda path: digests.of_path(model_file(path)),
    )  # fmt: skip


def is_english(codes: pa.Array) -> np.ndarray:
    """`(n,)` bool: True where the code is `en`."""
    import pyarrow.compute as pc

    return pc.equal(codes, "en").to_numpy(zero_copy_only=False)


def missed_english(pair: Mapping[str, Any]) -> str:
    """What language a caption that is not English is in, in words; empty if it is, or isn't known."""
    code, sure = pair.get("language"), pair.get("language_probability")
    if code in (None, "en"):
        return ""
    return f"its language is {code}" + (f" ({100 * sure:.0f} %)" if sure is not None else "") + ", not en"


@dataclass(frozen=True, kw_only=True)
class English(Method):
    """English captions: kept if fastText's lid.176 names `en` first, with no probability threshold.

    Newlines count as spaces. Also leaves `language` (ISO code) and `language_probability` as columns of their own.
    About 3 µs a caption on one core.
    """

    id = "english"
    order = 30
    title = "English (fastText)"
    kind = "flag"
    formula = r"\arg\max_\ell\, P(\ell \mid \mathrm{caption}) = \mathrm{en}"
    paper = "Gadre et al. 2023 (DataComp), arXiv 2304.14108; Joulin et al. 2016 (fastText), arXiv 1607.01759"
    cost = "about 3 µs per caption and core"
    published = "DataComp small, English only (6.3M): ImageNet 3.8, average of 38 tasks 15.4 (no filter: 2.5, 13.2)"
    inputs = ("text",)
    extras = {"language": pa.utf8(), "language_probability": pa.float32()}
    shared = {"language": ("language_model",), "language_probability": ("language_model",)}

    language_model: str = language_param()

    def missed(self, pair: Mapping[str, Any]) -> str:
        return missed_english(pair)

    def score(self, batch: Batch, state: Any) -> dict[str, Any]:
        codes, probability = languages(batch["text"], self.language_model)
        return {MAIN: is_english(codes), "language": codes, "language_probability": probability}

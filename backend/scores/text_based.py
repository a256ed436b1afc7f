"""Text-based: the caption names something of ImageNet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import InputError
from ..pool import Pool, digests
from ..text.language import languages
from .base import MAIN, Batch, Method, param
from .english import is_english, language_param, missed_english

if TYPE_CHECKING:
    from ..text.first_sense import SenseTable

LISTS = {"imagenet21k": "imagenet21k_goog_synsets.txt", "imagenet1k": "imagenet_synsets.txt"}


def read_ids(lines: Iterable[str], named: str) -> frozenset[int]:
    """WordNet ids such as `n01440764`, one a line, as offsets. InputError for anything else.

    >>> sorted(read_ids(["n01440764", "n02084071"], "example"))
    [1440764, 2084071]
    """
    words = [line.strip() for line in lines if line.strip()]
    wrong = [word for word in words if not (word[:1] in "nvar" and word[1:].isdigit() and len(word) == 9)]
    if wrong:
        raise InputError(
            f"entity list {named!r} has {wrong[0][:20]!r} where a WordNet 3.0 id such as n01440764 belongs."
        )
    if not words:
        raise InputError(f"entity list {named!r} is empty: one WordNet 3.0 id such as n01440764 a line.")
    return frozenset(int(word[1:]) for word in words)


def entities(name: str) -> frozenset[int]:
    """The offsets of a list: `imagenet21k` (the file of DataComp's baseline), `imagenet1k`, or a file of one's own."""
    path = _list_file(name)
    return _entities(name, path, digests.version(path))


@lru_cache(maxsize=4)
def _entities(name: str, path: Path, version: tuple[int, ...]) -> frozenset[int]:
    return read_ids(path.read_text(errors="replace").splitlines(), name)


def _list_file(name: str) -> Path:
    if name in LISTS:
        from importlib.util import find_spec

        spec = find_spec("timm")
        folder = Path(next(iter((spec and spec.submodule_search_locations) or [])))
        path = folder / "data" / "_info" / LISTS[name]
    else:
        path = Path(name)
    if not path.is_file():
        raise InputError(f"no entity list {name!r}: choose {', '.join(LISTS)} or the path of a file of WordNet ids.")
    return path


def sense_table(name: str, repeat: bool) -> "SenseTable":
    return _sense_table(entities(name), repeat)


@lru_cache(maxsize=4)
def _sense_table(offsets: frozenset[int], repeat: bool) -> "SenseTable":
    from ..text.first_sense import SenseTable

    return SenseTable.build(offsets, repeat=repeat)


@dataclass(frozen=True, kw_only=True)
class TextBased(Method):
    """Text-based filter: English, and a word of the caption whose first WordNet synset is in ImageNet-21k.

    Words are split at white space, with no punctuation removed; each is looked up as NLTK does it (lower-cased; noun, verb,
    adjective, adverb; NLTK's endings), only its first synset counts, and its offset is compared without its part of
    speech, so that a verb's offset may hit a noun's: all as in DataComp's baseline, whose list of ids ships with timm.
    `morphology`: `repeat` replaces endings until a lemma turns up, as NLTK 3.8.1 does, which DataComp pins; `once`
    is what newer versions of NLTK do. WordNet 3.0 ships with Poolscope; nothing is downloaded.

    Reads captions, gives `(n,)` bool; leaves `language` and `names_entity` (without the language test) as columns.
    About 2 µs a caption, and 3 µs for its language.
    """

    id = "text_based"
    order = 120
    title = "Text-based (ImageNet words)"
    kind = "flag"
    formula = r"\mathrm{en} \wedge \exists\, w \in \mathrm{caption}: \mathrm{synset}_1(w) \in \mathrm{ImageNet}"
    paper = "Gadre et al. 2023 (DataComp), arXiv 2304.14108; WordNet 3.0, Fellbaum 1998"
    cost = "about 5 µs per caption and core, half of it language identification"
    published = "DataComp medium, ImageNet-21k (31.7M): ImageNet 25.5, average of 38 tasks 30.7 (no filter: 17.6, 25.8)"
    inputs = ("text",)
    extras = {"language": pa.utf8(), "names_entity": pa.bool_()}
    shared = {"language": ("language_model",)}

    entities: str = param(
        "imagenet21k", "imagenet21k, imagenet1k, or a file of WordNet ids", of="path",
        content=lambda name: digests.of_value(sorted(entities(name))),
    )  # fmt: skip
    morphology: str = param(
        "repeat", "how endings are replaced: repeat (NLTK 3.8.1) or once", choices=("repeat", "once")
    )
    language_model: str = language_param()

    def missed(self, pair: Mapping[str, Any]) -> str:
        unnamed = "no word of its caption is in the list" if pair.get("names_entity") is False else ""
        return ", ".join(filter(None, (missed_english(pair), unnamed)))

    def check(self, pool: Pool) -> None:
        super().check(pool)
        entities(self.entities)

    def score(self, batch: Batch, state: Any) -> dict[str, Any]:
        codes, _ = languages(batch["text"], self.language_model)
        named = sense_table(self.entities, self.morphology == "repeat").any_entity(batch["text"])
        return {MAIN: is_english(codes) & named, "language": codes, "names_entity": named}

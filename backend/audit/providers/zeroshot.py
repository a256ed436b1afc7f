"""Zero-shot groups: pairs whose image is nearer to one set of prompts than to another, by the pool's own embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...models import TEACHER
from ...number_format import percent
from ...pool import Pool
from ...progress import Progress
from ..group import Group, slug
from ..lexicon import FOLDER
from ..provider import Provider
from ..scan import image_column, vectors_of

LEAST_CHECKED = 30


class ZeroShot(Provider):
    """The prompt pairs of `assets/lexicons/prompts.yaml`, joined by those of `<pool>/prompts.yaml`.

    The text side comes from the model that made the embedding column; without its weights the groups are left out.
    """

    id = "zeroshot"
    families = ("detected in image",)
    costly = True

    def missing(self, pool: Pool) -> str:
        column = image_column(pool)
        if column is None:
            return "the pool has no image embeddings"
        named = str(pool.columns[column].made_by.get("model", ""))
        weights = Path(named.partition("/")[2])
        if not weights.is_file() and weights.name != TEACHER.name:  # the teacher is found where the demo lies now
            return f"the text side of {column} is not at hand: {named or 'its model'} has no weights on this disk"
        return ""

    def key(self, pool: Pool) -> dict[str, Any]:
        column = image_column(pool)
        made_by = pool.columns[column].made_by if column else None
        return {"column": column, "made_by": made_by, "prompts": read_prompts(pool), "version": 1}

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        column = f"{pool.model()}_img"
        prompts = read_prompts(pool)
        model = _load(pool, column)
        weights = np.stack(
            [direction(model.texts(list(p["is"])), model.texts(list(p["not"]))) for p in prompts.values()]
        )
        margins = np.full((len(prompts), len(pool)), np.nan, dtype=np.float32)
        for start, vectors in vectors_of(pool, column):
            margins[:, start : start + len(vectors)] = weights @ vectors.T
            progress(start + len(vectors), len(pool), "zero-shot prompts")
        groups = []
        for place, (name, prompt) in enumerate(prompts.items()):
            mask = margins[place] > 0  # NaN: no image, no member
            error = known_error(pool, mask, ~np.isnan(margins[place]), prompt.get("check"))
            is_, is_not = (", ".join(map(repr, prompt[side])) for side in ("is", "not"))
            method, title = f"{column}: nearer to {is_} than to {is_not}", f"detected as {prompt['title']}"
            family = self.families[0]
            groups.append(
                Group.of(mask, f"zeroshot.{name}", family, name, title, method=method, error=error, source=self.id)
            )
        return [group for group in groups if group.bits.any()]


def direction(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Two sets of unit text vectors `(k, d)` to `(d,)`: normalised mean of the first minus that of the second.

    An image's product with it is the difference of its cosines to the two means, so members have a positive one.
    """
    first, second = (vectors.mean(axis=0) for vectors in (positive, negative))
    return (first / np.linalg.norm(first) - second / np.linalg.norm(second)).astype(np.float32)


def known_error(pool: Pool, mask: np.ndarray, scored: np.ndarray, check: dict[str, Sequence[str]] | None) -> str:
    """How often the group disagrees with captions that speak for one side only, as a sentence."""
    if not check or "text" not in pool.columns:
        return "not measured here; zero-shot groups follow the model's own leanings"
    from ...kernels.bits import unpack, words
    from ..lexicon import GroupWords
    from ..matching import Matcher
    from ..scan import steps, text_array

    matcher = Matcher.build({side: GroupWords(title=side, terms={"en": tuple(check[side])}) for side in ("is", "not")})
    bits = np.zeros((2, words(len(pool))), dtype=np.uint64)
    for start, table in steps(pool, ["text"]):
        captions = text_array(table)
        bits[:, start // 64 : start // 64 + words(len(captions))] |= matcher.find(captions)
    says, denies = (unpack(row, len(pool)) & scored for row in bits)
    says, denies = says & ~denies, denies & ~says
    for_it, against = int(says.sum()), int(denies.sum())
    if for_it < LEAST_CHECKED or against < LEAST_CHECKED:
        return "not measured: too few captions of this pool speak for either side"
    missed, wrong = 1 - mask[says].mean(), mask[denies].mean()
    return (
        f"misses {percent(missed, 0)} of {for_it:,} pairs whose caption says so ({', '.join(check['is'][:3])}, …) and takes in "
        f"{percent(wrong, 0)} of {against:,} whose caption says otherwise; measured on this pool, captions err too"
    )


def read_prompts(pool: Pool) -> dict[str, dict[str, Any]]:
    """The prompt pairs by name. Raises InputError for an own file of another form."""
    import yaml

    own = pool.path / "prompts.yaml"
    prompts: dict[str, dict[str, Any]] = {}
    for path in (FOLDER / "prompts.yaml", *([own] if own.exists() else [])):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            prompts |= {
                slug(str(name)): {"title": str(p["title"]), **p, "is": list(p["is"]), "not": list(p["not"])}
                for name, p in content.items()
            }
        except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(
                f"{str(path)!r} is no list of prompt pairs: each needs title, is and not; see assets/lexicons/prompts.yaml."
            ) from None
    return prompts


def _load(pool: Pool, column: str) -> Any:
    from ...models import Model

    return Model.parse(str(pool.columns[column].made_by["model"])).load("cpu")

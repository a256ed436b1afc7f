"""All providers of a pool: what they found before, and finding what is missing."""

from collections.abc import Iterable, Sequence

from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, Steps, silent
from . import group_files
from .group import Group, Groups
from .lexicon import packs
from .provider import COSTLY_PAIRS, Provider


def providers(pool: Pool) -> list[Provider]:
    """Every provider, lexicon packs first; whether one can run here, its `missing` tells."""
    from .providers.clusters import Clusters
    from .providers.columns import PoolColumns
    from .providers.emoji import Emoji
    from .providers.entries import Entries
    from .providers.faces import Faces
    from .providers.language import Language
    from .providers.lexicons import Lexicon
    from .providers.listed import listed
    from .providers.pixels import Pixels
    from .providers.shapes import Shapes
    from .providers.unsafe import Unsafe
    from .providers.web import Web
    from .providers.zeroshot import ZeroShot

    return [
        *(Lexicon(pack) for pack in packs(pool).values()),
        *listed(pool),
        Language(), Emoji(), Web(), PoolColumns(), Faces(), Unsafe(), Shapes(), Pixels(), Entries(), Clusters(), ZeroShot(),
    ]  # fmt: skip


def find(
    pool: Pool, *, families: Iterable[str] | None = None, again: bool = False, progress: Progress = silent
) -> Groups:
    """The groups of `families` (default: all that are cheap, and the costly ones up to 200,000 pairs), found if need be.

    What was found before is read from `<pool>/groups`; `again` finds it anew. Raises InputError for a family that no
    provider of this pool brings.
    """
    wanted = None if families is None else set(families)
    chosen = _able(pool, wanted)
    stored = {one.id: None if again else group_files.load(pool, one) for one in chosen}
    stale = [one for one in chosen if stored[one.id] is None]
    for one, groups in _found(pool, stale, progress):
        group_files.save(pool, one, groups)
        stored[one.id] = groups
    return _choose(Groups.of([g for one in chosen for g in stored[one.id] or []], len(pool)), wanted, pool)


def load(pool: Pool) -> Groups:
    """The groups found before, without looking for any."""
    of_providers = [group_files.load(pool, one) or [] for one in providers(pool) if not one.missing(pool)]
    return Groups.of([group for groups in of_providers for group in groups], len(pool))


def waiting(pool: Pool) -> list[Provider]:
    """The providers that run unasked on this pool and have not found their groups yet."""
    return [one for one in _able(pool, None) if group_files.fresh(pool, one) is None]


def _able(pool: Pool, wanted: set[str] | None) -> list[Provider]:
    """The providers that can run here and may bring one of the families, or, of all, run unasked."""
    able = [one for one in providers(pool) if not one.missing(pool)]
    if wanted is None:
        return [one for one in able if not one.costly or len(pool) <= COSTLY_PAIRS]
    return [one for one in able if not one.families or wanted & set(one.families)]


def _found(pool: Pool, stale: Sequence[Provider], progress: Progress) -> Iterable[tuple[Provider, list[Group]]]:
    """Each provider with its groups; all lexicons share one pass over the captions."""
    from .providers.lexicons import Lexicon, find_all

    lexicons = [one for one in stale if isinstance(one, Lexicon)]
    others = [one for one in stale if not isinstance(one, Lexicon)]
    steps = Steps(dict.fromkeys(["lexicons", *(one.id for one in others)], 1 / (1 + len(others))), progress)
    if lexicons:
        yield from zip(lexicons, find_all(pool, lexicons, steps.of("lexicons")))
    for number, one in enumerate(others, start=1):
        try:
            yield one, one.find(pool, steps.of(one.id))
        except InputError as error:
            progress(number, 1 + len(others), f"{one.id} left out: {error}")


def _choose(groups: Groups, wanted: set[str] | None, pool: Pool) -> Groups:
    """The groups of the wanted families; one that can be looked for but has no members is simply empty."""
    if wanted is None:
        return groups
    listed = providers(pool)
    possible = {family for one in listed if not one.missing(pool) for family in one.families} | set(groups.families)
    for family in sorted(wanted - possible):
        reasons = [f"{one.id}: {one.missing(pool)}" for one in listed if family in one.families]
        why = "; ".join(reasons) or f"the families of this pool are {', '.join(sorted(possible))}"
        raise InputError(f"no family {family!r} in this pool; {why}.")
    return groups.choose(wanted & set(groups.families))

"""Groups of one's own that were removed or replaced: their files wait in the pool's trash."""

from pathlib import Path

from .. import files
from ..pool import Pool, trash
from . import group_files
from .providers.listed import listed


def own(pool: Pool) -> dict[str, list[Path]]:
    """The groups that were added to the pool, by name: their table or lexicon, then what was found by it."""
    named = {one.name: (one.path, one.id) for one in listed(pool)}
    named |= {path.stem: (path, f"lexicon-{path.stem}") for path in (pool.path / "lexicons").glob("*.yaml")}
    return {name: [path, *_found_by(pool, provider)] for name, (path, provider) in named.items()}


def discard(pool: Pool, name: str) -> None:
    """Moves the groups `name` to the trash."""
    with pool.changing():
        trash.move(pool.path, "groups", name, own(pool)[name])
    mark(pool)


def forget(pool: Pool, provider: str) -> None:
    """Deletes what was found by a provider."""
    for path in _found_by(pool, provider):
        path.unlink(missing_ok=True)


def mark(pool: Pool) -> None:
    """A list that is newer than all others, so that open pages see that groups came or went."""
    files.write_json(group_files.folder(pool) / "own.list.json", {"tables": [one.name for one in listed(pool)]})


def _found_by(pool: Pool, provider: str) -> list[Path]:
    """A provider's list, then the files of its groups."""
    folder = group_files.folder(pool)
    listing = folder / f"{provider}.list.json"
    if not listing.exists():
        return []
    ids = group_files.listing(listing).get("groups", [])
    paths = [folder / f"{id}{end}" for id in ids for end in (".json", ".npy")]
    return [listing, *(path for path in dict.fromkeys(paths) if path.exists())]

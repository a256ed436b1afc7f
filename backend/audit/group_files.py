"""Found groups on disk beside the pool: one bitmap and one provenance file each, one list per provider, written last."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..pool import Pool
from ..versions import __version__
from .group import Definition, Group
from .provider import Provider


def folder(pool: Pool) -> Path:
    return pool.path / "groups"


def load(pool: Pool, provider: Provider) -> list[Group] | None:
    """The groups that `provider` found, if they are of these pairs and of its present definition; else None."""
    content = fresh(pool, provider)
    if content is None:
        return None
    groups = []
    for id in content["groups"]:
        try:
            about = files.read_json(folder(pool) / f"{id}.json")
            bits = files.read_array(folder(pool) / f"{id}.npy")
            definition = Definition(**about["definition"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if bits.dtype != np.uint64 or bits.shape != ((len(pool) + 63) // 64,):
            return None
        groups.append(Group(definition, bits))
    return groups


def save(pool: Pool, provider: Provider, groups: list[Group]) -> None:
    """Writes bitmaps and provenance, then the provider's list, so that a half-written state is never read."""
    directory = folder(pool)
    directory.mkdir(parents=True, exist_ok=True)
    _list(pool, provider.id).unlink(missing_ok=True)
    key = _key(pool, provider)
    for group in groups:
        id = group.definition.id
        files.write_array(directory / f"{id}.npy", group.bits)
        members = int(np.bitwise_count(group.bits).sum())
        files.write_json(
            directory / f"{id}.json",
            {
                "definition": group.definition.as_json(), "pairs": len(pool), "n": members,
                "made_by": {"poolscope": __version__, "pool_version": pool.version, **key},
            },
        )  # fmt: skip
    ids = [group.definition.id for group in groups]
    files.write_json(_list(pool, provider.id), {"provider": provider.id, "key": key, "groups": ids})


def stamp(pool: Pool) -> int:
    """Changes whenever groups of the pool are found again; 0 when there are none."""
    return max((path.stat().st_mtime_ns for path in folder(pool).glob("*.list.json")), default=0)


def fresh(pool: Pool, provider: Provider) -> dict[str, Any] | None:
    """The list of what `provider` found on these pairs by its present definition; None where it has not."""
    content = listing(_list(pool, provider.id))
    return content if content.get("key") == _key(pool, provider) else None


def listing(path: Path) -> dict[str, Any]:
    """What a provider's list says; empty if it is missing or damaged, for its groups can be found again."""
    content: dict[str, Any] = files.known_json(path, {})
    groups = content.get("groups")
    sound = isinstance(groups, list) and all(isinstance(id, str) and Path(id).name == id for id in groups)
    return content if sound else {}


def _list(pool: Pool, provider_id: str) -> Path:
    return folder(pool) / f"{provider_id}.list.json"


def _key(pool: Pool, provider: Provider) -> dict[str, Any]:
    stated = json.dumps(provider.key(pool), sort_keys=True, ensure_ascii=False, default=str)
    return {"provider": provider.id, "pairs": len(pool), "settings": hashlib.sha256(stated.encode()).hexdigest()}

"""Groups of one's own in a pool: adding a lexicon or a table of keys and group names, and removing it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import files
from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from ..sources.keyed import CALLED as KEY_NAMES
from ..sources.keyed import KINDS, TABLES, opened
from . import catalog, group_files
from .discarded import discard, forget, mark, own
from .group import Group, slug
from .lexicon import NAME, Pack, load_pack, packs, save_pack
from .providers.lexicons import Lexicon
from .providers.listed import FOLDER, ON, Listed, codes_of, listed

KEYS = ("uid", "id", "url")
LEXICONS = (".yaml", ".yml")
MOST = 500
LONGEST = 200
CALLED = ("group", "groups", "label", "class")


@dataclass
class Added:
    """What was added: `groups` by name with their pairs, and the rows that count for nothing, by reason."""

    name: str
    kind: str
    groups: dict[str, int]
    unknown: int = 0
    repeated: int = 0
    blank: int = 0
    bad_rows: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def add(
    pool: Pool, source: str | Path, *, name: str | None = None, on: str | None = None, key: str | None = None,
    column: str | None = None, force: bool = False, progress: Progress = silent,
) -> Added:  # fmt: skip
    """Adds the groups of a lexicon (YAML) or of a table `key -> group` to the pool, and finds them.

    `name`: by default the lexicon's own or the file's. Of a table: `on` says what its keys are (`uid`, `id`, `url`; by
    default the first of them that it has), `key` and `column` name the columns of keys and of groups. Keys that the pool
    lacks are kept, for pairs may be added, and counted; of repeated keys the first counts.
    Raises InputError for a file that can't be read, no key that the pool has, more than 500 groups, and a name that is
    taken (unless `force`, and never a name of the program's own providers).
    """
    source = Path(source)
    if source.name.lower().endswith(LEXICONS):
        if on or key or column:
            raise InputError(f"{source.name!r} is a lexicon, which has no columns; leave out --on, --key and --column.")
        return _lexicon(pool, source, name, force, progress)
    if source.name.lower().endswith(TABLES):
        return _table(pool, source, name, on, key, column, force, progress)
    tables = ", ".join(KINDS[:-2])
    raise InputError(f"{source.name!r} is no file of groups; give a lexicon (.yaml) or a table ({tables}).")


def of_rows(pool: Pool, rows: np.ndarray, name: str) -> Added:
    """Adds the pairs `rows` `(k,)`, in any order, as a group of their own. Raises InputError for a name that is taken."""
    import tempfile

    import pyarrow.parquet as pq

    uids = pool.uids()[np.unique(rows)]
    keys = [f"{high:016x}{low:016x}" for high, low in zip(uids["f0"].tolist(), uids["f1"].tolist())]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "group.parquet"
        pq.write_table(pa.table({"uid": keys, "group": pa.array([name[:LONGEST]] * len(keys), pa.utf8())}), path)
        return add(pool, path, name=name, on="uid")


def remove(pool: Pool, name: str) -> str:
    """Removes groups that were added; returns what they were. A lexicon of the program that they replaced is back.

    They wait in the pool's trash. Raises InputError for a name that was not added.
    """
    known = own(pool)
    name = name if name in known else slug(name, 38).replace(".", "-")
    if name not in known:
        raise InputError(f"no groups of your own are called {name!r}; there are {', '.join(sorted(known)) or 'none'}.")
    discard(pool, name)
    return "table" if known[name][0].suffix == ".parquet" else "lexicon"


def _lexicon(pool: Pool, source: Path, name: str | None, force: bool, progress: Progress) -> Added:
    pack = load_pack(source)
    if name is not None:
        pack = Pack.model_validate({**pack.model_dump(), "pack": _slugged(name)})
    _check_free(pool, pack.pack, force, "lexicon")
    provider = Lexicon(pack)
    if provider.missing(pool):
        raise InputError(f"a lexicon reads captions, and {provider.missing(pool)}; give a table of keys instead.")
    groups = provider.find(pool, progress)
    if pack.pack in own(pool):
        discard(pool, pack.pack)
    save_pack(pack, pool)
    sizes = dict.fromkeys(pack.groups, 0) | _keep(pool, provider, groups)
    return Added(pack.pack, "lexicon", sizes)


def _table(
    pool: Pool, source: Path, name: str | None, on: str | None, key: str | None, column: str | None, force: bool,
    progress: Progress,
) -> Added:  # fmt: skip
    ending = max((one for one in TABLES if source.name.lower().endswith(one)), key=len)
    slugged = _slugged(source.name[: -len(ending)] if name is None else name)
    _check_free(pool, slugged, force, "table")
    path = pool.path / FOLDER / f"{slugged}.parquet"
    added = Added(slugged, "table", {})
    with files.replacing(path) as part:
        on = _copy(source, part, pool, on, key, column, added)
        _, _, keys = codes_of(part, pool, on, progress)
        added.unknown, added.repeated = keys.unknown, keys.repeated
        if not keys.taken:
            raise InputError(
                f"none of the {keys.unknown:,} keys of {source.name!r} is the {on} of a pair of {pool.name!r}; choose what "
                "they are with --on, and their column with --key."
            )
        if slugged in own(pool):
            discard(pool, slugged)
    provider = Listed(path)
    added.groups = _keep(pool, provider, provider.find(pool, progress))
    return added


def _copy(
    source: Path, target: Path, pool: Pool, on: str | None, key: str | None, column: str | None, added: Added
) -> str:
    """Writes keys and groups as text; returns what the keys are."""
    import pyarrow.parquet as pq

    on = on or _keys_of(source, key, pool)
    if on not in KEYS:
        raise InputError(f"--on {on!r} is not known; choose uid, id or url.")
    schema = pa.schema([("key", pa.utf8()), ("group", pa.utf8())], metadata={ON: on.encode()})
    names: set[str] = set()
    with opened(source, on, key, None, target.parent) as table, pq.ParquetWriter(target, schema) as writer:
        chosen = _group_column(list(table.types), column)
        for keys, batch in table.batches([chosen]):
            groups = _texts(batch.column(0), chosen)
            named = pc.and_(pc.is_valid(keys), pc.fill_null(pc.not_equal(groups, ""), False))
            added.blank += len(groups) - int(pc.sum(named).as_py() or 0)
            groups = groups.filter(named)
            names.update(pc.unique(groups).to_pylist())
            _check_groups(names, chosen)
            writer.write_batch(pa.record_batch([_texts(keys, "key").filter(named), groups], schema=schema))
        added.bad_rows = table.bad_rows
    return on


def _keys_of(source: Path, key: str | None, pool: Pool) -> str:
    """What the keys of a table are, by the names of its columns; of several kinds the first that the pool has too."""
    with opened(source, "row", None, None, source.parent) as table:
        names = {name.lower() for name in (table.types if key is None else [key])}
    keys = [on for on in KEYS if names & set(KEY_NAMES[on])]
    if not keys and key is None:
        raise InputError(
            f"{source.name!r} has no key column uid, id or url; name it with --key, and say what it holds with --on."
        )
    return next((on for on in keys if on == "uid" or on in pool.columns), keys[0] if keys else "uid")


def _group_column(names: list[str], wanted: str | None) -> str:
    if wanted is not None and wanted not in names:
        raise InputError(f"the file has no column {wanted!r} for --column; it has {', '.join(names) or 'none'}.")
    by_name = next((name for call in CALLED for name in names if name.lower() == call), None)
    column = wanted or by_name or (names[0] if len(names) == 1 else None)
    if column is None:
        raise InputError(f"which column names the group? Say --column; beside the key there are {', '.join(names) or 'none'}.")  # fmt: skip
    return column


def _texts(values: pa.Array, name: str) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        return pc.utf8_trim_whitespace(values.cast(pa.utf8()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(f"column {name!r} of {values.type} is no text; give one name a row.") from None


def _check_groups(names: set[str], column: str) -> None:
    if len(names) > MOST:
        raise InputError(f"column {column!r} has more than {MOST} groups; give coarser ones, or another --column.")
    several = next((name for name in names if name.startswith("[") and name.endswith("]")), None)
    if several is not None:
        raise InputError(f"column {column!r} lists groups, such as {several[:40]}; give one group a row.")
    long = next((name for name in names if len(name) > LONGEST), None)
    if long is not None:
        raise InputError(f"group {long[:40]!r}… of column {column!r} is above {LONGEST} characters; shorten it.")


def _slugged(name: str) -> str:
    spelled = slug(name, 38).replace(".", "-")
    if not any(character.isalnum() for character in name) or not NAME.match(spelled):
        raise InputError(f"{name[:60]!r} is no name for groups; give letters or digits with --name.")
    return spelled


def _check_free(pool: Pool, name: str, force: bool, kind: str) -> None:
    others = [one for one in catalog.providers(pool) if not isinstance(one, Lexicon | Listed)]
    tables, lexicons = {one.name for one in listed(pool)}, set(packs(pool))
    if name in {word for one in others for word in (one.id, *one.families)} | (lexicons if kind == "table" else tables):
        raise InputError(f"the name {name!r} is taken by other groups; choose another with --name.")
    if name in (tables if kind == "table" else lexicons) and not force:
        raise InputError(f"groups {name!r} exist already; choose another --name, or replace them with --force.")
    for path in group_files.folder(pool).glob(f"{name}.*.json"):
        if path.name != f"{name}.list.json" and _source(path) != f"lexicon-{name}":
            raise InputError(f"the name {name!r} is taken by a column's groups; choose another with --name.")


def _source(definition: Path) -> object:
    """Where a group comes from; None where its file is damaged."""
    about = files.known_json(definition, {}).get("definition")
    return about.get("source") if isinstance(about, dict) else None


def _keep(pool: Pool, provider: Lexicon | Listed, groups: list[Group]) -> dict[str, int]:
    forget(pool, provider.id)
    group_files.save(pool, provider, groups)
    mark(pool)
    return {one.definition.group: int(np.bitwise_count(one.bits).sum()) for one in groups}

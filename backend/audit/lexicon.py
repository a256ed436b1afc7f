"""Lexicon packs: editable YAML lists of words whose mention in a caption makes a group, in several languages."""

import re
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field, ValidationError, model_validator

from .. import files
from ..errors import InputError
from ..paths import ASSETS
from ..pool import Pool
from ..recipe.kinds import Strict
from ..recipe.notation import Words  # `no`, `on` and `yes` are terms and language codes

FOLDER = ASSETS / "lexicons"
LARGEST = 4_000_000
LONGEST_TERM = 100
NAME = re.compile(r"^[a-z0-9][a-z0-9_\-]{0,47}$")
ANYWHERE = frozenset({"ja", "zh", "th", "lo", "km", "my", "yue"})  # written without spaces between words
START_ONLY = frozenset({"ko"})  # particles follow a noun without a space


class GroupWords(Strict):
    """What makes a caption belong to a group: any of its `terms` (by language), a `regex` (RE2, any case), or an SQL
    condition `where` on the pool's columns. A term inside one of the `stop` contexts does not count."""

    title: str
    terms: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    stop: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    where: str = ""

    @model_validator(mode="after")
    def _sound(self) -> "GroupWords":
        import pyarrow as pa
        import pyarrow.compute as pc

        for term in (*(term for listed in self.terms.values() for term in listed), *self.stop):
            if not term.strip(" *") or len(term) > LONGEST_TERM or "*" in term[:-1]:
                raise ValueError(f"term {term[:40]!r}: 1 to {LONGEST_TERM} characters; `*` only at the end")
        for pattern in self.regex:
            try:
                pc.match_substring_regex(pa.array([""]), pattern, ignore_case=True)
            except pa.ArrowInvalid as error:
                raise ValueError(f"regex {pattern[:40]!r} can't be read: {error}") from None
        if not (self.terms or self.regex or self.where):
            raise ValueError("a group needs terms, regex or where")
        return self


class Pack(Strict):
    """One file: groups of one family, how they are found, and what is known to go wrong."""

    pack: str
    family: str
    title: str
    method: str = "case-insensitive whole words in the caption, minus stop contexts"
    error: str
    version: int = 1
    groups: dict[str, GroupWords] = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _named(self) -> "Pack":
        for name in (self.pack, *self.groups):
            if not NAME.match(name):
                raise ValueError(f"{name!r} is no name: lower-case letters, digits, `_`, `-`")
        return self


def load_pack(source: str | Path) -> Pack:
    """A pack from a YAML file or YAML text. Raises InputError, one line, for what can't be read."""
    named = "the lexicon"
    if isinstance(source, Path):
        named = str(source)
        if not source.is_file() or source.stat().st_size > LARGEST:
            raise InputError(f"no lexicon at {named!r}, or it is above {LARGEST:,} bytes; give a .yaml file.")
        text = source.read_text(encoding="utf-8", errors="replace")
    else:
        text = source
    try:
        content = yaml.load(text, Loader=Words)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{named} is not YAML: {' '.join(str(error).split())[:200]}; see assets/lexicons.") from None
    try:
        return Pack.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "lexicon"
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{named}: {place}: {reason}; see assets/lexicons for examples.") from None


def changed(pool: Pool) -> dict[str, str]:
    """The packs of a pool that are not as they came with the program (pruned, edited, own), by name, as YAML."""
    return {name: dump_pack(pack) for name, pack in packs(pool).items() if shipped().get(name) != pack}


def dump_pack(pack: Pack) -> str:
    """The pack as YAML; `load_pack(dump_pack(pack)) == pack`."""
    content = pack.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


@cache
def shipped() -> dict[str, Pack]:
    """The packs that come with the program, by name."""
    return {pack.pack: pack for pack in map(load_pack, sorted((FOLDER / "words").glob("*.yaml")))}


def packs(pool: Pool) -> dict[str, Pack]:
    """The packs that count for a pool: the shipped ones, replaced or joined by those saved in `<pool>/lexicons`."""
    own = [load_pack(path) for path in sorted((pool.path / "lexicons").glob("*.yaml"))]
    return {**shipped(), **{pack.pack: pack for pack in own}}


def save_pack(pack: Pack, pool: Pool) -> Path:
    """Writes `<pool>/lexicons/<pack>.yaml`, which from then on replaces the shipped pack of that name."""
    path = pool.path / "lexicons" / f"{pack.pack}.yaml"
    files.write_text(path, dump_pack(pack))
    return path


def prune(pack: Pack, group: str, contexts: list[str]) -> Pack:
    """The pack with more stop contexts for a group, one version later.

    Raises InputError for an unknown group and for a context that holds none of the group's terms, which would stop nothing.
    """
    if group not in pack.groups:
        raise InputError(f"{pack.pack} has no group {group!r}; it has {', '.join(pack.groups)}.")
    words = pack.groups[group]
    terms = [term.rstrip("*").casefold() for listed in words.terms.values() for term in listed]
    added = [" ".join(context.split()) for context in contexts if context.strip()]
    for context in added:
        if not any(term in context.casefold() for term in terms):
            raise InputError(f"the context {context[:60]!r} holds no term of {group!r}; write it with the term in it.")
    stop = tuple(dict.fromkeys([*words.stop, *added]))
    content = pack.model_dump()
    content["groups"][group]["stop"] = stop
    return Pack.model_validate({**content, "version": pack.version + 1})

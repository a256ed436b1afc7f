"""Options of an import: what a person says where looking can't tell."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import InputError

CAPTIONS = ("all", "first", "longest")


@dataclass(frozen=True)
class Options:
    """Names of the source's columns (`text`, `image`, `url`, `id`, `uid`, `width`, `height`, `sha256`), the directory
    that relative image paths are below (`images`), which of several captions come in (`captions`), how a text table is
    written (`delimiter`, `encoding`, `header`), and whether every image is opened (`check`). `image_key` and
    `caption_key` name members of webdataset shards."""

    text: str | None = None
    image: str | None = None
    url: str | None = None
    id: str | None = None
    uid: str | None = None
    width: str | None = None
    height: str | None = None
    sha256: str | None = None
    images: str | None = None
    captions: str = "all"
    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None
    check: bool = True
    image_key: str | None = None
    caption_key: str | None = None

    def __post_init__(self) -> None:
        if self.captions not in CAPTIONS:
            raise InputError(f"--captions {self.captions!r} is not known; allowed are {', '.join(CAPTIONS)}.")
        if self.delimiter is not None:
            given = {"tab": "\t", "\\t": "\t"}.get(self.delimiter, self.delimiter)
            if len(given) != 1 or given in '"\r\n':
                raise InputError(f"--delimiter {self.delimiter!r} is not one character; write for example ';' or tab.")
            object.__setattr__(self, "delimiter", given)
        if self.encoding is not None:
            _check_encoding(self.encoding)

    @property
    def named(self) -> Mapping[str, str]:
        """Role → column, for the roles that are given."""
        roles = ("text", "image", "url", "id", "uid", "width", "height", "sha256")
        return {role: getattr(self, role) for role in roles if getattr(self, role) is not None}

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def _check_encoding(name: str) -> None:
    import codecs

    try:
        if codecs.lookup(name)._is_text_encoding:
            return
    except (LookupError, ValueError):
        pass
    raise InputError(
        f"--encoding {name!r} is not known; write for example utf-16, latin-1, cp1252, gb18030 or shift_jis."
    )

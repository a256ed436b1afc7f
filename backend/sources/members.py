"""Members of a sample: which file is the image, which holds the caption, and what they say."""

import codecs
from dataclasses import dataclass
from typing import Any, cast, get_args

from ..errors import InputError
from ..pool.decoding import starts_as
from ..pool.tar import IMAGES, Member, ReadAt, Sample
from . import fields
from .captions import LONGEST_CAPTION
from .fields import Which

TEXTS = ("txt", "text", "caption", "cap")
SMALL = 8 * LONGEST_CAPTION
HEAD = 16


@dataclass(frozen=True)
class Keys:
    """How to read a sample: extensions that hold its image, extensions or JSON fields that hold its caption (empty:
    the usual ones), and which of several captions to take."""

    image: tuple[str, ...] = ()
    caption: tuple[str, ...] = ()
    captions: Which = "all"

    @classmethod
    def named(cls, image: str | None, caption: str | None, captions: str) -> "Keys":
        """`image` and `caption` as on a command line, several separated by `;` or `,` as webdataset writes them.

        Raises InputError if `captions` is none of `all`, `first`, `longest`.
        """
        if captions not in get_args(Which):
            raise InputError(f"--captions {captions!r} is not allowed; choose {', '.join(get_args(Which))}.")

        def parts(text: str | None) -> tuple[str, ...]:
            split = (text or "").replace(";", ",").split(",")
            return tuple(part.strip().removeprefix(".").lower() for part in split if part.strip(". "))

        return cls(parts(image), parts(caption), cast(Which, captions))

    @property
    def usual(self) -> bool:
        return not self.image and not self.caption


@dataclass(frozen=True)
class Found:
    """What a sample's files are: its image, its caption's file, its JSON; each may be missing."""

    image: Member | None
    text: Member | None
    about: Member | None

    @property
    def whole(self) -> bool:
        """Whether there is an image and something that may hold a caption."""
        return self.image is not None and bool((self.text and self.text.size) or self.about)


def find(sample: Sample, read_at: ReadAt, keys: Keys) -> Found:
    """The members of a sample by their names; an image also by its first bytes, where no name tells one."""
    texts = keys.caption or TEXTS
    text = sample.named(texts)
    about = sample.part("json")
    if keys.image:
        image = next((one for key in keys.image for one in sample.members if one.extension == key), None)
        return Found(image, text, about)
    image = sample.image()
    if image is None and sum(one.extension.rpartition(".")[2] in IMAGES for one in sample.members) < 2:
        image = next((one for one in sample.members if one not in (text, about) and _is_image(one, read_at)), None)
    return Found(image, text, about)


def _is_image(member: Member, read_at: ReadAt) -> bool:
    return member.size > HEAD and bool(starts_as(read_at(member.offset, HEAD)))


def captions(parts: Found, about: dict[str, Any], read_at: ReadAt, keys: Keys) -> tuple[list[str], str] | str:
    """The captions and the JSON field that gave them (empty: a file did), or the reason why there are none."""
    problem = "no caption"
    if parts.text is not None and parts.text.size:
        if parts.text.size > SMALL:
            return f".{parts.text.extension} larger than {SMALL:,} bytes"
        text = decoded(read_at(parts.text.offset, parts.text.size))
        if text is None:
            problem = "caption is not UTF-8"
        elif text.strip():
            return [text], ""
    texts, field = fields.captions(about, keys.caption)
    good = [text for text in texts if fields.valid(text)]
    if good:
        return fields.chosen(good, keys.captions), field
    return "caption is not valid Unicode" if texts else problem


def decoded(content: bytes) -> str | None:
    """Text of a file, without its byte order mark and the line end after it; None if it is neither UTF-8 nor UTF-16
    with a mark."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and len(content) > 2
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return None


def about(parts: Found, read_at: ReadAt) -> dict[str, Any] | str:
    """The sample's JSON, empty if it has none, or the reason why it can't be used."""
    if parts.about is None:
        return {}
    if parts.about.size > SMALL:
        return f".json larger than {SMALL:,} bytes"
    try:
        given = fields.parse(read_at(parts.about.offset, parts.about.size))
    except UnicodeDecodeError:
        return "JSON is not UTF-8"
    except (ValueError, RecursionError):
        return "JSON can't be read"
    if isinstance(given, (str, list)) and fields.captions({"caption": given})[0]:
        return {"captions": given}
    return given if isinstance(given, dict) else "JSON is not an object"

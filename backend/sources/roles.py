"""Roles: which column of a table is the caption, the image, the url and so on, by name and, failing that, by content."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from ..errors import InputError

USUAL: dict[str, tuple[str, ...]] = {
    "text": (
        "text", "caption", "captions", "txt", "title", "alt", "alt_text", "sentence", "sentences", "texts", "comment",
        "raw", "description", "prompt", "label_text", "name_text", "caption_reference_description", "conversations",
        "messages",
    ),
    "image": (
        "image", "file_name", "filename", "filepath", "file_path", "path", "img", "image_path", "img_path", "image_file",
        "image_name", "file", "jpg", "png", "image_filename", "images", "picture", "photo",
    ),
    "url": ("url", "image_url", "img_url", "coco_url", "link", "src", "photo_image_url", "urls", "flickr_url"),
    "uid": ("uid",),
    "id": ("id", "image_id", "img_id", "imgid", "key", "cocoid", "photo_id", "sample_id", "pair_id", "__key__"),
    "width": ("original_width", "width", "image_width", "w"),
    "height": ("original_height", "height", "image_height", "h"),
    "sha256": ("sha256",),
    "image_offset": ("image_offset",),
    "image_bytes": ("image_bytes",),
    "face_bboxes": ("face_bboxes",),
}  # fmt: skip
ABOUT_CAPTIONS = {
    "id", "ids", "length", "len", "count", "num", "number", "index", "idx", "score", "similarity", "lang", "language",
    "embedding", "emb", "source", "type", "model", "time", "date", "author", "tokens", "words",
}  # fmt: skip
EXTENSIONS = r"\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|avif|heic|svg)"
NUMBERED = re.compile(rf"{EXTENSIONS}#\d+$", re.I)
IMAGE = re.compile(rf"{EXTENSIONS}(#\d+)?$", re.I)
WRITTEN_OUT = re.compile(
    r"\s*(data:image/|/9j/|iVBORw0KGgo|UklGR|R0lGOD)[A-Za-z0-9+/=;,\s]{90}"
)  # as images begin in Base64
_URL = re.compile(r"^https?://", re.I)


def plain(name: str) -> str:
    """A column's name for comparing: lower case, words joined: `imageUrl`, `Image URL` and `image_url` are one."""
    return re.sub(r"(?<=[^\W_])[\s._\-]+(?=[^\W_])", "", name.strip()).casefold()


def known(names: Sequence[str]) -> int:
    """How many of the names are those of a role."""
    usual = {plain(name) for role in USUAL.values() for name in role}
    return len({plain(name) for name in names} & usual)


def choose(
    names: Sequence[str], named: Mapping[str, str], usable: Mapping[str, Sequence[str]] | None = None
) -> dict[str, str]:
    """Role → column. `named` overrides; `usable` limits the columns of a role to those whose type can serve it.

    Raises InputError for a column in `named` that does not exist.
    """
    roles = {role: given(role, column, names) for role, column in named.items()}
    for role, usual in USUAL.items():
        if role in roles:
            continue
        free = [name for name in (usable or {}).get(role, names) if name not in roles.values() or role in ("uid", "id")]
        exact = next((name for name in usual if name in free), None)
        by_plain = {plain(name): name for name in reversed(free)}
        source = exact or next((by_plain[plain(name)] for name in usual if plain(name) in by_plain), None)
        if source is not None and not (role == "id" and source in (roles.get("image"), roles.get("text"))):
            roles[role] = source
    if "text" not in roles:
        free = [name for name in (usable or {}).get("text", names) if name not in roles.values() and _of_captions(name)]
        roles |= {"text": free[0]} if len(free) == 1 else {}
    return roles


def image_key(names: Sequence[str]) -> str | None:
    """The column whose values tell images from each other: by its name the image's id, else an id."""
    of_image = ("image_id", "img_id", "imgid", "photo_id", "cocoid")
    by_plain = {plain(name): name for name in reversed(names)}
    return next((by_plain[plain(one)] for one in (*of_image, *USUAL["id"]) if plain(one) in by_plain), None)


def says_caption(name: str) -> bool:
    """Whether a column of that name usually holds captions."""
    usual = {plain(one) for one in USUAL["text"]} - {"conversations", "messages"}
    return plain(name) in usual or _of_captions(name)


def _of_captions(name: str) -> bool:
    """Whether a name such as `blip_caption` is that of captions, not of what is counted or known of them."""
    words = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
    return bool(words & {"caption", "captions"}) and not words & ABOUT_CAPTIONS


def given(role: str, column: str, names: Sequence[str]) -> str:
    """The column that an option names, whatever its case. Raises InputError if there is none."""
    if column in names:
        return column
    alike = [name for name in names if plain(name) == plain(column)]
    if len(alike) == 1:
        return alike[0]
    raise InputError(f"the table has no column {column!r} for --{role}; its columns: {', '.join(map(str, names))}.")


def by_content(rows: Sequence[Mapping[str, object]], roles: Mapping[str, str], *, captions: bool) -> dict[str, str]:
    """The roles that names didn't settle, from what the columns hold: image files, URLs and, if `captions`, most words."""
    chosen = dict(roles)
    texts = {
        name: [value for row in rows if isinstance(value := row[name], str) and value]
        for name in (rows[0] if rows else ())
        if name not in roles.values()
    }
    texts = {name: values for name, values in texts.items() if values}
    if "url" not in chosen and (url := _most(texts, _URL)):
        chosen["url"] = url
        texts.pop(url)
    if "image" not in chosen and "url" not in chosen and (image := _most(texts, IMAGE) or _most(texts, WRITTEN_OUT)):
        chosen["image"] = image
        texts.pop(image)
    if "text" not in chosen and (phrases := _phrases(rows, chosen)):
        return chosen | {"text": phrases}
    if captions and "text" not in chosen and texts:
        words = {name: sum(len(value.split()) for value in values) / len(values) for name, values in texts.items()}
        best = max(words, key=lambda name: words[name])
        only = len(texts) == 1 and sum(any(map(str.isalpha, value)) for value in texts[best]) > len(texts[best]) / 2
        if words[best] >= 2 or only:
            chosen["text"] = best
    return chosen


def _phrases(rows: Sequence[Mapping[str, object]], roles: Mapping[str, str]) -> str | None:
    """The column of lists of records that each have a phrase (Visual Genome's regions)."""
    for name in rows[0] if rows else ():
        values = [str(row[name]).lstrip() for row in rows if row[name]]
        if (
            name not in roles.values()
            and values
            and all(re.match(r"\[\s*\{.*[\"']phrase[\"']\s*:", v, re.S) for v in values)
        ):
            return name
    return None


def _most(texts: Mapping[str, Sequence[str]], pattern: re.Pattern[str]) -> str | None:
    shares = {name: sum(bool(pattern.search(v)) for v in values) / len(values) for name, values in texts.items()}
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= 0.8 else None


def column_name(name: str, taken: set[str]) -> str:
    """`name` as the store can hold it, and no other column of `taken` (lower case) has it: ASCII letters, digits, `_`
    and `-`, a letter first."""
    spelled = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o").replace("Ø", "O"))
    spelled = "".join(letter for letter in spelled if not unicodedata.combining(letter))
    spelling = re.sub(r"[^A-Za-z0-9_\-]+", "_", spelled).strip("_")[:56]
    if not spelling[:1].isalpha():
        spelling = f"column_{spelling}".rstrip("_")
    free, number = spelling, 1
    while free.lower() in taken:
        number += 1
        free = f"{spelling}_{number}"
    return free

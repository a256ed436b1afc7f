"""Annotation files: what a JSON that is one value says of images, a record for each, whoever wrote it."""

from collections.abc import Mapping
from typing import Any

from . import fields
from .npz import Damaged
from .roles import IMAGE, choose, known

Rejected = list[tuple[str, str]]  # where a caption stands that is left out, and why
REFUSED = ("is_rejected", "is_precanned")  # what VizWiz's annotators say of captions that are none


def records(value: Any, rejected: Rejected) -> list[Mapping[str, Any]]:
    """The records of an annotation file: COCO's and Karpathy's, tables by column or by key, a list under any name.

    Captions that the file itself rejects are added to `rejected`. Raises Damaged for a file of another kind.
    """
    if isinstance(value, list):
        return [one for one in value if isinstance(one, dict)]
    if not isinstance(value, dict):
        return []
    images: Any = value.get("images")
    notes: Any = value.get("annotations")
    if _listed(images) and _listed(notes):
        if not any(isinstance(note.get("caption"), str) for note in notes):
            raise Damaged("its annotations hold no captions")
        return _coco(images, notes, rejected)
    if _listed(images) and "sentences" in images[0]:
        return [_karpathy(one) for one in images]
    if _listed(value.get("shardlist")) or (_listed(value.get("shards")) and "raw_data" in value["shards"][0]):
        what = "MDS shards (streaming), which are not read; make webdataset of them" if "shards" in value else "shards"
        raise Damaged(f"it is an index of {what}{'' if 'shards' in value else '; give their folder'}")
    lists: list[list[Mapping[str, Any]]] = [one for one in value.values() if _listed(one)]
    if lists and not _is_record(value):
        return max(lists, key=lambda one: len(one))
    return _by_column(value) or _by_key(value) or [value]


def _is_record(value: dict[str, Any]) -> bool:
    """Whether an object with lists in it is a pair by itself: it has a caption and an image or URL of its own."""
    captioned = any(isinstance(value.get(name), str) for name in ("caption", "text", "txt"))
    return captioned and bool({"image", "url"} & choose(list(value), {}).keys())


def _by_column(value: dict[str, Any]) -> list[Mapping[str, Any]]:
    """`{"text": ["a", "b"], "url": [...]}` and pandas' `{"text": {"0": "a"}, ...}` as records; none of another form."""
    inner = list(value.values())
    if len(inner) < 2 or not known(list(value)):
        return []
    if all(isinstance(one, list) for one in inner):
        if len({len(one) for one in inner}) > 1:
            lengths = ", ".join(f"{name!r} {len(one):,}" for name, one in list(value.items())[:5])
            raise Damaged(f"its columns have different lengths: {lengths}")
        return [dict(zip(value, row)) for row in zip(*inner)]
    if all(isinstance(one, dict) and one.keys() == inner[0].keys() for one in inner):
        return [{name: one[key] for name, one in value.items()} for key in inner[0]]
    return []


def _by_key(value: dict[str, Any]) -> list[Mapping[str, Any]]:
    """`{"1.jpg": "a caption" or [...]}` and `{"1" or "1.jpg": {"text": ...}}` as records; none of another form."""
    inner = list(value.values())
    name = "image" if all(IMAGE.search(key) for key in value) else "id"
    if inner and all(isinstance(one, dict) for one in inner):
        return [{name: key, **one, **_tagged(one)} for key, one in value.items()]
    if len(inner) > 1 and not known(list(value)) and all(isinstance(one, (bool, int, float)) for one in inner):
        return [{name: key, "value": one} for key, one in value.items()]
    if any(key.lower() in fields.CAPTIONS for key in value) or not all(isinstance(one, (str, list)) for one in inner):
        return []
    return [{name: key, "captions": one} for key, one in value.items()]


def _tagged(record: dict[str, Any]) -> dict[str, Any]:
    """The tags of an image as its caption, where it has no other (kohya's metadata)."""
    own = {"caption", "captions", "text"} & {name.lower() for name in record}
    return {"caption": record["tags"]} if not own and isinstance(record.get("tags"), str) else {}


def _listed(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _coco(images: list[dict[str, Any]], notes: list[dict[str, Any]], rejected: Rejected) -> list[Mapping[str, Any]]:
    """A record for each image, with all its captions but those marked as none."""
    captions_of: dict[Any, list[str]] = {}
    for number, note in enumerate(notes, start=1):
        why = next((mark for mark in REFUSED if note.get(mark) is True), "")
        if why:
            rejected.append((f"annotation {number}", f"annotation is marked {why}"))
        elif isinstance(note.get("caption"), str):
            captions_of.setdefault(str(note.get("image_id")), []).append(note["caption"])
    return [
        {"image_id": one.get("id"), "captions": captions_of.get(str(one.get("id"))),
         **{name: value for name, value in one.items() if name not in ("id", "image_id", "captions")}}
        for one in images
    ]  # fmt: skip


def _karpathy(image: dict[str, Any]) -> Mapping[str, Any]:
    folder, name = image.get("filepath"), image.get("filename")
    extra: dict[str, Any] = {key: image[key] for key in ("split", "cocoid", "imgid") if key in image}
    path = f"{folder}/{name}" if isinstance(folder, str) and folder else name
    return {"image": path, "captions": image.get("sentences"), **extra}

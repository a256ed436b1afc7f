"""Reads Open Clip Art from the Debian packages openclipart-png (images) and openclipart-svg (words)."""

import hashlib
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from .image import THUMBNAIL, Caption, SourceImage, difference_hash, on_white, webp

ROOT = Path("/usr/share/openclipart")
METADATA = re.compile(rb"<metadata.*?</metadata>", re.DOTALL)


def _line(text: str) -> str:
    return " ".join(html.unescape(text).split())


def words(svg: bytes) -> tuple[str, str, tuple[str, ...]]:
    """Title, description and keywords from the Dublin Core block of an SVG file ("" and () where missing)."""
    block = METADATA.search(svg)
    if block is None:
        return "", "", ()
    text = block.group(0).decode("utf-8", "replace")

    def first(tag: str) -> str:
        match = re.search(rf"<dc:{tag}>(.*?)</dc:{tag}>", text, re.DOTALL)
        return _line(match[1]) if match else ""

    keywords = tuple(filter(None, map(_line, re.findall(r"<rdf:li[^>]*>(.*?)</rdf:li>", text, re.DOTALL))))
    return first("title"), first("description"), keywords


def captions(title: str, description: str, keywords: tuple[str, ...], name: str) -> tuple[Caption, ...]:
    """What a web page would print beside the image: title, description, keywords, file name; no repeats."""
    texts = dict.fromkeys(filter(None, (title, description, ", ".join(keywords), name)))
    return tuple(Caption(text=text) for text in texts)


def images(root: Path = ROOT) -> Iterator[SourceImage]:
    """Every PNG of the collection, in the order of its path. An image linked into two folders comes twice."""
    Image.MAX_IMAGE_PIXELS = None  # one drawing has 231 million pixels
    drawn: dict[Path, tuple[int, int, str, bytes, bytes]] = {}
    for path in sorted((root / "png").rglob("*.png")):
        relative = path.relative_to(root / "png")
        real = path.resolve()
        if real not in drawn:
            content = real.read_bytes()
            with Image.open(io.BytesIO(content)) as image:
                thumbnail = on_white(image, THUMBNAIL)
                drawn[real] = (
                    *image.size,
                    hashlib.sha256(content).hexdigest(),
                    webp(thumbnail),
                    difference_hash(thumbnail),
                )
        width, height, sha256, thumbnail_file, print_ = drawn[real]
        title, description, keywords = words((root / "svg" / relative).with_suffix(".svg").read_bytes())
        yield SourceImage(
            url=f"openclipart/{relative}",
            source="openclipart",
            title=title,
            group="/".join(relative.parts[:-1][:2]),
            keywords=", ".join(keywords),
            captions=captions(title, description, keywords, relative.name),
            width=width,
            height=height,
            sha256=sha256,
            thumbnail=thumbnail_file,
            print_=print_,
        )

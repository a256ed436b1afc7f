"""Draws the emoji of Debian's fonts-noto-color-emoji and names them in the languages of the emoji package."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from .image import THUMBNAIL, Caption, SourceImage, difference_hash, on_white, unit_hash, webp

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
ORDER = Path("/usr/share/unicode/emoji/emoji-test.txt")  # Debian package unicode-data
SIZE = (136, 128)  # the font's one bitmap strike
STRIKE = 109
LANGUAGES_EACH = 3


def unicode_groups(order: Path = ORDER) -> dict[str, tuple[str, str]]:
    """Emoji sequence -> (group, subgroup) as Unicode's emoji-test.txt lists them."""
    groups: dict[str, tuple[str, str]] = {}
    group = subgroup = ""
    for line in order.read_text(encoding="utf-8").splitlines():
        if line.startswith("# group:"):
            group = line.split(":", 1)[1].strip()
        elif line.startswith("# subgroup:"):
            subgroup = line.split(":", 1)[1].strip()
        elif line and not line.startswith("#"):
            codes = line.split(";")[0].split()
            groups["".join(chr(int(code, 16)) for code in codes)] = (group, subgroup)
    return groups


def plain(name: str) -> str:
    """`:woman_astronaut_medium_skin_tone:` -> `woman astronaut medium skin tone`."""
    return " ".join(name.strip(":").replace("_", " ").split())


def captions(sequence: str, names: dict[str, Any]) -> tuple[Caption, ...]:
    """The English name, its English aliases, and the names in three other languages picked by a hash."""
    import emoji

    english = [str(names["en"]), *names.get("alias", ())]
    texts = [Caption(text=plain(name), language="en") for name in english]
    others = sorted(
        (code for code in emoji.LANGUAGES if code != "en" and code in names),
        key=lambda code: unit_hash("language", code, sequence),
    )
    texts += [Caption(text=plain(str(names[code])), language=code) for code in others[:LANGUAGES_EACH]]
    return tuple({caption.text: caption for caption in reversed(texts)}.values())[::-1]


def images() -> Iterator[SourceImage]:
    """Every fully qualified emoji that the font draws as one glyph, in the order of the emoji package."""
    import emoji

    for code in emoji.LANGUAGES:
        emoji.config.load_language(code)
    font = ImageFont.truetype(str(FONT), STRIKE, layout_engine=ImageFont.Layout.RAQM)
    one = font.getlength("\N{GRINNING FACE}")
    groups = unicode_groups()
    for sequence, names in emoji.EMOJI_DATA.items():
        box = font.getbbox(sequence)
        if names["status"] != emoji.STATUS["fully_qualified"] or font.getlength(sequence) != one:
            continue
        if box[3] <= box[1]:  # an empty glyph: the font is older than the emoji
            continue
        glyph = Image.new("RGBA", SIZE, (255, 255, 255, 0))
        ImageDraw.Draw(glyph).text((0, 0), sequence, font=font, embedded_color=True)
        thumbnail = on_white(glyph, THUMBNAIL)
        group, subgroup = groups.get(sequence, ("Unlisted", ""))
        yield SourceImage(
            url=f"noto-emoji/{'-'.join(f'{ord(c):x}' for c in sequence)}.png",
            source="emoji",
            title=plain(names["en"]),
            group=group,
            keywords=subgroup,
            captions=captions(sequence, names),
            width=SIZE[0],
            height=SIZE[1],
            sha256=hashlib.sha256(glyph.tobytes()).hexdigest(),
            thumbnail=webp(thumbnail),
            print_=difference_hash(thumbnail),
        )


def sized(emoji: Sequence[SourceImage], drawings: Sequence[SourceImage]) -> list[SourceImage]:
    """The emoji in the sizes of the clip art: each as wide and high as if it were drawn with the shorter side of one of
    the `drawings`, picked by a hash.

    The font's own 136 x 128 pixels would make of every rule of size a rule against emoji; in these sizes it keeps of
    both sources alike, as a web pool's images of any kind come in all sizes.
    """
    shorter = [min(image.width, image.height) for image in sorted(drawings, key=lambda image: image.url)]
    sides = (shorter[int(len(shorter) * unit_hash("size", image.url))] for image in emoji)
    width, height = (side / min(SIZE) for side in SIZE)
    return [replace(image, width=round(side * width), height=round(side * height)) for image, side in zip(emoji, sides)]

"""Decoding of image files: an allow-list of formats, upright, any depth and colour model as 8-bit RGB, bounded memory."""

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

warnings.filterwarnings("ignore", module=r"PIL\.")  # damaged EXIF data is nothing that a user could mend

# Pillow knows formats that start other programs (EPS, WMF) or parse little-tested ones; these are the web's.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM")
EXTENSIONS = {
    "JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "DIB": "bmp",
    "TIFF": "tiff", "AVIF": "avif", "JPEG2000": "jp2", "PPM": "ppm",
}  # fmt: skip
LARGEST_PIXELS = 64_000_000
LARGEST_SHRUNK = 20_000_000  # pixels held to make a thumbnail, 80 MB; a JPEG is shrunk before it is held
ORIENTATION = 0x0112  # the EXIF tag
_STARTS = {
    b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png", b"GIF87a": "gif", b"GIF89a": "gif", b"II*\0": "tiff",
    b"MM\0*": "tiff", b"\0\0\0\x0cjP  ": "jp2",
}  # fmt: skip
_SAME = {"jpeg": "jpg", "jpe": "jpg", "jfif": "jpg", "pjpeg": "jpg", "apng": "png", "tif": "tiff", "dib": "bmp",
         "j2k": "jp2", "pgm": "ppm", "pnm": "ppm"}  # fmt: skip


def open_rgb(picture: bytes, size: int | None = None) -> "Image.Image":
    """Decodes an image file to 8-bit RGB, upright by its EXIF orientation, transparency on white.

    Of several frames the first. 16-bit samples are divided by 257; other integers and floats are scaled by the range
    that holds them (1, 255, 65,535, else their own extremes). `size` asks for no more than a thumbnail of that many
    pixels on the longer side: the result may be smaller than the file's image, and decoding takes at most 100 MB.
    Raises ValueError for a file that is broken, of a format that is not in `FORMATS`, or too large.
    """
    from PIL import Image

    try:
        image: Image.Image = Image.open(io.BytesIO(picture), formats=FORMATS)
        _check_size(image, LARGEST_PIXELS)
        if size:
            image.draft(None, (2 * size, 2 * size))
            _check_size(image, LARGEST_SHRUNK)
            image.load()
            factor = max(1, max(image.size) // (2 * size))
            if factor > 1 and image.mode in ("L", "RGB", "RGBA", "LA", "CMYK"):
                orientation = image.getexif()
                image = image.reduce(factor)
                image.info["exif"] = orientation.tobytes()
        return _rgb(_upright(_eight_bits(image)))
    except Exception as error:  # decoders of hostile files raise any type: struct.error, IndexError, bombs, …
        raise ValueError(f"the image can't be decoded: {error}") from None


def measure(picture: bytes) -> tuple[int, int]:
    """Width and height in pixels, upright, of an image file that is whole. Raises ValueError as `open_rgb` does.

    A file is read to its end to see that it is whole; of one whose image is too large to be held only the checksums.
    """
    from PIL import Image

    try:
        image: Image.Image = Image.open(io.BytesIO(picture), formats=FORMATS)
        _check_size(image, LARGEST_PIXELS)
        width, height = image.size
        image.draft(None, (1, 1))
        if image.width * image.height > LARGEST_SHRUNK:
            image.verify()
            return width, height
        image.load()
        turned = image.format != "TIFF" and _orientation(image) in (5, 6, 7, 8)  # Pillow turns TIFFs itself
        return (height, width) if turned else (width, height)
    except Exception as error:  # as in open_rgb
        raise ValueError(f"the image can't be decoded: {error}") from None


def extension(picture: bytes) -> str | None:
    """The extension that fits the bytes of an image file (`jpg`, `avif`, …), None if its format is not in `FORMATS`."""
    from PIL import Image

    known = starts_as(picture)
    if known:
        return known
    try:
        return EXTENSIONS[str(Image.open(io.BytesIO(picture), formats=FORMATS).format)]
    except Exception:  # as in open_rgb
        return None


def fitting(picture: bytes, named: str) -> str:
    """`named`, if that is an extension of the format that the bytes are; else the one that fits them."""
    real = extension(picture)
    last = named.rpartition(".")[2]
    return named if real in (None, _SAME.get(last, last)) else str(real)


def starts_as(head: bytes) -> str | None:
    """The extension that a file's first 16 bytes tell, None where they are no proof of an image."""
    for start, name in _STARTS.items():
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return "avif" if head[4:12] in (b"ftypavif", b"ftypavis") else None


def _check_size(image: "Image.Image", most: int) -> None:
    if image.width * image.height > most:
        raise ValueError(f"{image.width} x {image.height} pixels is more than {most:,}")


def _orientation(image: "Image.Image") -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF data spoils no image
        return 1


def _upright(image: "Image.Image") -> "Image.Image":
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data spoils no image
        return image


def _eight_bits(image: "Image.Image") -> "Image.Image":
    """Greyscale of more than 8 bits as mode L."""
    from PIL import Image

    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    exif = image.info.get("exif")
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        low, high = 0.0, 65_535.0
    elif low >= 0:
        tops = (1.0, 255.0, 65_535.0) if image.mode == "F" else (255.0, 65_535.0)  # integers of 0 and 1 are levels
        low, high = 0.0, next((top for top in tops if high <= top), high)
    scaled = (values - low) * (255.0 / (high - low)) if high > low else values * 0
    grey = Image.fromarray(scaled.round().astype(np.uint8))
    if exif:
        grey.info["exif"] = exif
    return grey


def _rgb(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        if image.mode == "La":
            image = image.convert("LA")
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")

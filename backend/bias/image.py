"""One image: its centre square at the report's size, the same JPEG for all, and facts of its file."""

import io

import numpy as np

from ..pool.decoding import FORMATS as DECODED
from ..pool.decoding import open_rgb

JPEG_QUALITY = 85
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
FILE_FACTS = (
    "width", "height", "log pixels", "aspect ratio", "log file size", "bytes per pixel", "mean quantisation step",
    "chroma subsampled", "has EXIF", "has colour profile", "palette", "transparency", "greyscale",
    *(f"format {name}" for name in FORMATS),
)  # fmt: skip


def square(content: bytes, size: int) -> np.ndarray:
    """`(size, size, 3)` uint8: shorter side to `size` (bicubic), then the centre. Raises ValueError if undecodable.

    The evaluation crop of Zeng et al. 2024 without its margin, so that small images keep their border.
    """
    from PIL import Image

    image = open_rgb(content)
    scale = size / min(image.width, image.height)
    wide, high = max(size, round(image.width * scale)), max(size, round(image.height * scale))
    left, top = (wide - size) // 2, (high - size) // 2
    box = (left / wide * image.width, top / high * image.height,
           (left + size) / wide * image.width, (top + size) / high * image.height)  # fmt: skip
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0))


def same_jpeg(picture: np.ndarray) -> np.ndarray:
    """The image after one JPEG encoding that is the same for all: quality 85, chroma subsampled 4:2:0."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=JPEG_QUALITY, subsampling=2)
    return np.asarray(Image.open(out).convert("RGB"))


def file_facts(content: bytes, stored: tuple[int, int] | None = None) -> np.ndarray:
    """`(len(FILE_FACTS),)` float32 of the file alone, nothing of what it shows; `stored` = original width and height."""
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(content), formats=DECODED)
        steps = [step for table in getattr(image, "quantization", {}).values() for step in table]
        layers = getattr(image, "layer", None) or []
        palette, mode, form = image.mode == "P", image.mode, image.format
        transparent = "A" in mode or "transparency" in image.info
        exif, profile = "exif" in image.info, "icc_profile" in image.info
        shown = image.size
    except Exception as error:  # decoders of hostile files raise any type
        raise ValueError(f"the image can't be read: {error}") from None
    width, height = stored or shown
    pixels = max(1, width * height)
    subsampled = bool(layers) and len(layers) == 3 and tuple(layers[0][1:3]) != tuple(layers[1][1:3])
    return np.asarray(
        [
            width, height, np.log(pixels), np.log(width / height), np.log(max(1, len(content))),
            len(content) / max(1, shown[0] * shown[1]), np.mean(steps) if steps else 0.0,
            subsampled, exif, profile, palette, transparent, mode in ("L", "LA", "1", "I;16"),
            *(form == name for name in FORMATS),
        ],
        dtype=np.float32,
    )  # fmt: skip

"""Decoding: upright, any depth and colour model, an allow-list of formats, bounded memory."""

import io
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from poolscope.pool.decoding import extension, measure, open_rgb, starts_as

RAMP = np.linspace(0, 1, 64 * 48).reshape(48, 64)
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n%%EOF\n"


def written(image: Image.Image, form: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (np.uint16(RAMP * 65_535), "PNG"),
        (np.uint16(RAMP * 65_535), "TIFF"),
        (np.float32(RAMP), "TIFF"),
        (np.float32(RAMP * 255), "TIFF"),
        (np.float32(RAMP * 8 - 4), "TIFF"),
        (np.float32(RAMP * 1e6), "TIFF"),
        (np.int32(RAMP * 255), "TIFF"),
    ],
)
@pytest.mark.parametrize("size", [None, 64])
def test_deep_greys_are_scaled(values, form, size):
    pixels = np.asarray(open_rgb(written(Image.fromarray(values), form), size)).astype(int)
    assert np.abs(pixels - (RAMP * 255)[..., None]).max() <= 1.01


def test_not_a_number_is_black():
    values = np.float32(RAMP)
    values[0, 0], values[1, 1] = np.nan, np.inf
    pixels = np.asarray(open_rgb(written(Image.fromarray(values), "TIFF")))
    assert (pixels[0, 0] == 0).all()
    assert pixels[40:].mean() > 200


@pytest.mark.parametrize("size", [None, 100])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_turns_the_image(size, form):
    image = Image.new("RGB", (640, 480), "white")
    image.paste("red", (0, 0, 640, 240))  # the upper half: at the right once the image is turned
    exif = Image.Exif()
    exif[0x0112] = 6
    content = written(image, form, exif=exif)
    upright = open_rgb(content, size)
    assert upright.height > upright.width
    assert measure(content) == (480, 640)
    left, right = (np.asarray(upright)[:, x].mean(axis=0) for x in (4, -5))
    assert left.min() > 240
    assert right[0] > 240
    assert right[1] < 20


def test_colour_models():
    red = Image.new("RGB", (40, 30), (255, 0, 0))
    palette = red.quantize(4)
    for content in (
        written(red.convert("CMYK"), "JPEG"),
        written(red.convert("CMYK"), "TIFF"),
        written(palette, "GIF"),
    ):
        assert np.abs(np.asarray(open_rgb(content)).astype(int) - (255, 0, 0)).max() <= 3
    for mode, clear in (("RGBA", (255, 0, 0, 0)), ("LA", (0, 0))):
        content = written(Image.new(mode, (40, 30), clear), "PNG")
        assert np.asarray(open_rgb(content)).min() == 255
        assert np.asarray(open_rgb(content, 8)).min() == 255
    see_through = written(palette, "PNG", transparency=0)
    assert np.asarray(open_rgb(see_through)).min() == 255


def test_formats_are_known_by_their_bytes():
    image = Image.new("RGB", (40, 30), "teal")
    for form, ending in {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tiff",
                         "AVIF": "avif", "JPEG2000": "jp2", "PPM": "ppm"}.items():  # fmt: skip
        content = written(image, form)
        assert extension(content) == ending
        assert open_rgb(content).size == measure(content) == (40, 30)
        assert starts_as(content[:16]) == (None if form in ("BMP", "PPM") else ending)  # two bytes are no proof
    assert extension(b"text") is None


def test_postscript_never_reaches_ghostscript(monkeypatch):
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *a, **k: pytest.fail("Ghostscript was asked"))
    for read in (open_rgb, measure):
        with pytest.raises(ValueError, match="can't be decoded"):
            read(EPS)
    assert extension(EPS) is None


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"II*\0" + b"\xff" * 40, b"RIFF\0\0\0\0WEBPVP8 "])
def test_broken_files_raise_one_error(content):
    for read in (open_rgb, measure):
        with pytest.raises(ValueError, match="can't be decoded"):
            read(content)


def test_a_cut_file_is_not_whole():
    content = written(Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)), "JPEG")
    with pytest.raises(ValueError, match="can't be decoded"):
        measure(content[:-400])


def bomb(width: int, height: int) -> bytes:
    """An RGBA PNG of one colour, made row by row."""
    squeeze = zlib.compressobj(9)
    row = b"\0" + bytes(4 * width)
    rows = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x06\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


MEASURE = """
import resource, sys
from poolscope.pool.images import shrink
from poolscope.pool.decoding import measure
from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
content = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small = shrink(content, 128)
measure(content)
print(small is not None, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(("size", "drawn"), [((8000, 7990), "False"), ((5000, 3990), "True")])
def test_a_thumbnail_takes_little_memory(size, drawn, tmp_path):
    (tmp_path / "bomb.png").write_bytes(bomb(*size))
    done = subprocess.run([sys.executable, "-c", MEASURE, tmp_path / "bomb.png"], capture_output=True, text=True)
    made, megabytes = done.stdout.split()
    assert made == drawn
    assert int(megabytes) < 150

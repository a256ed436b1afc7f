"""Images by one seek."""

import io

from PIL import Image

from poolscope.pool.images import shrink
from tests.conftest import image_bytes


def test_images_of_tars(tiny_pool):
    assert tiny_pool.images([150, 0]) == [image_bytes(150), image_bytes(0)]


def test_transparency_is_white():
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(out, "PNG")
    assert Image.open(io.BytesIO(shrink(out.getvalue(), 4))).getpixel((1, 1)) == (255, 255, 255)


def test_a_decompression_bomb_is_no_image():
    out = io.BytesIO()
    Image.new("1", (20000, 10000)).save(out, "PNG")
    assert shrink(out.getvalue(), 64) is None
    assert shrink(b"not an image", 64) is None

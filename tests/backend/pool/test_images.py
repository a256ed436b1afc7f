"""Pictures by one seek."""

import io

from PIL import Image

from poolscope.pool.images import shrink
from tests.conftest import picture


def test_pictures_of_tars(tiny_pool):
    assert tiny_pool.images([150, 0]) == [picture(150), picture(0)]


def test_transparency_is_white():
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(out, "PNG")
    assert Image.open(io.BytesIO(shrink(out.getvalue(), 4))).getpixel((1, 1)) == (255, 255, 255)


def test_a_decompression_bomb_is_no_picture():
    out = io.BytesIO()
    Image.new("1", (20000, 10000)).save(out, "PNG")
    assert shrink(out.getvalue(), 64) is None
    assert shrink(b"not a picture", 64) is None

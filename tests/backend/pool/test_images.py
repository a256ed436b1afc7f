"""Pictures by one seek, thumbnails with a bound."""

import io

from PIL import Image

from poolscope.pool.images import shrink, trim
from tests.conftest import picture


def test_pictures_of_tars(tiny_pool):
    assert tiny_pool.images([150, 0]) == [picture(150), picture(0)]


def test_thumbnail_is_small_and_cached(tiny_pool):
    small = Image.open(io.BytesIO(tiny_pool.thumbnail(3, 32)))
    assert (small.format, small.size) == ("WEBP", (32, 24))
    cached = list((tiny_pool.path / "thumbnails").rglob("*.webp"))
    assert len(cached) == 1
    cached[0].write_bytes(b"cached")
    assert tiny_pool.thumbnail(3, 32) == b"cached"


def test_transparency_is_white():
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(out, "PNG")
    assert Image.open(io.BytesIO(shrink(out.getvalue(), 4))).getpixel((1, 1)) == (255, 255, 255)


def test_a_decompression_bomb_is_no_picture():
    out = io.BytesIO()
    Image.new("1", (20000, 10000)).save(out, "PNG")
    assert shrink(out.getvalue(), 64) is None
    assert shrink(b"not a picture", 64) is None


def test_trim_keeps_the_bound(tmp_path):
    for number in range(10):
        (tmp_path / f"{number}.webp").write_bytes(b"x" * 100)
    trim(tmp_path, 500)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.webp")) <= 400

"""Routes serve the pools that are open, and nothing else."""

import io
import json
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import Request

from poolscope.explorer import map, pools, routes


def asked(*, by: str = "", score: str = "", **parameters) -> Request:
    query = urlencode({name: value for name, value in (("by", by), ("score", score)) if value}).encode()
    return Request({"type": "http", "path_params": parameters, "query_string": query, "headers": []})


@pytest.fixture
def token(mapped_pool) -> str:
    return pools.token(pools.opened(mapped_pool.path))


def test_geometry_is_positions_then_rows(mapped_pool, token):
    answer = routes.geometry(asked(token=token, model="l14"))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    xy = np.load(mapped_pool.path / "maps" / "l14" / "xy.npy")
    x = np.frombuffer(answer.body, "<u2", count=200) / 32767.5 - 1
    rows = np.frombuffer(answer.body, "<u4", offset=800)
    assert np.abs(x - xy[:, 0]).max() < 2e-5
    assert rows.tolist() == list(range(200))


@pytest.mark.parametrize("model", ["b32", "", "..", "../maps/l14", "l14/../l14", "a b"])
def test_geometry_of_anything_else_is_not_found(token, model):
    with pytest.raises(HTTPException, match="404"):
        routes.geometry(asked(token=token, model=model))


def test_an_unknown_pool_is_not_found():
    for route in (routes.geometry, routes.thumbnail, routes.pair):
        with pytest.raises(HTTPException, match="404"):
            route(asked(token="0" * 16, model="l14", row=0))


def test_thumbnail_is_a_small_image(token):
    image = Image.open(io.BytesIO(routes.thumbnail(asked(token=token, row=3)).body))
    assert image.format == "WEBP"
    assert max(image.size) <= 128
    with pytest.raises(HTTPException, match="404"):
        routes.thumbnail(asked(token=token, row=200))


def test_a_blank_that_stands_for_an_image_is_never_kept(token, mapped_pool, monkeypatch):
    """The image may come later: a shard is mounted, a pool is indexed."""
    monkeypatch.setattr(type(mapped_pool), "thumbnail", lambda self, row, size: None)
    answer = routes.thumbnail(asked(token=token, row=3))
    assert answer.media_type == "image/svg+xml"
    assert answer.headers["cache-control"] == "no-store"


def test_pair_gives_the_caption(token):
    assert b"un chat noir dort 1" in routes.pair(asked(token=token, row=1)).body
    with pytest.raises(HTTPException, match="404"):
        routes.pair(asked(token=token, row=10**9))


def test_only_listed_libraries_are_served():
    assert routes.vendored(asked(name="plotly.min.js")).status_code == 200
    for name in ("", "..", "secrets", "../app.py"):
        assert routes.vendored(asked(name=name)).status_code == 404


def test_colours_are_one_byte_a_point(mapped_pool, token):
    answer = routes.colours(asked(token=token, model="l14", by="column.sharp"))
    assert "immutable" in answer.headers["cache-control"]
    codes = np.frombuffer(answer.body, np.uint8)
    assert (codes == 1 - mapped_pool.array("sharp")).all()


@pytest.mark.parametrize(
    "by", ["", "kept", "column.", "column.nothing", "column.l14_img", "family.nothing", "x" * 9999]
)
def test_colours_of_anything_else_are_not_found(token, by):
    with pytest.raises(HTTPException, match="404"):
        routes.colours(asked(token=token, model="l14", by=by))
    with pytest.raises(HTTPException, match="404"):
        routes.colours(asked(token=token, model="..", by="column.sharp"))


def test_regions_have_places_and_words(token):
    answer = routes.regions(asked(token=token, model="l14"))
    assert answer.status_code == 200
    for region in json.loads(answer.body):
        assert -1 <= region["x"] <= 1
        assert region["points"] >= 12
        assert region["label"]
    with pytest.raises(HTTPException, match="404"):
        routes.regions(asked(token=token, model="b32"))


def test_hovering_asks_for_scores_only(token):
    request = asked(token=token, row=1)
    request.scope["query_string"] = b"score=clip_b32&score=text&score=l14_img&score=nothing"
    assert [name for name, _ in json.loads(routes.pair(request).body)["facts"]] == ["clip_b32"]
    unscored = asked(token=token, row=0, score="clip_l14")
    assert json.loads(routes.pair(unscored).body)["facts"] == [["clip_l14", "not scored"]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"colour": "x", "shown": [2, 1, 1]}, [1, 2]), ({"colour": "y", "shown": [1]}, []), (None, []), ([1], []),
        ({"colour": "x", "shown": "12"}, []), ({"colour": "x", "shown": [-1, 256, None, "1", {}]}, []),
    ],
)  # fmt: skip
def test_codes_of_the_legend(value, expected):
    assert map.shown_codes(value, "x") == expected


@pytest.mark.parametrize(
    "value", [None, {}, [], [[0, 0], [1, 1]], [[0, 0, 0]] * 4, [["a", "b"]] * 3, [[0, float("nan")]] * 3, "x"]
)
def test_a_lasso_that_makes_no_sense_is_none(value):
    assert map.polygon(value) is None


def test_masks_are_packed_first_point_highest():
    import base64

    mask = np.array([1, 0, 0, 0, 0, 0, 0, 1, 1], dtype=bool)
    assert base64.b64decode(map.pack(mask)) == bytes([0b10000001, 0b10000000])


def test_the_address_of_the_filter_page_leads_to_it():
    request = Request(
        {
            "type": "http",
            "path": "/filter",
            "query_string": b"pool=x%20y",
            "headers": [],
            "server": ("h", 80),
            "scheme": "http",
        }
    )
    assert routes.filter_page(request).headers["location"] == "./?pool=x%20y"

"""Routes serve the pools that are open, and nothing else."""

import io

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request

from poolscope.explorer import map, pools, routes
from poolscope.paths import ASSETS


def asked(**parameters) -> Request:
    return Request({"type": "http", "path_params": parameters, "query_string": b"", "headers": []})


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
    assert routes.geometry(asked(token=token, model=model)).status_code == 404


def test_an_unknown_pool_is_not_found():
    for route in (routes.geometry, routes.thumbnail, routes.pair):
        assert route(asked(token="0" * 16, model="l14", row=0)).status_code == 404


def test_thumbnail_is_a_small_picture(token):
    picture = Image.open(io.BytesIO(routes.thumbnail(asked(token=token, row=3)).body))
    assert picture.format == "WEBP"
    assert max(picture.size) <= 128
    assert routes.thumbnail(asked(token=token, row=200)).status_code == 404


def test_pair_gives_the_caption(token):
    assert b"un chat noir dort 1" in routes.pair(asked(token=token, row=1)).body
    assert routes.pair(asked(token=token, row=10**9)).status_code == 404


def test_only_listed_libraries_are_served():
    assert routes.vendored(asked(name="regl-scatterplot.js")).status_code == 200
    assert routes.vendored(asked(name="plotly.min.js")).status_code == 200
    for name in ("", "..", "secrets", "../app.py"):
        assert routes.vendored(asked(name=name)).status_code == 404


def test_the_map_library_ships_with_its_licences_and_is_small():
    assert (ASSETS / "vendor" / "regl-scatterplot.js").stat().st_size < 300_000
    licences = (ASSETS / "vendor" / "regl-scatterplot.LICENSES.txt").read_text()
    for package in ("regl-scatterplot", "regl-line", "earcut", "gl-matrix", "pub-sub-es", "dom-2d-camera"):
        assert package in licences


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

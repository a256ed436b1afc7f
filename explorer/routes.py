"""What the browser fetches by URL beside the pages: positions and colours of the map, thumbnails, captions, Plotly."""

import json
import math
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from poolscope.errors import InputError
from poolscope.explorer import map_colours, pools
from poolscope.pool import Pool
from poolscope.projection import Map

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
NEVER = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}  # an image that may come later
MODEL_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
LONGEST_CAPTION = 600
MOST_FACTS = 3


def geometry(request: Request) -> Response:
    """`/map/<pool>/<model>.bin`: quantised positions and rows (see `projection.Map.quantised`)."""
    mapped = _mapped(request)
    if mapped is None:
        return Response(status_code=404)
    return Response(mapped[1].quantised(), media_type="application/octet-stream", headers=FOREVER)


def colours(request: Request) -> Response:
    """`/colours/<pool>/<model>.bin?by=`: one byte a point of the map, in the order of `geometry`."""
    mapped = _mapped(request)
    try:
        if mapped is not None:
            codes = map_colours.of(*mapped, request.query_params.get("by", "")).codes
            return Response(codes.tobytes(), media_type="application/octet-stream", headers=FOREVER)
    except InputError:
        pass
    return Response(status_code=404)


def regions(request: Request) -> Response:
    """`/regions/<pool>/<model>.json`: places and words of the map's regions."""
    mapped = _mapped(request)
    if mapped is None:
        return Response(status_code=404)
    text = json.dumps(map_colours.shared_regions(*mapped).as_json())
    return Response(text, media_type="application/json", headers=FOREVER)


def _mapped(request: Request) -> tuple[Pool, Map] | None:
    """The pool and the map that an address names."""
    pool = pools.by_token(request.path_params["token"])
    model = request.path_params["model"]
    if pool is None or not model or set(model) - set(MODEL_NAME) or model.startswith("."):
        return None
    shared = pools.shared_map(pool, model)
    return None if shared is None else (pool, shared)


def thumbnail(request: Request) -> Response:
    """`/thumb/<pool>/<row>.webp?size=`: an image of at most 128 (or 256, 512) pixels."""
    pool = pools.by_token(request.path_params["token"])
    row = request.path_params["row"]
    size = 512 if request.query_params.get("size") == "512" else 128
    if pool is None or row >= len(pool):
        return Response(status_code=404)
    image = pool.thumbnail(row, size)
    if image is None:
        return Response(_blank(), media_type="image/svg+xml", headers=NEVER)
    return Response(image, media_type="image/webp", headers=FOREVER)


def pair(request: Request) -> Response:
    """`/pair/<pool>/<row>.json?score=…`: the caption, and what was asked for, for hovering."""
    pool = pools.by_token(request.path_params["token"])
    row = request.path_params["row"]
    if pool is None or row >= len(pool):
        return Response(status_code=404)
    names = [name for name in request.query_params.getlist("score")[:MOST_FACTS] if name in pool.columns]
    names = [name for name in names if pool.columns[name].kind == "score"]
    taken = pool.take([row], [*(["text"] if "text" in pool.columns else []), *names]).to_pylist()
    known = taken[0] if taken else {}
    facts = [[name, _number(known[name])] for name in names]
    answer = {"text": (known.get("text") or "")[:LONGEST_CAPTION], "facts": facts}
    return Response(json.dumps(answer), media_type="application/json", headers=FOREVER)


def _number(value: float | None) -> str:
    return "not scored" if value is None or not math.isfinite(value) else f"{value:.4g}"


def vendored(request: Request) -> Response:
    """`/vendor/<file>`: the Plotly that the Python package brings."""
    path = libraries().get(request.path_params["name"])
    return FileResponse(path, media_type="text/javascript", headers=FOREVER) if path else Response(status_code=404)


@lru_cache
def libraries() -> dict[str, Path]:
    import importlib.util

    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise InputError("the package plotly is not installed; run `pip install poolscope` again.")
    return {"plotly.min.js": Path(spec.origin).parent / "package_data" / "plotly.min.js"}


@lru_cache
def _blank() -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="#e5e9ee"/>'
        '<path d="M14 46 26 32l8 8 8-10 10 16z" fill="#b6c0ca"/><path d="m12 12 40 40" stroke="#8a94a0" stroke-width="2"/></svg>'
    )


def filter_page(request: Request) -> Response:
    """`/filter` is the first page, which Streamlit knows by the bare address only."""
    query = request.url.query
    return RedirectResponse(f"./?{query}" if query else "./")


ROUTES = [
    Route("/filter", filter_page),
    Route("/map/{token}/{model}.bin", geometry),
    Route("/colours/{token}/{model}.bin", colours),
    Route("/regions/{token}/{model}.json", regions),
    Route("/thumb/{token}/{row:int}.webp", thumbnail),
    Route("/pair/{token}/{row:int}.json", pair),
    Route("/vendor/{name}", vendored),
]

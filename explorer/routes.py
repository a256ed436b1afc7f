"""What the browser fetches by URL beside the pages: positions and colours of the map, thumbnails, captions, Plotly."""

import json
import math
from functools import lru_cache
from pathlib import Path

from starlette.exceptions import HTTPException
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
BLANK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="#e5e9ee"/>'
    '<path d="M14 46 26 32l8 8 8-10 10 16z" fill="#b6c0ca"/><path d="m12 12 40 40" stroke="#8a94a0" stroke-width="2"/></svg>'
)


def geometry(request: Request) -> Response:
    """`/map/<pool>/<model>.bin`: quantised positions and rows (see `projection.Map.quantised`)."""
    return Response(_mapped(request)[1].quantised(), media_type="application/octet-stream", headers=FOREVER)


def colours(request: Request) -> Response:
    """`/colours/<pool>/<model>.bin?by=`: one byte a point of the map, in the order of `geometry`."""
    try:
        codes = map_colours.of(*_mapped(request), request.query_params.get("by", "")).codes
    except InputError:
        raise HTTPException(404) from None
    return Response(codes.tobytes(), media_type="application/octet-stream", headers=FOREVER)


def regions(request: Request) -> Response:
    """`/regions/<pool>/<model>.json`: places and words of the map's regions."""
    text = json.dumps(map_colours.shared_regions(*_mapped(request)).as_json())
    return Response(text, media_type="application/json", headers=FOREVER)


def _pool(request: Request) -> Pool:
    """The pool that an address names. Raises HTTPException if there is none, or it lacks the row that is named."""
    pool = pools.by_token(request.path_params["token"])
    if pool is None or request.path_params.get("row", -1) >= len(pool):
        raise HTTPException(404)
    return pool


def _mapped(request: Request) -> tuple[Pool, Map]:
    """The pool and the map that an address names. Raises HTTPException if one of them is not there."""
    pool, model = _pool(request), request.path_params["model"]
    named = model and not set(model) - set(MODEL_NAME) and not model.startswith(".")
    shared = pools.shared_map(pool, model) if named else None
    if shared is None:
        raise HTTPException(404)
    return pool, shared


def thumbnail(request: Request) -> Response:
    """`/thumb/<pool>/<row>.webp?size=`: an image of at most 128 (or 256, 512) pixels."""
    size = 512 if request.query_params.get("size") == "512" else 128
    image = _pool(request).thumbnail(request.path_params["row"], size)
    if image is None:
        return Response(BLANK, media_type="image/svg+xml", headers=NEVER)
    return Response(image, media_type="image/webp", headers=FOREVER)


def pair(request: Request) -> Response:
    """`/pair/<pool>/<row>.json?score=…`: the caption, and what was asked for, for hovering."""
    pool = _pool(request)
    names = [name for name in request.query_params.getlist("score")[:MOST_FACTS] if name in pool.columns]
    names = [name for name in names if pool.columns[name].kind == "score"]
    taken = pool.take([request.path_params["row"]], [*(["text"] if "text" in pool.columns else []), *names]).to_pylist()
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

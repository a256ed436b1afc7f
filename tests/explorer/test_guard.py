"""The guard around the app: hosts, origins, the token, and headers on every answer."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from poolscope.explorer.guard import COOKIE, Guard, is_loopback

HERE = {"Host": "127.0.0.1:8501", "Origin": "http://127.0.0.1:8501"}


async def page(request) -> PlainTextResponse:
    return PlainTextResponse("the app")


async def stream(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("the app")
    await socket.close()


def client(hosts: frozenset[str] = frozenset(), token: str = "", base: str = "http://127.0.0.1:8501") -> TestClient:
    guard = Middleware(Guard, hosts=hosts, token=token)
    routes = [Route("/", page), Route("/_stcore/health", page), WebSocketRoute("/_stcore/stream", stream)]
    return TestClient(Starlette(routes=routes, middleware=[guard]), base_url=base)


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost", "[::1]:8501", "127.8.0.1"])
def test_this_machine_is_served(host):
    answer = client().get("/", headers={"Host": host})
    assert answer.text == "the app"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8501", "127.0.0.1.evil.example", "", "[", "localhost.evil"]
)
def test_a_stranger_s_name_is_refused_on_every_route(host):
    for path in ("/", "/_stcore/health"):
        answer = client().get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "--allow-host" in answer.text
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1", "Origin": "http://evil.example"},
        {"Host": "127.0.0.1", "Origin": "null"},
    ],
)
def test_a_stranger_s_websocket_is_refused(headers):
    with pytest.raises(WebSocketDisconnect) as refused, client().websocket_connect("/_stcore/stream", headers=headers):
        pass
    assert refused.value.code == 1008


def test_an_allowed_name_and_its_websocket_are_served():
    allowed = client(frozenset({"pools.lab"}), base="http://pools.lab")
    assert allowed.get("/").text == "the app"
    with allowed.websocket_connect(
        "/_stcore/stream", headers={"Host": "pools.lab", "Origin": "https://pools.lab"}
    ) as socket:
        assert socket.receive_text() == "the app"


def test_with_a_token_nothing_is_served_without_it():
    asked = client(token="right")
    assert asked.get("/").status_code == 401
    assert asked.get("/?token=wrong").status_code == 401
    assert asked.get("/", headers={"Cookie": f"{COOKIE}=wrong"}).status_code == 401
    assert asked.get("/_stcore/health").status_code == 200
    with pytest.raises(WebSocketDisconnect), asked.websocket_connect("/_stcore/stream", headers=HERE):
        pass


def test_the_token_moves_from_the_address_into_a_cookie():
    asked = client(token="right")
    answer = asked.get("/?token=right&pool=a%20b", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?pool=a+b"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert asked.get("/").text == "the app"
    with asked.websocket_connect("/_stcore/stream", headers=HERE | {"Cookie": f"{COOKIE}=right"}) as socket:
        assert socket.receive_text() == "the app"


def test_an_address_that_others_reach_is_known():
    assert is_loopback("localhost")
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "lab", "")))

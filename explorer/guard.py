"""Who may talk to the app: allowed hosts only, and a token when others than this machine can reach it.

A page of a stranger's domain can resolve to 127.0.0.1 ("DNS rebinding"): its requests then reach this server with
the stranger's name as their Host and Origin, so that the browser and Streamlit take them for the app's own.
"""

import hmac
import ipaddress
import os
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED, TOKEN = "POOLSCOPE_ALLOW_HOST", "POOLSCOPE_TOKEN"
"""Environment variables: host names allowed beside this machine's, separated by commas; the token, if one is needed."""

HEALTH = "/_stcore/health"  # says nothing but that the server is up
COOKIE = "poolscope-token"
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",
}
POLICY_VIOLATION = 1008  # close code of a WebSocket


class Guard:
    """ASGI middleware around every route and the WebSocket; `hosts` are allowed beside this machine's own names."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None = None, token: str | None = None) -> None:
        self._app = app
        named = os.environ.get(ALLOWED, "").split(",")
        self._hosts = LOCAL | (frozenset(filter(None, map(str.strip, named))) if hosts is None else hosts)
        self._token = os.environ.get(TOKEN, "") if token is None else token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            stranger = self._stranger(headers, origin=scope["type"] == "websocket")
            if stranger:
                text = f"{stranger} is not allowed here; open http://127.0.0.1, or start with --allow-host NAME\n"
                await _refuse(scope, receive, send, 403, text)
                return
            if self._token and scope["path"] != HEALTH and not _same(_cookie(headers), self._token):
                await self._ask(scope, receive, send)
                return
        await self._app(scope, receive, _with_headers(send))

    def _stranger(self, headers: Headers, *, origin: bool) -> str:
        """The Host, or the Origin of a WebSocket, that names another server than this; empty if there is none."""
        if not self._allows(headers.get("host", "")):
            return f"host {headers.get('host', '')!r}"
        if origin and "origin" in headers and not self._allows(headers["origin"]):
            return f"origin {headers['origin']!r}"
        return ""

    def _allows(self, address: str) -> bool:
        """Whether a Host (`name:port`) or an Origin (`scheme://name:port`) names this server."""
        name = _name(address)
        return name is not None and (name in self._hosts or "*" in self._hosts or is_loopback(name))

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes the token from the address into a cookie, or says where it is to be found."""
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token", "")
        if scope["type"] == "http" and _same(given, self._token):
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), status_code=303, headers=HEADERS)
            answer.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
            await answer(scope, receive, send)
        else:
            await _refuse(scope, receive, send, 401, "open the address with the token that `poolscope app` printed\n")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                answer.setdefault(name, value)
        await send(message)

    return sending


def is_loopback(address: str) -> bool:
    """Whether a server bound to `address` can be reached from this machine only."""
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _name(address: str) -> str | None:
    try:
        return urlsplit(address if "://" in address else f"//{address}").hostname
    except ValueError:
        return None


def _cookie(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": text.strip()[:120]})
    else:
        await PlainTextResponse(text, status_code=status, headers=HEADERS)(scope, receive, send)

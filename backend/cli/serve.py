"""`poolscope app`: the explorer in the browser, on this machine only by default."""

import ipaddress
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from typing import Annotated

import typer

from ..errors import InputError
from ..paths import EXPLORER
from .console import say
from .options import PoolPath, open_pool


def app(
    pool: PoolPath = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Name by which the app may be opened; repeat for more.")
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the browser.")] = False,
) -> None:
    """Open the explorer in the browser."""
    check_free(host, port)
    opened = open_pool(pool)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
    url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
    environment = {**os.environ, "POOLSCOPE_POOL": str(opened.path.resolve())}
    named = [*(allow_host or []), *([] if is_local(host) else _names(host))]
    environment["POOLSCOPE_ALLOW_HOST"] = ",".join([*named, *filter(None, [os.environ.get("POOLSCOPE_ALLOW_HOST")])])
    if named:  # others than this machine can reach it, directly or through a proxy
        token = environment.setdefault("POOLSCOPE_TOKEN", secrets.token_urlsafe(24))
        url = f"{url}/?token={token}"
        say(f"whoever has this address can see the pools and start jobs; from elsewhere use {named[0]} as its host")
    # Ended from outside, this command still ends its server below.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    server = subprocess.Popen(command(host, port), env=environment)
    threading.Thread(target=_announce, args=(server, shown, port, url, not no_open), daemon=True).start()
    try:
        code = server.wait()
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()
    if code:
        raise typer.Exit(1)


def command(host: str, port: int) -> list[str]:
    """The server's command line: headless, so that it asks nobody for an e-mail address, and silent to the outside."""
    settings = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    return [sys.executable, "-P", "-m", "streamlit", "run", str(EXPLORER / "app.py"), *options]


def check_free(host: str, port: int) -> None:
    """InputError if `host`:`port` can't be bound."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise InputError(f"--host {host!r} is no address of this machine: leave it out, or use 0.0.0.0") from None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"{host}:{port} can't be used ({reason.lower()}): open it if that is Poolscope, or choose another --port"
            ) from None


def _names(host: str) -> list[str]:
    """The names by which a server bound to `host` may be opened: the address, or this machine's if it is all of them."""
    if host not in ("0.0.0.0", "::", ""):
        return [host]
    own = socket.gethostname()
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(own, None)}
    except OSError:
        addresses = set()
    return [own, *sorted(addresses)]


def is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _announce(server: subprocess.Popen, host: str, port: int, url: str, open_browser: bool) -> None:
    """Once the server answers, says where it is and opens the browser."""
    import http.client

    for _ in range(600):
        if server.poll() is not None:
            return
        connection = http.client.HTTPConnection(host, port, timeout=2)
        try:
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().status == 200:
                break
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    say(f"Poolscope is at {url} (Ctrl+C ends it)")
    if open_browser:
        webbrowser.open(url)

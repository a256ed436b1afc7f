"""`poolscope app`: the explorer in the browser, on this machine only unless told otherwise."""

import ipaddress
import os
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
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8501,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the browser.")] = False,
) -> None:
    """Open the explorer in the browser."""
    check_free(host, port)
    opened = open_pool(pool)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
    url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
    if not is_local(host):
        say(f"warning: whoever can reach {host}:{port} can see the pools and start jobs; there is no password")
    environment = {**os.environ, "POOLSCOPE_POOL": str(opened.path.resolve())}
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
    """InputError if nobody can listen at `host`:`port`."""
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

"""Guarded downloads: what a web server answers is bounded in size and time, and never leads to this network or its files."""

import http.client
import importlib
import io
import ipaddress
import multiprocessing
import sys
import time
import urllib.request
from contextlib import suppress
from functools import cache
from typing import Any

from .. import files
from ..processes import end_with


def end_with_download() -> None:
    """What the download starts must not outlive it."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        end_with(parent.pid)


end_with_download()  # before the long import

from img2dataset import downloader, logger  # noqa: E402

LARGEST_ANSWER = 64 * 1024 * 1024
LONGEST_ANSWER = 60.0
CHUNK = 1 << 16
AGENT = "Mozilla/5.0 (compatible; poolscope)"


class Guarded(downloader.Downloader):
    """img2dataset's downloader with the answer read by `download_image`, in every process that works for it."""

    private = False
    addresses = ""

    def __call__(self, row: Any) -> Any:
        _join(self.addresses)
        downloader.download_image = download_image
        global _private
        _private = self.private
        return super().__call__(row)


class Watched(logger.LoggerProcess):
    """img2dataset's log, which by itself goes on for ever once the download is killed."""

    def run(self) -> None:
        end_with_download()
        super().run()


_private = False


@cache
def _join(addresses: str) -> object:
    """Takes part in the download's lock until this process ends."""
    handle = open(addresses, "rb")  # noqa: SIM115
    with suppress(OSError):  # where there are no locks
        if not files.lock(handle.fileno(), shared=True):
            sys.exit("the download that this process worked for was killed")
    return handle


def download_image(
    row: tuple[int, str], timeout: float, user_agent_token: str | None, disallowed_header_directives: set[str] | None
) -> tuple[int, io.BytesIO | None, str | None]:
    """Key, image and reason, as img2dataset's function of this name returns them.

    Honours opt-out headers. Refuses other schemes than http and https, also after a redirect; addresses of this
    machine and of private networks; answers above 64 MiB or slower than a minute.
    """
    key, url = row
    try:
        agent = AGENT + (f" {user_agent_token}" if user_agent_token else "")
        request = urllib.request.Request(url, headers={"User-Agent": agent})
        if request.type not in ("http", "https"):
            return key, None, f"scheme {request.type[:20]} is not allowed"
        with _opener().open(request, timeout=timeout) as answer:
            if disallowed_header_directives and downloader.is_disallowed(
                answer.headers, user_agent_token, disallowed_header_directives
            ):
                return key, None, "Use of image disallowed by X-Robots-Tag directive"
            return key, _bounded(answer), None
    except Exception as error:  # a boundary: whatever a foreign server provokes becomes the sample's reason
        # without the address of the sample, so that equal reasons are counted together
        return key, None, f"{type(error).__name__}: {error}"[:120]


def _bounded(answer: Any) -> io.BytesIO:
    ends = time.monotonic() + LONGEST_ANSWER
    content = io.BytesIO()
    while chunk := answer.read1(CHUNK):
        content.write(chunk)
        if content.tell() > LARGEST_ANSWER:
            raise ValueError(f"answer larger than {LARGEST_ANSWER >> 20} MiB")
        if time.monotonic() > ends:
            raise ValueError(f"answer slower than {LONGEST_ANSWER:.0f} s")
    content.seek(0)
    return content


def _check(connection: http.client.HTTPConnection) -> None:
    """ValueError if the connection leads to this machine or a private network, whatever its name says."""
    address = ipaddress.ip_address(connection.sock.getpeername()[0])
    if not _private and not address.is_global:
        connection.close()
        raise ValueError("address is not public")


class _Http(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _check(self)


class _Https(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _check(self)


class _HttpHandler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(_Http, request)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(_Https, request)


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        _HttpHandler,
        _HttpsHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPRedirectHandler,
    ):
        opener.add_handler(handler())
    return opener


def main(options: dict[str, Any], *, private: bool) -> None:
    """Runs img2dataset with these options; in a process of its own, for it takes over signals and exits."""
    program = importlib.import_module("img2dataset.main")  # the package has a function of that name

    def guarded(**chosen: Any) -> Guarded:
        guarded = Guarded(**chosen)
        guarded.private, guarded.addresses = private, options["url_list"]
        return guarded

    vars(program)["Downloader"] = guarded
    vars(program)["LoggerProcess"] = Watched
    program.download(**options)

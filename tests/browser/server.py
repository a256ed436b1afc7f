"""The app on a free port, as `poolscope app` starts it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serve(log: Path | None = None, **environment: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """The app's address and its process, which is ended afterwards; what both of its processes print goes into `log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (log or Path(os.devnull)).open("wb") as out:
        command = [sys.executable, "-m", "poolscope", "app", "--no-open", "--port", str(port)]
        server = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **environment}, start_new_session=True
        )
        url = f"http://127.0.0.1:{port}/"
        try:
            while not _answers(url):
                assert server.poll() is None, log.read_text()[-2000:] if log else "the app did not start"
                time.sleep(0.2)
            yield url, server
        finally:
            server.terminate()
            server.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(f"{url}_stcore/health", timeout=1).status == 200)
    except OSError:
        return False

"""`poolscope app`: the server it starts."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from poolscope.cli.serve import EXPLORER, check_free, command, is_local


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_it_tells_nobody_and_asks_nothing():
    line = command("127.0.0.1", 8501)
    assert "--browser.gatherUsageStats=false" in line
    assert "--server.headless=true" in line
    assert "--server.address=127.0.0.1" in line
    assert (EXPLORER / "app.py").is_file()


def test_a_taken_port_is_said_before_anything_starts(poolscope, tiny_pool, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        line = poolscope("app", "--no-open", "--port", port, "--pool", tiny_pool.path).refused()
    assert f"127.0.0.1:{port}" in line
    check_free("127.0.0.1", port)


def test_wrong_host_and_pool(poolscope, tiny_pool, tmp_path, port):
    assert "no.such.host.invalid" in poolscope("app", "--no-open", "--host", "no.such.host.invalid").refused()
    assert str(tmp_path) in poolscope("app", "--no-open", "--port", port, "--pool", tmp_path).refused()


def test_local_addresses():
    assert all(map(is_local, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_local, ("0.0.0.0", "192.168.1.2", "::", "example.org")))


def listening(port: int, server: subprocess.Popen) -> list[psutil.Process]:
    """The server's processes, once it answers."""
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
                assert answer.read() == b"ok"
            return [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        except OSError:
            assert server.poll() is None, server.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)


def addresses(family: list[psutil.Process]) -> set[str]:
    return {c.laddr.ip for p in family for c in p.net_connections() if c.status == psutil.CONN_LISTEN}


def started(port: int, tiny_pool, tmp_path: Path, *more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "poolscope",
            "app",
            "--no-open",
            "--port",
            str(port),
            "--pool",
            str(tiny_pool.path),
            *more,
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ.copy(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell's children ignore it
    )


def test_it_serves_on_this_machine_only_and_ctrl_c_ends_it(tiny_pool, port, tmp_path: Path):
    server = started(port, tiny_pool, tmp_path)
    try:
        family = listening(port, server)
        assert addresses(family) == {"127.0.0.1"}
    finally:
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=60)
    assert f"Poolscope is at http://127.0.0.1:{port}" in err
    assert "Traceback" not in err
    assert not psutil.wait_procs(family, timeout=10)[1]


def test_bound_to_more_it_asks_for_the_token_that_it_printed_and_sigterm_ends_it(tiny_pool, port, tmp_path: Path):
    server = started(port, tiny_pool, tmp_path, "--host", "0.0.0.0")
    try:
        family = listening(port, server)
        assert addresses(family) == {"0.0.0.0"}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20)
        said = ""
        while "?token=" not in said:
            said = server.stderr.readline()
            assert said, "the address with the token is printed"
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(
            f"http://127.0.0.1:{port}/?token={said.partition('?token=')[2].split()[0]}", timeout=20
        ) as answer:
            assert answer.status == 200
    finally:
        server.send_signal(signal.SIGTERM)
        _, err = server.communicate(timeout=60)
    assert server.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in err
    assert not psutil.wait_procs(family, timeout=10)[1]

"""Fetch against a local web server that answers well, badly, slowly, hugely and wickedly."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from poolscope import files
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.sources import import_datacomp
from tests.conftest import image_bytes

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or importing img2dataset asks the network
pytest.importorskip("img2dataset")

from poolscope.export import guarded
from poolscope.export.fetch import _alone, _list, _torn, fetch

ALL = load({"name": "all", "keep": []})


def bomb() -> bytes:
    """A PNG of 20,000 x 20,000 pixels in a few kilobytes."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    return out.getvalue()


class Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, _, number = self.path.strip("/").partition("/")
        content, headers, status = image_bytes(int(number or 0), (640, 480)), {}, 200
        if kind == "dead":
            status = 404
        elif kind == "text":
            content = b"<html>no image</html>"
        elif kind == "optout":
            headers["X-Robots-Tag"] = "noai"
        elif kind == "bomb":
            content = bomb()
        elif kind == "file":
            status, headers["Location"] = 302, "file:///etc/passwd"
        elif kind == "slow":
            time.sleep(60)
        elif kind == "huge":
            headers["Content-Length"] = str(10 * 2**30)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(content)
            while kind == "huge":
                self.wfile.write(bytes(1 << 20))
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


KINDS = ["good"] * 12 + ["dead", "text", "optout", "bomb", "file", "huge", "slow"]


@pytest.fixture
def pool(tmp_path, address):
    urls = [f"{address}/{kind}/{number}" for number, kind in enumerate(KINDS)] + ["file:///etc/passwd", "ftp://x/y"]
    table = pa.table(
        {
            "uid": [hashlib.md5(url.encode()).hexdigest() for url in urls],
            "url": urls,
            "text": [f"caption {number}" for number in range(len(urls))],
            "face_bboxes": [[[0.1, 0.1, 0.5, 0.5]] if number == 0 else [] for number in range(len(urls))],
        }
    )
    (tmp_path / "m").mkdir()
    pq.write_table(table, tmp_path / "m" / "a.parquet")
    import_datacomp(tmp_path / "m", tmp_path / "pool")
    return Pool.open(tmp_path / "pool")


def test_only_what_is_kept_and_good_arrives(pool, tmp_path):
    recipe = load({"name": "x", "keep": [{"where": "text not in ('caption 11', 'caption 18')"}]})
    made = fetch(
        pool,
        select(recipe, pool),
        tmp_path / "to",
        timeout=60,
        retries=0,
        processes=1,
        threads=8,
        private=True,
        shard_size=10,
    )
    assert (made.asked, made.fetched) == (len(KINDS) - 2, 11)
    reasons = "\n".join(made.reasons)
    assert sum(made.reasons.values()) == 6
    for words in ("404", "X-Robots-Tag", "answer larger than 64 MiB"):
        assert words in reasons
    pool = pool.reload()
    assert [pool.image(row) is not None for row in range(len(pool))] == [True] * 11 + [False] * 10
    with Image.open(io.BytesIO(pool.image(3))) as image:
        assert image.size == (512, 384)
    sharp = np.asarray(
        Image.fromarray(np.asarray(Image.open(io.BytesIO(image_bytes(0, (640, 480)))))).resize((512, 384))
    )
    blurred = np.asarray(Image.open(io.BytesIO(pool.image(0))).convert("RGB")).astype(int)
    change = np.abs(sharp[..., :3].astype(int) - blurred).mean(axis=2)
    assert change[60:180, 80:240].mean() > 2 * change[250:, 300:].mean()
    report = json.loads((tmp_path / "to" / "report.json").read_text())
    assert report["fetched"] == 11
    again = fetch(pool, select(recipe, pool), tmp_path / "to", private=True, shard_size=10, processes=1)
    assert (again.asked, again.fetched) == (made.asked, made.fetched)
    with pytest.raises(InputError, match="holds another download"):
        fetch(pool, select(ALL, pool), tmp_path / "to")


def test_an_answer_that_does_not_come_is_given_up(address, monkeypatch):
    monkeypatch.setattr(guarded, "_private", True)
    assert "timed out" in guarded.download_image((1, f"{address}/slow/1"), 0.3, None, None)[2]


def test_private_addresses_are_refused(address):
    key, content, reason = guarded.download_image((1, f"{address}/good/1"), 2, None, None)
    assert (key, content) == (1, None)
    assert "address is not public" in reason
    assert "scheme file is not allowed" in guarded.download_image((1, "file:///etc/passwd"), 2, None, None)[2]


def test_a_download_killed_before_its_list_was_whole_begins_again(pool, tmp_path):
    to = tmp_path / "to"
    to.mkdir()
    files.temporary(to / "urls.parquet").write_bytes(b"PAR1 torn")
    assert _list(pool, select(ALL, pool), to) == len(KINDS)
    assert [path.name for path in to.iterdir()] == ["urls.parquet"], "the list alone says of which selection it is"
    (to / "urls.parquet").write_bytes(b"")
    with pytest.raises(InputError, match="damaged"):
        _list(pool, select(ALL, pool), to)


def test_statistics_that_were_being_written_do_not_count_as_a_finished_shard(tmp_path):
    for name, content in (("0", '{"count": 1}'), ("1", ""), ("2", '{"count": 1'), ("3", "[]")):
        (tmp_path / f"{name}_stats.json").write_text(content)
    assert sorted(path.name[0] for path in _torn(tmp_path)) == ["1", "2", "3"]


SLOW = """
import sys
from poolscope.export.fetch import fetch
from poolscope.pool import Pool
from poolscope.recipe import load, select
pool = Pool.open(sys.argv[1])
recipe = load({"name": "slow", "keep": [{"where": "text = 'caption 18'"}]})
fetch(pool, select(recipe, pool), sys.argv[2], private=True, processes=1, timeout=60, retries=0)
"""


def test_a_killed_download_leaves_no_process_that_writes_on(pool, tmp_path, monkeypatch):
    """img2dataset's own processes would go on, and write the shards under the hands of the one that is begun anew."""
    killed = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(pool.path), str(tmp_path / "to")], stderr=subprocess.DEVNULL
    )
    try:
        family = waited(lambda: len(found := psutil.Process(killed.pid).children(recursive=True)) > 2 and found)
        monkeypatch.setattr("poolscope.export.fetch.PATIENCE", 0.2)
        with pytest.raises(InputError, match="another download"), _alone(tmp_path / "to" / "urls.parquet"):
            pass
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert psutil.wait_procs(family, timeout=60)[1] == []
    with _alone(tmp_path / "to" / "urls.parquet") as held:
        assert held, "nothing holds the list any more"


def waited(condition, seconds=120):
    """What `condition` gives once that is true."""
    ends = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < ends
        time.sleep(0.1)
    return value

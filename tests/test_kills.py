"""SIGKILL, SIGTERM and SIGINT at random moments of every command that writes: begun anew, it ends as if nothing had been.

By default ten kills of three quick commands; `POOLSCOPE_KILLS=1000 pytest tests/test_kills.py` ends all commands, and more often.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from poolscope.pool import Pool
from tests.conftest import image_bytes

ROOT = Path(__file__).parents[1]
ASKED = "POOLSCOPE_KILLS" in os.environ
KILLS = int(os.environ.get("POOLSCOPE_KILLS", "10"))
QUICK = ("import columns", "export shards", "import")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
P = "--pool {here}/pool"
TRAIN = (
    f"train {{here}}/r.yaml --scale demo --as one {P} --no-evaluation --gpus 0 --set model=tiny --set samples_seen=256 --set batch=64 "
    "--set checkpoints=2 --set warmup=2"
)
COMMANDS = {
    "export subset": f"export subset --out {{here}}/out.npy --recipe {{here}}/r.yaml {P}",
    "export table": f"export table --out {{here}}/out.parquet --recipe {{here}}/r.yaml {P}",
    "export dataset": f"export dataset --out {{here}}/out --recipe {{here}}/r.yaml {P}",
    "export shards": f"export shards --out {{here}}/out --recipe {{here}}/r.yaml --shard-size 30 {P}",
    "select": f"select {{here}}/r.yaml --out {{here}}/out.npy {P}",
    "import": "import datacomp {here}/m --pool {here}/new --workers 1",
    "score": f"score clip_score --set model=l14 --as scored {P}",
    "delete": f"delete column clip_b32 --yes --force {P}",
    "tasks add": "tasks add mine {here}/set",
    "tasks add shards": "tasks add mine {here}/tasks/few",
    "groups add": f"groups add {{here}}/g.csv {P}",
    "groups": f"groups --families orientation {P}",
    "import columns": f"import columns {{here}}/values.npy --on row --as q {P}",
    "target": f"target t {{here}}/vectors.npy --model l14 {P}",
    "audit": f"audit {{here}}/r.yaml --families orientation --minimum 10 --out {{here}}/out.html {P}",
    "embed": f"embed tiny/{{here}}/w.safetensors --as mine --device cpu {P}",
    "evaluate": "evaluate tiny/{here}/w.safetensors --tasks few --tasks-dir {here}/tasks --device cpu",
    "train": TRAIN,
    "fetch": "fetch {here}/all.yaml --to {here}/out --pool {here}/remote --private --processes 1 --threads 4",
}
LONG = {
    "map": f"map --sample 100 {P}",
    "prepare": f"prepare tiny/{{here}}/w.safetensors --as mine --device cpu {P}",
    "demo": "demo",
}
"""Commands of a minute or more, which are ended only where many kills are asked for."""
if ASKED and KILLS > 100:
    COMMANDS |= LONG


@dataclass
class Bench:
    """The folder that every command starts from, and how long each takes."""

    source: Path
    work: Path
    took: dict[str, float]
    ends: dict[str, dict[str, str]]
    said: str = ""

    def begin(self, name: str) -> Path:
        here = self.work / name.replace(" ", "-")
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(self.source, here)
        return here

    def run(self, name: str, here: Path, *, delay: float | None = None, number: int = 0) -> int:
        """The exit code of the command; ended by signal `number` after `delay` seconds, if it lasts so long."""
        argv = COMMANDS[name].replace("{here}", str(here)).split()
        if name == "train" and (here / "home" / "runs" / "one" / "run.json").exists():
            argv.append("--resume")
        environment = {**os.environ, "POOLSCOPE_HOME": str(here / "home"), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "poolscope", *argv], cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        timer = threading.Timer(delay or 0, process.send_signal, (number,)) if delay else None
        if timer:
            timer.start()
        try:
            printed, _ = process.communicate(timeout=900)
        finally:
            if timer:
                timer.cancel()
            if process.poll() is None:
                process.kill()
        assert b"fault of Poolscope" not in printed, (name, printed[-3000:].decode())
        self.said = printed.decode(errors="replace")
        return process.returncode

    def whole(self, name: str) -> None:
        """Runs a command once to its end: what it leaves is what it must leave after any kill."""
        if name not in self.took:
            here, began = self.begin(name), time.monotonic()
            assert self.run(name, here) == 0, self.said[-3000:]
            self.took[name] = time.monotonic() - began
            self.ends[name] = outcome(here)
            shutil.rmtree(here)


def outcome(here: Path) -> dict[str, str]:
    """What a command left: its output files by digest, its tasks and groups, the columns of the pools by content."""
    patterns = ("out*", "out/**/*", "home/tasks/**/*", "pool/groups*/*.npy")
    found = {
        str(path.relative_to(here)): content(path)
        for path in sorted({path for pattern in patterns for path in here.glob(pattern)})
        if path.is_file()
    }
    for name in ("pool", "remote", "new"):
        if Pool.exists(here / name):
            pool = Pool.open(here / name)
            table = pool.take(range(len(pool)), ["uid", *(n for n in pool.columns if n not in ("uid_hi", "uid_lo"))])
            values = {n: table[n].to_pylist() for n in sorted(table.column_names)}
            if "image_offset" in values:  # downloads come in any order
                values["image_offset"] = [offset is not None for offset in values["image_offset"]]
            found[name] = digest(repr(values).encode())
    return found


def content(path: Path) -> str:
    """A digest of what a file holds; of one that says when it was written nothing but that it is there."""
    if path.suffix in (".json", ".jsonl", ".html", ".parquet", ".md", ".yaml", ".log"):
        return ""
    if path.suffix != ".tar":
        return digest(path.read_bytes())
    with tarfile.open(path) as tar:
        return digest(repr(sorted((one.name, digest(tar.extractfile(one).read())) for one in tar)).encode())


def digest(written: bytes) -> str:
    return hashlib.sha256(written).hexdigest()


class Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(image_bytes(int(self.path.strip("/"))))

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def bench(_tiny_pool_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    source = tmp_path_factory.mktemp("kills") / "source"
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fill(source, _tiny_pool_source / "pool", f"http://127.0.0.1:{server.server_port}")
    yield Bench(source, source.parent / "work", {}, {})
    server.shutdown()


def fill(source: Path, pool: Path, address: str) -> None:
    from poolscope.sources import import_datacomp
    from tests.backend.bench.conftest import png, write_tar

    shutil.copytree(pool, source / "pool")
    opened = Pool.open(source / "pool")
    opened.uid_order()
    rng = np.random.default_rng(0)
    np.save(source / "vectors.npy", rng.normal(size=(50, 16)).astype(np.float32))
    np.save(source / "values.npy", rng.normal(size=len(opened)).astype(np.float32))
    (source / "g.csv").write_text(
        "uid,group\n"
        + "".join(f"{u},{'ab'[i % 2]}\n" for i, u in enumerate(opened.take(range(60), ["uid"])["uid"].to_pylist()))
    )
    (source / "r.yaml").write_text("name: r\nkeep:\n- {score: clip_l14, top: 0.5}\n")
    (source / "all.yaml").write_text("name: all\nkeep: []\n")
    for number in range(6):
        (source / "set" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        (source / "set" / "ab"[number % 2] / f"{number}.png").write_bytes(image_bytes(number))
    few = source / "tasks" / "few"
    write_tar(few / "test" / "0.tar", [(f"{i}", {"png": png(i), "cls": str(i % 2).encode()}) for i in range(8)])
    (few / "test" / "nshards.txt").write_text("1")
    (few / "classnames.txt").write_text("dog\ncat\n")
    (few / "zeroshot_classification_templates.txt").write_text("a {c}\n")
    (few / "task.json").write_text('{"key": "few", "kind": "classification", "metric": "acc1"}')
    urls = [f"{address}/{number}" for number in range(12)]
    (source / "m").mkdir()
    table = {"uid": [f"{n:032x}" for n in range(12)], "url": urls, "text": [f"caption {n}" for n in range(12)]}
    pq.write_table(pa.table(table), source / "m" / "a.parquet")
    import_datacomp(source / "m", source / "remote")
    if ASKED:
        write_model(source)


def write_model(source: Path) -> None:
    """A model of random weights, and its architecture in the home."""
    import open_clip
    import torch

    from poolscope.models import register_configs, save_weights
    from tests.backend.bench.conftest import TINY

    (source / "home" / "models").mkdir(parents=True)
    (source / "home" / "models" / "tiny.json").write_text(json.dumps(TINY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POOLSCOPE_HOME", str(source / "home"))
        register_configs()
        torch.manual_seed(0)
        save_weights(open_clip.create_model("tiny"), source / "w.safetensors", model="tiny", about={})


def test_every_command_ends_as_if_it_had_never_been_ended(bench: Bench) -> None:
    """A command is ended once or twice, by default four times, before it may end by itself."""
    moments, names = random.Random(os.environ.get("POOLSCOPE_KILLS", "")), list(COMMANDS if ASKED else QUICK)
    moments.shuffle(names)
    kills = turn = 0
    while kills < KILLS:
        name = names[turn % len(names)]
        turn += 1
        bench.whole(name)
        here = bench.begin(name)
        for _ in range(min(moments.choice((1, 1, 2)) if ASKED else 4, KILLS - kills)):
            number = moments.choice(SIGNALS)
            code = bench.run(name, here, delay=moments.uniform(0.2, 1.0) * bench.took[name], number=number)
            assert code in (0, 2, 130, 143, -number), (name, number, code, bench.said[-3000:])
            kills += 1
        code = bench.run(name, here)
        assert code == 0 or (code == 2 and ("exist" in bench.said or "has no column" in bench.said)), (
            name,
            code,
            bench.said[-3000:],
        )
        made = outcome(here)
        assert made == bench.ends[name], (
            name,
            {k for k in made.keys() | bench.ends[name].keys() if made.get(k) != bench.ends[name].get(k)},
        )
        leftovers = [str(path) for path in here.rglob("*.part")] if code == 0 and number != signal.SIGKILL else []
        assert leftovers == [], name
        shutil.rmtree(here)

"""The bench of the kill test: a folder that every command starts from, and commands that are killed at their work."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from poolscope.jobs import table
from poolscope.pool import Pool
from poolscope.processes import machine, started_at
from poolscope.recipe import tags
from tests.conftest import image_bytes
from tests.kills.commands import COMMANDS, HOLD, Command
from tests.kills.outcome import outcome

ROOT = Path(__file__).parents[2]
HALF = "name: r\nkeep:\n- {score: clip_l14, top: 0.5}\n"
LONGEST = 900.0
"""Seconds after which a command counts as hanging."""


class Zygote:
    """Runs commands in processes that have imported `modules` already."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.kills.zygote", *modules],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self._answer() == "ready"

    def run(
        self, argv: Sequence[str], *, home: Path, output: Path, tiny: str, kill: tuple[float, int] | None
    ) -> tuple[int, int]:
        """Pid and exit code of the command; `kill` are the seconds after which it is sent a signal, and which."""
        environment = {"POOLSCOPE_HOME": str(home), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        asked = {"argv": argv, "environment": environment, "output": str(output), "tiny": tiny}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        pid = int(self._answer())
        timers = [threading.Timer(after, _send, (pid, number)) for after, number in [kill or (LONGEST, signal.SIGABRT)]]
        for timer in timers:
            timer.start()
        code = int(self._answer())
        for timer in timers:
            timer.cancel()
        return pid, code

    def _answer(self) -> str:
        return self._process.stdout.readline().strip()

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(LONGEST)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@dataclass
class Bench:
    """`work/here` is the folder of a command, a copy of `source` in which what it needs before has been run."""

    source: Path
    work: Path
    zygote: Zygote
    took: dict[str, float] = field(default_factory=dict)
    ends: dict[str, dict[str, str]] = field(default_factory=dict)
    families: list[int] = field(default_factory=list)

    @property
    def here(self) -> Path:
        return self.work / "here"

    @property
    def said(self) -> str:
        return (self.work / "output").read_text(errors="replace")[-3000:]

    def begin(self, command: Command) -> None:
        """The folder as it is before the command."""
        start = self.work / f"start-{COMMANDS_BEFORE.index(command.before)}" if command.before else self.source
        if not start.exists():
            self._copy(self.source)
            for line in command.before:
                assert (self._hold() if line == HOLD else self.run(line, tiny=command.tiny)) == 0, self.said
            shutil.copytree(self.here, start, symlinks=True)
        self._copy(start)

    def _hold(self) -> int:
        """A job that runs as long as the bench does: what is queued behind it waits."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POOLSCOPE_HOME", str(self.here / "home"))
            (self.here / "home").mkdir(exist_ok=True)
            job = table.insert(kind="info", title="held", argv=["info"], device="cpu", cwd="/", environment={})
            pid = self.zygote.pid
            return 0 if table.claim(job, machine=machine(), pid=pid, pid_started=started_at(pid)) else 1

    def _copy(self, start: Path) -> None:
        shutil.rmtree(self.here, ignore_errors=True)
        shutil.copytree(start, self.here, symlinks=True)

    def run(self, line: str, *, tiny: bool = False, kill: tuple[float, int] | None = None) -> int:
        """The exit code of a command line; none may call itself a fault."""
        argv = line.replace("{here}", str(self.here)).split()
        home, output = self.here / "home", self.work / "output"
        pid, code = self.zygote.run(
            argv, home=home, output=output, tiny=str(self.source / "assets") if tiny else "", kill=kill
        )
        self.families.append(pid)
        assert "fault of Poolscope" not in self.said, (line, self.said)
        return code

    def whole(self, name: str) -> None:
        """Runs a command once to its end: what it leaves is what it must leave after any kill."""
        if name not in self.took:
            command = COMMANDS[name]
            self.begin(command)
            began = time.monotonic()
            assert self.run(command.line, tiny=command.tiny) == 0, (name, self.said)
            self.took[name] = time.monotonic() - began
            self.ends[name] = outcome(self.here)

    def again(self, name: str) -> int:
        """Runs a command that was killed once more, to its end."""
        command = COMMANDS[name]
        begun = command.again and (self.here / "home" / "runs" / "one" / "run.json").exists()
        return self.run(command.again if begun else command.line, tiny=command.tiny)

    def left_running(self) -> list[str]:
        """Processes of commands that have ended or were killed, which should have ended soon after them."""
        mine, self.families, until = set(self.families), [], time.monotonic() + 10
        while True:
            left = [one for one in psutil.process_iter() if _session(one.pid) in mine]
            if not left or time.monotonic() > until:
                return [" ".join(one.cmdline())[:300] for one in left if one.is_running()]
            time.sleep(0.2)

    def differences(self, name: str) -> set[str]:
        """The files and columns in which the folder is not as the whole command leaves it."""
        left, whole = outcome(self.here), self.ends[name]
        return {one for one in left.keys() | whole.keys() if left.get(one) != whole.get(one)}


COMMANDS_BEFORE = list(dict.fromkeys(command.before for command in COMMANDS.values()))


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


class Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(image_bytes(int(self.path.strip("/"))))

    def log_message(self, *_: object) -> None:
        return


def serve() -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def fill(source: Path, tiny: Path, address: str, *, everything: bool) -> None:
    """What the commands read: pools, tables, tars, recipes; where `everything` is asked for, also a model and a demo."""
    shutil.copytree(tiny / "pool", source / "pool")
    shutil.copytree(tiny / "shards", source / "shards")
    pool = Pool.open(source / "pool")
    pool.uid_order()
    tags.save(pool, "odd", np.arange(7))
    for folder, name, content in (("recipes", "half.yaml", HALF), ("reports", "old.json", "{}")):
        (pool.path / folder).mkdir(exist_ok=True)
        (pool.path / folder / name).write_text(content)
    rng = np.random.default_rng(0)
    np.save(source / "vectors.npy", rng.normal(size=(50, 16)).astype(np.float32))
    np.save(source / "values.npy", rng.normal(size=len(pool)).astype(np.float32))
    uids = pool.take(range(60), ["uid"])["uid"].to_pylist()
    (source / "g.csv").write_text("uid,group\n" + "".join(f"{uid},{'ab'[i % 2]}\n" for i, uid in enumerate(uids)))
    (source / "r.yaml").write_text(HALF)
    (source / "all.yaml").write_text("name: all\nkeep: []\n")
    for number in range(6):
        folder = source / "set" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(image_bytes(number))
    _task(source / "tasks" / "few")
    _foreign(source / "theirs")
    _pool(source / "bare", source / "n", uids, "http://example.org")
    _pool(source / "remote", source / "m", [f"{number:032x}" for number in range(12)], address)
    if everything:
        _model(source)
        _demo(source / "assets")


def _pool(path: Path, tables: Path, uids: list[str], address: str) -> None:
    from poolscope.sources import import_datacomp

    tables.mkdir()
    for part in range(3):
        some = range(part, len(uids), 3)
        table = {
            "uid": [uids[n] for n in some],
            "url": [f"{address}/{n}" for n in some],
            "text": [f"caption {n}" for n in some],
        }
        pq.write_table(pa.table(table), tables / f"{part}.parquet")
    import_datacomp(tables, path)


def _task(few: Path) -> None:
    from tests.backend.bench.conftest import png, write_tar

    write_tar(few / "test" / "0.tar", [(f"{i}", {"png": png(i), "cls": str(i % 2).encode()}) for i in range(8)])
    (few / "test" / "nshards.txt").write_text("1")
    (few / "classnames.txt").write_text("dog\ncat\n")
    (few / "zeroshot_classification_templates.txt").write_text("a {c}\n")
    (few / "task.json").write_text('{"key": "few", "kind": "classification", "metric": "acc1", "suite": "few"}')


def _foreign(theirs: Path) -> None:
    """A run of DataComp's own tools."""
    theirs.mkdir()
    about = {"scale": "small", "checkpoint": Path("/x/epoch_latest.pt"), "scale_config": {"batch_size": 4096}}
    (theirs / "info.pkl").write_bytes(pickle.dumps(about))
    result = {"key": "imagenet1k", "dataset": "ImageNet 1k", "metrics": {"acc1": 0.03, "main_metric": 0.03}}
    (theirs / "eval_results.jsonl").write_text(json.dumps(result) + "\n")


def _model(source: Path) -> None:
    """A model of random weights, and its architecture in the home."""
    import open_clip
    import torch

    from poolscope.models import register_configs, save_weights
    from tests.conftest import TINY

    (source / "home" / "models").mkdir(parents=True)
    (source / "home" / "models" / "tiny.json").write_text(json.dumps(TINY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POOLSCOPE_HOME", str(source / "home"))
        register_configs()
        torch.manual_seed(0)
        save_weights(open_clip.create_model("tiny"), source / "w.safetensors", model="tiny", about={})


def _demo(assets: Path) -> None:
    """The demo's assets, with few of its pairs."""
    from poolscope.paths import ASSETS

    assets.mkdir()
    for path in (ASSETS / "demo").iterdir():
        (assets / path.name).symlink_to(path)
    (assets / "pairs.parquet").unlink()
    pq.write_table(pq.read_table(ASSETS / "demo" / "pairs.parquet").slice(0, 300), assets / "pairs.parquet")

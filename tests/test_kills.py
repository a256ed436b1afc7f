"""SIGKILL, SIGTERM and SIGINT at random moments of every command that writes: begun anew, it ends as if nothing had been.

By default ten kills of three quick commands; `POOLSCOPE_KILLS=1000 pytest tests/test_kills.py` ends all commands, and more
often. `POOLSCOPE_KILLS_OF="train,fetch"` names some, `POOLSCOPE_KILLS_SEED` deals other moments.
"""

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kills.bench import Bench, Zygote, fill, serve
from tests.kills.commands import COMMANDS
from tests.kills.zygote import HEAVY, LIGHT

ASKED = "POOLSCOPE_KILLS" in os.environ
KILLS = int(os.environ.get("POOLSCOPE_KILLS", "10"))
QUICK = ("import columns", "export shards", "import")
NAMES = [name for name in os.environ.get("POOLSCOPE_KILLS_OF", "").split(",") if name] or (COMMANDS if ASKED else QUICK)
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


@pytest.fixture(scope="module")
def bench(_tiny_pool_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("kills")
    server = serve()
    light = all(COMMANDS[name].light for name in NAMES)
    fill(root / "source", _tiny_pool_source, f"http://127.0.0.1:{server.server_port}", everything=not light)
    (root / "work").mkdir()
    zygote = Zygote(LIGHT if light else HEAVY)
    yield Bench(root / "source", root / "work", zygote)
    zygote.close()
    server.shutdown()


def test_every_command_ends_as_if_it_had_never_been_ended(bench: Bench) -> None:
    """A command is ended once or twice, by default four times, before it may end by itself."""
    moments, names = random.Random(os.environ.get("POOLSCOPE_KILLS_SEED", "0")), list(NAMES)
    moments.shuffle(names)
    kills, turn, wrong = Counter[str](), 0, []
    while kills.total() < KILLS:
        name = names[turn % len(names)]
        turn += 1
        bench.whole(name)
        bench.begin(COMMANDS[name])
        sent = []
        for _ in range(min(moments.choice((1, 1, 2)) if ASKED else 4, KILLS - kills.total())):
            number, after = moments.choice(SIGNALS), moments.uniform(0.0, 1.0) * bench.took[name]
            code = bench.run(COMMANDS[name].line, tiny=COMMANDS[name].tiny, kill=(after, number))
            sent.append((number.name, round(after, 2), code))
            assert code in (0, 2, 130, 143, -number), (name, sent, bench.said)
            kills[name] += 1
        code = bench.again(name)
        different = bench.differences(name) if code in (0, 2) else {f"exit {code}"}
        running = bench.left_running()
        if different or running:
            wrong.append((name, sent, code, sorted(different), running, bench.said[-300:]))
            print("WRONG", wrong[-1], flush=True)
        if ASKED:
            print(kills.total(), name, sent, f"{bench.took[name]:.1f} s", flush=True)
    assert not wrong, wrong

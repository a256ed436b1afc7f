"""SIGKILL, SIGTERM and SIGINT at random moments of every command that writes: begun anew, it ends as if nothing had been.

By default ten kills of three quick commands; `POOLSCOPE_KILLS=1000 pytest tests/test_kills.py` ends all commands, and more
often. `POOLSCOPE_KILLS_OF="train,fetch"` names some, `POOLSCOPE_KILLS_SEED` deals other moments.
"""

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
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
    kills, wrong = Counter[str](), []
    for name in cycle(names):
        left = KILLS - kills.total()
        if not left or len(wrong) > len(names):
            break
        sent, why = ended(bench, name, moments, min(left, moments.choice((1, 1, 2)) if ASKED else 4))
        kills[name] += len(sent)
        wrong += [why] if why else []
        if ASKED:
            print(kills.total(), name, sent, why, flush=True)
    print(kills.total(), "kills:", dict(kills), flush=True)
    assert not wrong, "\n".join(wrong)


def ended(bench: Bench, name: str, moments: random.Random, times: int) -> tuple[list[str], str]:
    """Ends a command so many times and begins it anew: what it was sent and when, and what is wrong with its end."""
    command, sent = COMMANDS[name], list[str]()
    try:
        bench.whole(name)
        bench.begin(command)
        for _ in range(times):
            number, after = moments.choice(SIGNALS), moments.uniform(0.0, 1.0) * bench.took[name]
            code = bench.run(command.line, tiny=command.tiny, kill=(after, number))
            sent.append(f"{number.name} after {after:.2f} of {bench.took[name]:.1f} s: {code}")
            assert code in (0, 2, 130, 143, -number), bench.said
        code = bench.again(name)
        assert code in (0, 2), (code, bench.said)
        assert not (different := bench.differences(name)), (code, bench.said[-300:], sorted(different))
        assert not (running := bench.left_running()), running
    except AssertionError as error:
        return sent, f"{name}, {sent}: {error}"
    return sent, ""

"""The edges of the command line: how fast it starts, how it ends, what it says when something is wrong."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from poolscope.cli.app import command
from poolscope.cli.console import printable
from poolscope.cli.entry import _full_disk
from poolscope.errors import InputError

HEAVY = ("torch", "lance", "lancedb", "pandas", "numpy", "streamlit", "faiss", "umap", "sklearn", "open_clip")


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys\nfrom poolscope.cli import main\ncode = main(['--help'])\n"
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.stderr.splitlines()[-1] == "0 []"
    assert "See, tune and prove" in done.stdout
    assert seconds < 0.5


def commands(group=None, path=()):
    group = group or command()
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


@pytest.mark.parametrize(("path", "found"), [pytest.param(p, f, id=" ".join(p)) for p, f in commands()])
def test_every_command_explains_itself(path, found, poolscope):
    shown = poolscope(*path, "--help")
    assert shown.code == 0
    first = (found.help or "").splitlines()[0]
    assert first.endswith((".", ";"))
    for parameter in found.params:
        if parameter.param_type_name == "option" and parameter.name not in ("port",):
            assert parameter.help, f"{path}: {parameter.name} has no help"


def test_alone_it_shows_what_it_can(poolscope):
    for argv in ((), ("jobs",), ("export",)):
        shown = poolscope(*argv)
        assert shown.code == 0
        assert "Commands:" in shown.out
        assert "..." not in shown.out.partition("Commands:")[2], "a summary is too long to be shown"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nonsense"], "'nonsense'"),
        (["info", "--nonsense"], "--nonsense"),
        (["info", "--pool"], "--pool"),
        (["score"], "METHOD"),
        (["score", "random", "--workers", "0"], "--workers '0'"),
        (["jobs", "show", "12x"], "12x"),
        (["app", "--port", "seventy"], "--port 'seventy'"),
    ],
)
def test_a_wrong_command_line_is_one_line(argv, said, poolscope):
    assert said in poolscope(*argv).refused()


def test_input_error_is_printed_as_it_is(poolscope, monkeypatch):
    def fail(*given):
        raise InputError("no [bold]score[/] 'x\x1b[31m': see `poolscope info`")

    monkeypatch.setattr("poolscope.cli.score.parse_settings", fail)
    assert poolscope("score", "random").refused() == "error: no [bold]score[/] 'x�[31m': see `poolscope info`"


def test_our_fault_is_one_line_and_a_file_with_the_rest(poolscope, monkeypatch, home: Path):
    def fail(*given):
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr("poolscope.cli.score.parse_settings", fail)
    ended = poolscope("score", "random")
    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("error: ZeroDivisionError: by (this is a fault of Poolscope; details: ")
    (kept,) = (home / "errors").iterdir()
    assert str(kept) in ended.err
    assert "Traceback" in kept.read_text()
    monkeypatch.setenv("POOLSCOPE_DEBUG", "")
    assert "Traceback" in poolscope("--debug", "score", "random").err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/pool/x"), "no space left on the disk (/pool/x)"),
        (OSError(errno.EFBIG, "File too large"), "a file would grow over the limit"),
        (RuntimeError("LanceError(IO): write failed (os error 28), rust/x.rs:3"), "no space left on the disk"),
    ],
)
def test_a_full_disk_is_said_plainly(error, said, poolscope, monkeypatch):
    def fail(*given):
        raise error

    monkeypatch.setattr("poolscope.cli.score.parse_settings", fail)
    ended = poolscope("score", "random")
    assert ended.code == 1
    assert said in ended.err
    assert "make room and run the same command again" in ended.err
    assert _full_disk(ValueError("no")) is None


def test_an_unreadable_path_is_the_users_input(poolscope, monkeypatch):
    def fail(*given):
        raise PermissionError(errno.EACCES, "Permission denied", "/secret")

    monkeypatch.setattr("poolscope.cli.score.parse_settings", fail)
    assert "no permission for /secret" in poolscope("score", "random").refused()


def test_a_path_that_can_be_none_is_the_users_input(poolscope):
    assert "File name too long" in poolscope("search", "dog", "--pool", "é" * 300).refused()


def test_interrupt_ends_with_130(home: Path):
    from poolscope.jobs import table

    waited = table.insert(kind="t", title="", argv=["x"], device="cpu", cwd="/", environment={})
    assert table.claim(waited, machine="elsewhere/boot/1", pid=1, pid_started=1.0)
    running = subprocess.Popen(
        [sys.executable, "-m", "poolscope", "jobs", "wait", str(waited)], stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell's children ignore it
    )  # fmt: skip
    waiting, asleep, deadline = psutil.Process(running.pid), 0, time.monotonic() + 120
    while asleep < 6:  # six looks in a row: it has started, and sleeps between its own looks at the job
        assert time.monotonic() < deadline
        time.sleep(0.1)
        asleep = asleep + 1 if waiting.status() == psutil.STATUS_SLEEPING else 0
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err.count("\n") == 1
    assert err.startswith("error: interrupted")


def test_a_closed_pipe_is_no_fault(tiny_pool, home: Path):
    line = f"{sys.executable} -m poolscope info --pool {tiny_pool.path} --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert "error" not in done.stderr
    assert "Exception" not in done.stderr
    assert not (home / "errors").exists()


def test_printable_keeps_one_line():
    assert printable("naïve 日本\n\t\x1b]0;x\x07") == "naïve 日本  �]0;x�"
    assert os.linesep not in printable("a\nb")

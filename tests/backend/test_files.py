"""Files that are whole or absent, and what a killed process leaves of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from poolscope import files
from poolscope.errors import InputError

WRITE = """
import os, sys
from pathlib import Path
from poolscope import files
with getattr(files, sys.argv[1])(Path(sys.argv[2])) as part:
    (part / "a" if part.is_dir() else part).write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
"""


def writer(how: str, path: Path) -> subprocess.Popen:
    """A process that stops in the midst of writing `path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, how, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"writing\n"
    return process


def test_what_a_killed_process_was_writing_is_gone_after_the_next_one(tmp_path: Path) -> None:
    """Its temporary file would otherwise stay for ever, as large as what it was writing, and be hidden too."""
    killed = writer("replacing", tmp_path / "out.npy")
    files.write_text(tmp_path / "out.npy", "of another process")
    assert len(list(tmp_path.iterdir())) == 2, "what is being written is left alone"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert len(list(tmp_path.iterdir())) == 2
    files.write_text(tmp_path / "out.npy", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["out.npy"]
    assert (tmp_path / "out.npy").read_text() == "whole"


def test_a_folder_has_one_writer_and_forgets_a_killed_one(tmp_path: Path) -> None:
    killed = writer("replacing_folder", tmp_path / "out")
    with pytest.raises(InputError, match="written by another process"), files.replacing_folder(tmp_path / "out"):
        pass
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with files.replacing_folder(tmp_path / "out") as part:
        assert list(part.iterdir()) == []
        (part / "b").write_text("whole")
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["out", "out/b"]


def test_a_temporary_name_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("mine")
    files.temporary(tmp_path / "out").symlink_to(tmp_path / "other")
    os.link(tmp_path / "other", files.temporary(tmp_path / "two"))
    files.write_text(tmp_path / "out", "x")
    files.write_text(tmp_path / "two", "y")
    assert (tmp_path / "other").read_text() == "mine"
    assert ((tmp_path / "out").read_text(), (tmp_path / "two").read_text()) == ("x", "y")


def test_another_machine_has_a_temporary_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with files.replacing(tmp_path / "out") as mine:
        mine.write_text("mine")
        monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
        files.write_text(tmp_path / "out", "theirs")
        assert mine.read_text() == "mine"
    assert (tmp_path / "out").read_text() == "mine"


def test_a_file_system_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def unknown(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unknown)
    files.write_text(tmp_path / "out", "x")
    with files.replacing_folder(tmp_path / "folder") as part:
        (part / "a").write_text("y")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "out"]
    with pytest.raises(ZeroDivisionError), files.replacing(tmp_path / "out"):
        1 / 0  # noqa: B018
    assert (tmp_path / "out").read_text() == "x"


def test_files_that_belong_together_come_together(tmp_path: Path) -> None:
    with pytest.raises(AttributeError):
        files.write_texts({tmp_path / "a": "1", tmp_path / "b": None})
    assert list(tmp_path.iterdir()) == []
    files.write_texts({tmp_path / "a": "1", tmp_path / "b": "2"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]

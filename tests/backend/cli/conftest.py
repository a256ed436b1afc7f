"""Running `poolscope`: in this process (quick) or as a process of its own (real)."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from poolscope.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        assert self.code == 0, self.err
        assert self.out.count("\n") == 1
        return json.loads(self.out)

    def refused(self) -> str:
        """The one line that says what is wrong with the input."""
        assert self.code == 2, (self.code, self.out, self.err)
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        assert self.err.rstrip("\n").endswith(lines[0]), "the error is the last word"
        assert "Traceback" not in self.err
        return lines[0]


@pytest.fixture
def poolscope(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def run(*argv: object) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in argv])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def process() -> Callable[..., Outcome]:
    def run(*argv: object, **options: Any) -> Outcome:
        command = [sys.executable, "-m", "poolscope", *(str(word) for word in argv)]
        environment = {**os.environ, **options.pop("env", {})}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, **options)
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run

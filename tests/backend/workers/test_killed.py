"""Workers in processes end with the process that gave them their units."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Pids:
    """A task that says who works at it, and then takes long or not."""

    folder: Path
    seconds: float

    def compute(self, unit: str) -> None:
        (self.folder / str(os.getpid())).touch()
        time.sleep(self.seconds)


WORK = """
import sys, time
from pathlib import Path
from poolscope.workers.dispatch import finished
from tests.backend.workers.test_killed import Pids
if __name__ == "__main__":
    devices = sys.argv[3].split(",") if sys.argv[3] else ()
    for unit, _ in finished(Pids(Path(sys.argv[1]), float(sys.argv[2])), ["a", "b"], workers=2, devices=devices):
        time.sleep(300)
"""


@pytest.mark.parametrize(("seconds", "devices"), [(300, ""), (0, "cpu,cpu")])
def test_workers_of_a_killed_process_end_with_it(tmp_path: Path, seconds: int, devices: str) -> None:
    """In the midst of a unit, and while they wait for the next: they would keep their models in memory for ever."""
    killed = subprocess.Popen([sys.executable, "-c", WORK, str(tmp_path), str(seconds), devices], cwd=ROOT)
    until = time.monotonic() + 120
    while not list(tmp_path.iterdir()):
        assert killed.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    family = psutil.Process(killed.pid).children(recursive=True)
    killed.kill()
    killed.wait()
    assert len(family) >= 2
    assert psutil.wait_procs(family, timeout=60)[1] == []

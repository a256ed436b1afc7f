"""Runs one job: claims it, starts its command, keeps its heartbeat, writes how it ended, starts the next.

`python -m poolscope.jobs.runner ID`, in a session of its own, with its output in the job's log.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from .. import processes
from ..errors import InputError
from . import queue, slots, table

BEAT = 2.0
"""Seconds between heartbeats."""


def main(job_id: int, command: Sequence[str] = ("-m", "poolscope")) -> int:
    """Runs the job to its end, unless it is not queued any more or its device is taken."""
    asked_to_end: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        asked_to_end.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    machine, pid, began = processes.identity()
    assert began is not None
    if not table.claim(job_id, machine=machine, pid=pid, pid_started=began):
        return 0
    try:
        exit_code = _run(job_id, command, asked_to_end)
    except (OSError, ValueError) as error:
        print(f"error: the job could not be started: {error}", flush=True)
        exit_code = 1
    state, message = _ending(job_id, exit_code, asked_to_end)
    _insist(lambda: table.finish(job_id, pid, state, exit_code=exit_code, message=message))
    _insist(queue.refresh)
    return 0


def _run(job_id: int, command: Sequence[str], asked_to_end: list[int]) -> int:
    """Runs the job's command to its end; returns its exit code, negative for a signal."""
    entry = table.row(job_id)
    environment = {**os.environ, "POOLSCOPE_JOB": str(job_id)}
    if numbers := slots.given(entry["device"] or ""):
        environment["CUDA_VISIBLE_DEVICES"] = slots.visible(numbers, environment.get("CUDA_VISIBLE_DEVICES"))
    argv = [str(word) for word in entry["argv"]]
    print(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} poolscope {' '.join(argv)}", flush=True)
    child = subprocess.Popen(
        [*queue.python(), *command, *argv],
        stdin=subprocess.DEVNULL,
        env=environment,
        cwd=entry["cwd"],
    )
    last_beat = time.monotonic()
    passed_on = False
    while True:
        try:
            return child.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            pass
        if asked_to_end and not passed_on:
            passed_on = True
            if not table.row(job_id)["cancel_requested"]:
                child.terminate()
        if time.monotonic() - last_beat > BEAT:
            last_beat = time.monotonic()
            try:
                table.beat(job_id, os.getpid())
            except (sqlite3.Error, InputError) as error:
                print(f"heartbeat not written: {error}", flush=True)


def _ending(job_id: int, exit_code: int, asked_to_end: list[int]) -> tuple[str, str | None]:
    """The final state and message; message None keeps the command's own last one."""
    if exit_code == 0:
        return "done", None
    if asked_to_end or table.row(job_id)["cancel_requested"]:
        return "cancelled", "cancelled"
    last = last_error(queue.log_tail(job_id, 8192))
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return "failed", f"killed by {name}{hint}" + (f": {last}" if last else "")
    return "failed", last or f"exit code {exit_code}"


def last_error(log: str) -> str:
    """The last line that begins with `error:`, without that word, else the last line that says anything."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.startswith("---")]
    errors = [line for line in lines if line.startswith("error:")]
    return (errors[-1].removeprefix("error:").strip() if errors else lines[-1] if lines else "")[:500]


def _insist(write: Callable[[], object]) -> None:
    """Tries for a minute: a full disk or a locked table must not turn a finished job into a lost one."""
    for attempt in range(30):
        try:
            write()
        except (sqlite3.Error, InputError, OSError) as error:
            print(f"attempt {attempt + 1}: the jobs table could not be written: {error}", flush=True)
            time.sleep(2)
        else:
            return


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

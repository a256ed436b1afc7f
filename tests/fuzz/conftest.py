"""Mutated files against every command: one example is a damaged copy of valid files and one command line."""

import contextlib
import io
import os
import random
import shutil
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from poolscope.cli import main
from poolscope.jobs import queue
from poolscope.pool import Pool
from tests.fuzz.mutations import mutate
from tests.fuzz.surfaces import EVERYTHING, SURFACES, Surface, files, placed

SHELL = Path(__file__).parents[2] / "explorer" / "shell.py"


@dataclass
class Fuzz:
    """Valid files of every kind, made once, and a way to run a command on a damaged copy of them."""

    root: Path
    pool: Pool
    examples: int = 0
    code: int = 0

    def valid(self, surface: Surface) -> Path:
        """The folder of the valid files of a surface."""
        folder = self.root / "valid" / surface.name
        if not folder.exists():
            folder.mkdir(parents=True)
            surface.make(folder, self.pool)
        return folder

    def fresh(self) -> Path:
        """A new folder for one example; that of the example before is removed."""
        shutil.rmtree(self.root / f"work-{self.examples}", ignore_errors=True)
        self.examples += 1
        return self.root / f"work-{self.examples}"

    def run(self, surface: Surface, which: int, damage: list[tuple[int, str, int]], command: int) -> str | None:
        """Damages the files by `damage` (file, kind, seed), runs the command; what is wrong with its end, else None."""
        here, pool = self.prepared(surface)
        found = files(surface, here)
        changed = []
        for file, kind, seed in damage:
            path = found[(which + file) % len(found)]
            mutate(path, kind, seed)
            changed.append(f"{path.relative_to(here)}:{kind}:{seed}")
        text = surface.commands[command % len(surface.commands)]
        problem = self.ended(text, here, pool)
        return f"{problem}\n  {surface.name} {changed}" if problem else None

    def prepared(self, surface: Surface) -> tuple[Path, Path]:
        """A copy of the valid files of a surface, and of the pool: its own one if it has one."""
        work = self.fresh()
        here, pool = work / "here", work / "pool"
        shutil.copytree(self.valid(surface), here)
        if (here / "pool").exists():
            return here, here / "pool"
        shutil.copytree(self.pool.path, pool)
        return here, pool

    def ended(self, command: str | list[str], here: Path, pool: Path) -> str | None:
        """Runs a command, or several with `;` between them up to one that is refused; what is wrong with the end of one, or
        with a pool that was whole before it."""
        home = here / "home" if (here / "home").exists() else here.parent / "home"
        for line in command.split(" ; ") if isinstance(command, str) else [command]:
            words = line.split() if isinstance(line, str) else line
            argv = placed(words, here=here, pool=pool, new=here.parent / "new")
            problem = self.end(argv, home, pool)
            if not problem and pool.parent != here:
                problem = self.changed(Pool.open(pool), "import" in argv)
            if problem:
                return f"{problem}\n  {' '.join(argv)}"
            if self.code:
                break
        return None

    def line(self, words: list[str]) -> str | None:
        """Runs a command line over valid files; what is wrong with its end, else None."""
        work = self.root / "line"
        here, pool = work / "here", work / "pool"
        if not here.exists():
            shutil.copytree(self.valid(EVERYTHING), here)
        for path in (*work.glob("new*"), pool):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if "{pool}" in words:
            shutil.copytree(self.pool.path, pool)
        argv = placed(words, here=here, pool=pool, new=work / "new")
        before = os.getcwd()
        os.chdir(work)
        try:
            problem = self.end(argv, here / "home", pool)
        finally:
            os.chdir(before)
        if not problem and "{pool}" in words:
            problem = self.changed(Pool.open(pool), "import" in words)
        return f"{problem}\n  {argv}" if problem else None

    def end(self, argv: list[str], home: Path, pool: Path) -> str | None:
        """Runs a command line in this process, or draws `page NAME` of the app; what is wrong with how it ended.

        `pool` is the default one: without any, a command would first build the demo.
        """
        out, err = io.StringIO(), io.StringIO()
        os.environ |= {"POOLSCOPE_HOME": str(home), "POOLSCOPE_POOL": str(pool), "POOLSCOPE_DEBUG": "1"}
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = self.code = _drawn(argv[1]) if argv[:1] == ["page"] else main(argv)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return f"{type(error).__name__} escaped: {''.join(traceback.format_exception(error)[-6:])}"
        finally:
            del os.environ["POOLSCOPE_DEBUG"], os.environ["POOLSCOPE_POOL"]
        errors = err.getvalue()
        if code not in (0, 2):
            return f"exit {code}: {errors[-2500:]}"
        if code == 2 and (errors.count("error: ") < 1 or "Traceback" in errors):
            return f"exit 2 without its line: {errors[-500:]}"
        return None

    def changed(self, pool: Pool, extended: bool) -> str | None:
        """What is missing in a pool that was whole before the command."""
        uids, before = pool.uids(), self.pool.uids()
        if len(uids) < len(before) or (not extended and len(uids) > len(before)):
            return f"the pool has {len(uids)} pairs, it had {len(before)}"
        return None if (uids[: len(before)] == before).all() else "the pool has other pairs"

    def one(self, rng: random.Random) -> str | None:
        """One example drawn from `rng`."""
        from tests.fuzz.mutations import NAMES

        damage = [(rng.randrange(2), rng.choice(NAMES), rng.randrange(2**32)) for _ in range(rng.choice((1, 1, 2)))]
        return self.run(rng.choice(SURFACES), rng.randrange(1000), damage, rng.randrange(1000))


def _drawn(page: str) -> int:
    """Draws a page of the app; 1, with what it says on stderr, if that ends in an exception."""
    from streamlit.testing.v1 import AppTest

    main_module = sys.modules["__main__"]
    try:
        app = AppTest.from_file(str(SHELL), default_timeout=120).run()
        app = app.switch_page(f"app_pages/{page}.py").run() if page != "filter" else app
    finally:
        sys.modules["__main__"] = main_module
    for raised in app.exception:
        print(raised.value, *raised.stack_trace[-8:], sep="\n", file=sys.stderr)
    return 1 if len(app.exception) else 0


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory: pytest.TempPathFactory, _tiny_pool_source: Path) -> Iterator[Fuzz]:
    root = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "_spawn", lambda job_id: None)  # a damaged table must start no process
        patch.setenv("POOLSCOPE_HOME", str(root / "home"))
        yield Fuzz(root, Pool.open(_tiny_pool_source / "pool"))

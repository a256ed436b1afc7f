"""Run: a benchmark run that was started as a job, followed from a notebook."""

import time
from typing import TYPE_CHECKING, Any

from .. import jobs
from ..number_format import percent
from ..pool import Pool
from ..recipe import Recipe
from ..recipe.ready import keep

if TYPE_CHECKING:
    import pandas as pd

    from ..bench import Run as Record


class Run:
    """A run in the background: it outlives the notebook. `job` is the job's number, as `poolscope jobs list` shows it.

    Made by `selection.train`; `ps.Run(job)` finds it again. Raises InputError if there is no such job.
    """

    def __init__(self, job: int) -> None:
        self.job = job
        jobs.get(job)

    @property
    def state(self) -> str:
        """queued, running, done, failed, cancelled or lost."""
        return jobs.get(self.job).state

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return jobs.get(self.job).progress

    @property
    def record(self) -> "Record | None":
        """The run's record: settings, versions, hardware, seconds; None until the job has begun it."""
        from ..bench import runs

        return next((run for run in runs() if run.job == str(self.job)), None)

    def wait(self, timeout: float | None = None) -> "Run":
        """Returns when the run is done. Raises RuntimeError if it failed or was cancelled, TimeoutError after `timeout` s."""
        until = None if timeout is None else time.monotonic() + timeout
        while not (job := jobs.get(self.job)).finished:
            if until is not None and time.monotonic() > until:
                raise TimeoutError(f"job {self.job} is still {job.state} after {timeout:g} s: {job.message}")
            time.sleep(0.5)
        if job.state != "done":
            raise RuntimeError(f"job {self.job} {job.state}: {job.message}; see `poolscope jobs log {self.job}`")
        return self

    def results(self) -> "pd.DataFrame":
        """The tasks evaluated so far: task, name, value (the task's main metric)."""
        import pandas as pd

        record = self.record
        lines: list[dict[str, Any]] = record.results() if record else []
        rows = [(line["key"], line["dataset"], line["metrics"].get("main_metric")) for line in lines]
        return pd.DataFrame(rows, columns=["task", "name", "value"])

    def cancel(self) -> None:
        """Ends the job and all its processes."""
        jobs.cancel(self.job)

    def __repr__(self) -> str:
        job = jobs.get(self.job)
        return f"Run(job={self.job}): {job.title}, {job.state}, {percent(job.progress, 0)}" + (
            f", {job.message}" if job.message else ""
        )


def start(pool: Pool, recipe: Recipe, kept: int, *, scale: str, seed: int, gpus: int | None) -> Run:
    """Starts `poolscope train` as a job. Raises InputError for what `preflight` finds."""
    from ..bench import Launch, preflight
    from ..bench.checks import refuse
    from ..devices import slot

    refuse(preflight(kept, scale, pool=pool, launch=Launch(gpus=gpus)))
    words = ["train", str(keep(recipe)), "--scale", scale, "--seed", str(seed), "--pool", str(pool.path.absolute())]
    words += ["--gpus", str(gpus)] if gpus is not None else []
    title = f"{recipe.name} · {scale} · seed {seed}"
    return Run(jobs.submit(words, kind="train", device=slot(count=gpus), title=title))

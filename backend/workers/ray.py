"""Ray: the units of a task on a cluster; a worker or a node that dies costs the units that it was computing."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError, first_line
from ..paths import home

Unit = TypeVar("Unit")
ATTEMPTS = 5
AHEAD = 2
"""Units submitted for each that can run at once: enough to keep the workers busy and to show an autoscaler what waits."""


def compute_on_ray(
    task: Any, units: Sequence[Unit], *, workers: int = 1, address: str | None = None
) -> Iterator[tuple[Unit, Any]]:
    """Computes `units` by `task.compute(unit)` and yields each with what came of it as it finishes.

    Runs inside `connected`, or connects for itself. The pool must be at the same path or URL on all nodes; relative paths
    count from this process's directory, and its POOLSCOPE_HOME goes along. A unit takes one CPU, and one GPU where
    `task.device` asks for one. At most twice as many units are submitted as can run. A unit whose worker or node died
    is computed again, at most 5 times; records make that safe. Raises what a unit raised, RuntimeError with one line for
    what Ray could not do, and InputError for a GPU that the cluster lacks.
    """
    with connected(workers, address):
        import ray

        gpus = gpus_of(getattr(task, "device", "cpu"), ray.cluster_resources())
        shared, place = ray.put(task), (str(Path.cwd()), str(home().resolve()))
        compute = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=ATTEMPTS)(_compute)
        following = iter(units)
        waiting: dict[Any, Unit] = {}
        try:
            while True:
                room = AHEAD * slots(ray.cluster_resources(), gpus) - len(waiting)
                for _, unit in zip(range(room), following):
                    named = compute.options(name=f"unit {getattr(unit, 'id', '')}")
                    waiting[named.remote(shared, unit, place)] = unit
                if not waiting:
                    return
                done, _ = ray.wait(list(waiting), num_returns=1)
                unit = waiting.pop(done[0])
                yield unit, _got(done[0], unit)
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)


def gpus_of(device: str, resources: dict[str, float]) -> int:
    """GPUs that a unit on `device` takes: one for `cuda`, one for `auto` if the cluster has any, none for `cpu`.

    Raises InputError for a GPU with a number, which Ray chooses, and for one that the cluster lacks (Ray would wait for
    ever).
    """
    if device.startswith("cuda:"):
        raise InputError(f"device {device!r}: on Ray the cluster chooses which GPU; use device=cuda or device=auto")
    has = resources.get("GPU", 0) >= 1
    if device == "cuda" and not has:
        raise InputError(
            "device 'cuda': no node of the Ray cluster declares a GPU; use device=cpu, or start nodes with GPUs"
        )
    return int(has and device != "cpu")


def slots(resources: dict[str, float], gpus: int) -> int:
    """Units that the cluster can compute at once."""
    room = resources.get("CPU", 1)
    return max(1, int(min(room, resources.get("GPU", 0) / gpus) if gpus else room))


@contextmanager
def connected(workers: int = 1, address: str | None = None) -> Iterator[None]:
    """A connection to Ray, the one that is there or a new one that ends with the block.

    With an `address` (`auto`, `ray://…`, `host:6379`) the cluster's CPUs decide how many units run at once; without one,
    Ray starts on this machine with `workers` CPUs. Raises InputError if Ray is not installed or no cluster answers.
    """
    try:
        import ray
    except ImportError:
        raise InputError("--engine ray needs Ray: install it with `pip install 'poolscope[ray]'`.") from None
    owned = not ray.is_initialized()
    if owned:
        _connect(ray, workers, address)
    try:
        yield
    finally:
        if owned:
            ray.shutdown()


def _compute(task: Any, unit: Any, place: tuple[str, str]) -> Any:
    directory, os.environ["POOLSCOPE_HOME"] = place
    if Path.cwd() != Path(directory) and Path(directory).is_dir():
        os.chdir(directory)
    return task.compute(unit)


def _got(reference: Any, unit: Any) -> Any:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        why = " ".join(str(error).split())[:300] or type(error).__name__
        raise RuntimeError(
            f"Ray gave up on unit {getattr(unit, 'id', unit)} after {ATTEMPTS + 1} attempts: {why}"
        ) from None


def _connect(ray: Any, workers: int, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
    try:
        if address is None:
            ray.init(address="local", num_cpus=max(1, workers), include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises bare ones too: a node that did not start in time, a wrong token
        why = first_line(error)
        if address is None:
            raise InputError(f"--engine ray: Ray did not start on this machine ({why}); use --engine local.") from None
        raise InputError(
            f"--address {address}: no Ray cluster answers ({why}); start one with `ray start --head`."
        ) from None

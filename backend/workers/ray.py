"""Ray: the units of a task on a cluster; a worker that dies costs the unit that it was computing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from ..errors import InputError

Unit = TypeVar("Unit")
ATTEMPTS = 5


def compute_on_ray(
    task: Any, units: Sequence[Unit], *, workers: int = 1, address: str | None = None
) -> Iterator[tuple[Unit, Any]]:
    """Computes `units` by `task.compute(unit)` and yields each with what came of it as it finishes.

    Runs inside `connected`, or connects for itself. The pool must be at the same path or URL on all nodes. A unit whose
    worker was killed is computed again, at most 5 times; records make that safe. Raises what a unit raised.
    """
    with connected(workers, address):
        import ray

        shared = ray.put(task)
        compute = ray.remote(num_cpus=1, max_retries=ATTEMPTS)(_compute)
        waiting = {compute.options(name=f"unit {getattr(unit, 'id', '')}").remote(shared, unit): unit for unit in units}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1)
            for reference in done:
                try:
                    record = ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    raise error.as_instanceof_cause() from None
                yield waiting.pop(reference), record
                del record


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


def _compute(task: Any, unit: Any) -> Any:
    return task.compute(unit)


def _connect(ray: Any, workers: int, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
    try:
        if address is None:
            ray.init(num_cpus=max(1, workers), include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises bare ones too: a node that did not start in time, a wrong token
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        if address is None:
            raise InputError(f"--engine ray: Ray did not start on this machine ({why}); use --engine local.") from None
        raise InputError(
            f"--address {address}: no Ray cluster answers ({why}); start one with `ray start --head`."
        ) from None

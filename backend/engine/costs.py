"""The costs of all methods on a pool: those that were not measured yet, one after the other."""

from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from ..scores.base import Method
from .catalogue import entry, loadable
from .cost import Estimate, estimate, known


def unmeasured(pool: Pool) -> list[Method]:
    """The methods, fitted to `pool`, that can start on it and whose cost is not known."""
    entries = (entry(method.id, pool) for method in loadable()[0])
    return [one.built for one in entries if not one.problem and known(pool, one.built) is None]


def measure(pool: Pool, *, progress: Progress = silent) -> tuple[list[Estimate], dict[str, str]]:
    """Measures what `unmeasured` lists on samples of `pool`; returns the estimates, and why others can't be measured, by
    method. They are kept with the pool for `known`."""
    estimates, problems = [], {}
    methods = unmeasured(pool)
    for number, method in enumerate(methods):
        progress(number, len(methods), method.title)
        try:
            estimates.append(estimate(pool, method))
        except InputError as error:
            problems[method.id] = str(error)
    progress(len(methods), len(methods), "measured")
    return estimates, problems

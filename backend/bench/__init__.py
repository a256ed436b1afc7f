"""The benchmark: scales, training, zero-shot tasks and the leaderboard. Everything loads on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..runs import Run, runs
    from .board import Row, leaderboard
    from .checks import Problem, preflight
    from .cost import Estimate, estimate
    from .evaluation import Result, evaluate
    from .launch import Launch
    from .metrics import curves
    from .scales import SCALES, Scale
    from .tasks import Task, tasks_list
    from .training import train

_HOME = {
    "Estimate": "cost", "estimate": "cost", "Result": "evaluation", "evaluate": "evaluation", "Launch": "launch",
    "Row": "board", "leaderboard": "board", "curves": "metrics", "Problem": "checks",
    "preflight": "checks", "Run": ".runs", "runs": ".runs", "SCALES": "scales", "Scale": "scales", "Task": "tasks",
    "tasks_list": "tasks", "train": "training",
}  # fmt: skip

__all__ = [
    "SCALES", "Estimate", "Launch", "Problem", "Result", "Row", "Run", "Scale", "Task", "curves", "estimate", "evaluate",
    "leaderboard", "preflight", "runs", "tasks_list", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    member = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = member
    return member

"""Jobs: `poolscope` command lines that run in the background and outlive the app that started them."""

from ..devices import slot
from .job import Job
from .queue import TableProgress, all, cancel, get, log_tail, move, resume, submit
from .slots import SHORT

__all__ = ["SHORT", "Job", "TableProgress", "all", "cancel", "get", "log_tail", "move", "resume", "slot", "submit"]

"""Jobs: `poolscope` command lines that run in the background and outlive the app that started them."""

from backend.devices import slot
from backend.jobs.job import Job
from backend.jobs.queue import all, cancel, get, log_tail, resume, submit
from backend.jobs.reporting import TableProgress

__all__ = ["Job", "TableProgress", "all", "cancel", "get", "log_tail", "resume", "slot", "submit"]

"""Runs: start one, resume one, read one."""

from evocnn.runs.folder import Run, open_run
from evocnn.runs.search import Progress, resume, run
from evocnn.runs.workers import Workers

__all__ = ["Progress", "Run", "Workers", "open_run", "resume", "run"]

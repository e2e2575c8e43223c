"""Runs: start one, resume one, read one."""

from evocnn.runs.folder import Run, open_run
from evocnn.runs.following import Follower, News
from evocnn.runs.observer import Observer, Progress
from evocnn.runs.problems import solve
from evocnn.runs.search import resume, run
from evocnn.runs.workers import Workers

__all__ = [
    "Follower",
    "News",
    "Observer",
    "Progress",
    "Run",
    "Workers",
    "open_run",
    "resume",
    "run",
    "solve",
]

"""Logging a run to TensorBoard or MLflow, also while another process works on it."""

from collections.abc import Sequence
from pathlib import Path
from time import sleep

import typer

from evocnn.cli.search import EXIT_INTERRUPTED
from evocnn.cli.watch import POLL_SECONDS
from evocnn.evaluation import Status
from evocnn.report.loggers import Logger, figures, logger_named
from evocnn.report.standing import Standing, standing_of
from evocnn.runs import Follower
from evocnn.runs.folder import RUNNING
from evocnn.store import Record, check_links


def log_run(folder: Path, to: str, out: Path | None) -> None:
    """Log all that a run holds, and what comes until it ends.

    Raises:
        ExperimentError: There is no such logger, or what it needs is not installed.
        JournalError: The folder holds no readable run.
        typer.Exit: Ctrl-C was pressed.
    """
    follower = Follower(folder)
    news = follower.look()
    if out is None:
        check_links(folder)
    standing = standing_of(news.manifest)
    logger = logger_named(to, str(news.manifest["experiment"]["name"]), out or folder / "tensorboard")
    n_logged = 0
    is_left = False
    try:
        while True:
            n_logged += _log(logger, news.records, standing)
            if news.status != RUNNING:
                break
            sleep(POLL_SECONDS)
            news = follower.look()
    except KeyboardInterrupt:
        is_left = True
    logger.finish(standing.front.members)
    n_members = len(standing.front.members)
    typer.echo(f"logged {n_logged} evaluations and a front of {n_members} to {logger.place}")
    if is_left:
        typer.echo("the search goes on; what comes after this is not logged", err=True)
        raise typer.Exit(EXIT_INTERRUPTED)


def _log(logger: Logger, records: Sequence[Record], standing: Standing) -> int:
    """Count and log records, and return how many were evaluations."""
    n_logged = 0
    for record in records:
        standing.add(record)
        if record.reused_from is None and record.evaluation.status is not Status.REJECTED:
            logger.log(record.ticket, figures(record, standing))
            n_logged += 1
    logger.flush()
    return n_logged

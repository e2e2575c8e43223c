"""Verifying a run from the command line: its journal, its files, its search, some of its trainings."""

from pathlib import Path

import numpy as np
import typer

from evocnn.config import Parts
from evocnn.deploy.model import SUFFIX, load_model
from evocnn.errors import DataError, ExperimentError, ReplayError
from evocnn.runs import Run, open_run
from evocnn.runs.folder import MODELS
from evocnn.runs.search import warn_of_changes
from evocnn.runs.verification import damaged_states, replay, retrain, retrainable, verified_parts

EXIT_DIFFERS = 1


def verify_run(folder: Path, n_retrained: int, data: Path | None) -> None:
    """Check a run, part by part, and say whether it repeats on this machine.

    Args:
        folder: The run folder.
        n_retrained: Candidates to train again.
        data: Where the run's images lie now, if elsewhere.

    Raises:
        JournalError: The journal is damaged.
        EvocnnError: Its experiment or its data cannot be used.
        typer.Exit: The run does not repeat, or a file of it is damaged.
    """
    run = open_run(folder)  # holds each row and the manifest against their digests
    typer.echo(f"journal: all {len(run.records)} evaluations are as they were committed")
    is_whole = _states_are_whole(run) & _models_are_whole(run)
    warn_of_changes(run)
    repeats = _search_repeats(run, data, n_retrained)
    if not repeats:
        typer.echo("this run does not repeat on this machine")
    elif not is_whole:
        typer.echo("this run repeats on this machine, but files of it are damaged")
    elif n_retrained and retrainable(run):
        typer.echo("this run repeats on this machine")
    else:
        typer.echo("its search repeats as far as its journal goes; nothing was trained again")
    if not (repeats and is_whole):
        raise typer.Exit(EXIT_DIFFERS)


def _states_are_whole(run: Run) -> bool:
    """Say which saved states are damaged; whether any is missing nobody can say, for most are dropped."""
    damaged = damaged_states(run)
    for path in damaged:
        typer.echo(f"saved state '{path}' is damaged; what goes on from it is trained anew")
    return not damaged


def _models_are_whole(run: Run) -> bool:
    """Say how many models that were trained in full are whole, and which are not."""
    paths = sorted((run.folder / MODELS).glob(f"*/*{SUFFIX}"))
    n_whole = 0
    for path in paths:
        try:
            load_model(path)
        except ExperimentError:  # it names code of the user's own, which is not imported for a look
            pass
        except DataError as error:
            typer.echo(str(error))
            continue
        n_whole += 1
    if paths:
        typer.echo(f"models: {n_whole} of {len(paths)} are as they were written")
    return n_whole == len(paths)


def _search_repeats(run: Run, data: Path | None, n_retrained: int) -> bool:
    """Ask the search again, train candidates again, and return whether all was as before."""
    parts = verified_parts(run, data)
    try:
        found = replay(run, parts)
    except ReplayError as error:
        typer.echo(f"search: {error}")
        return False
    n_left = len(run.records) - found.n_told
    typer.echo(f"search: it asks the same again, {found.n_told} evaluations, none trained")
    if not found.repeats(run):
        typer.echo(
            f"search: but it was {run.status} after {len(run.records)} evaluations, and is not any more"
        )
        return False
    if n_left:
        typer.echo(f"search: {n_left} more were finished when it ended, and not told any more")
    return _trainings_repeat(run, parts, n_retrained)


def _trainings_repeat(run: Run, parts: Parts, n_retrained: int) -> bool:
    """Train candidates again and return whether all gave the same."""
    n_there = len(retrainable(run))
    if n_retrained:
        typer.echo(f"training {min(n_retrained, n_there)} of {n_there} candidates again, drawn at random")
    repeats = True
    for retraining in retrain(run, parts, n_retrained, np.random.default_rng()):
        record, differences = retraining.record, retraining.differences
        repeats &= not differences
        typer.echo(f"ticket {record.ticket}: {'; '.join(differences) or 'the same'}   {record.text}")
    return repeats

"""What `lr-range` and `sweep` work on: an experiment file or a run, and one network of it."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

from evocnn.config import Experiment, load_experiment
from evocnn.config.parts import load_split
from evocnn.config.toml import COMMAND_LINE, set_value
from evocnn.errors import ExperimentError, ReplayError
from evocnn.runs import Run, open_run
from evocnn.runs.pick import pick


class Source(NamedTuple):
    """What a command works on.

    Attributes:
        experiment: The experiment.
        chromosome: Text form of the one network that is wanted; None where none is.
        data: Images in place of the experiment's own.
    """

    experiment: Experiment
    chromosome: str | None
    data: Path | None


def source_of(
    path: Path, settings: Sequence[str], chromosome: str | None, wanted: str | None, data: Path | None
) -> Source:
    """Return the experiment of a file or a run, and the network that is wanted.

    Args:
        path: An experiment file, or a run folder.
        settings: Changes to the experiment.
        chromosome: The network's text form.
        wanted: What to pick of the run, in place of a text.
        data: Images in place of the experiment's own; those of the run, where they are not given.

    Raises:
        ExperimentError: A network is wanted twice, or of a file, or the run has none such.
        JournalError: The folder holds no readable run.
        ReplayError: The images of the run have changed since.
    """
    if wanted is not None and (chromosome is not None or not path.is_dir()):
        reason = (
            "--chromosome gave one, too; leave one of them out"
            if chromosome is not None
            else f"'{path}' was no run folder; name one in its place"
        )
        message = f"--pick must choose the one network, out of a run, but {reason}"
        raise ExperimentError(message)
    if not path.is_dir():
        return Source(load_experiment(path, settings), chromosome, data)
    run = open_run(path)
    experiment = _changed(run.experiment, settings, f"experiment of {path}")
    text = chromosome if wanted is None else pick(run, wanted).text
    if data is None:
        stored = run.manifest.get("data_path")
        data = None if stored is None else Path(stored)
        if _images(experiment) == _images(run.experiment):
            _check_images(run, data)
    return Source(experiment, text, data)


def _images(experiment: Experiment) -> tuple[object, ...]:
    """Return what of an experiment decides on its images."""
    data = experiment.data
    return data.source, data.path, data.framing


def _check_images(run: Run, path: Path | None) -> None:
    """Raise where a run's images are not those that it was searched with.

    Raises:
        ReplayError: They are not.
    """
    known = run.manifest["data"]["digest"]
    found = load_split(run.experiment.data, "train", run.experiment.folder, path).digest
    if found != known:
        message = (
            f"the images must be those of the run in '{run.folder}', digest {known[:12]}, but were "
            f"{found[:12]}; name with --data those that are meant"
        )
        raise ReplayError(message)


def _changed(experiment: Experiment, settings: Sequence[str], source: str) -> Experiment:
    tables = deepcopy(experiment.tables)
    lines = {set_value(tables, setting): COMMAND_LINE for setting in settings}
    return Experiment.from_dict(tables, folder=experiment.folder, source=source, lines=lines)

"""What `lr-range` and `sweep` work on: an experiment file or a run, and one network of it."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

from evocnn.config import Experiment, load_experiment
from evocnn.config.toml import COMMAND_LINE, set_value
from evocnn.errors import ExperimentError
from evocnn.runs import open_run
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
    stored = run.manifest.get("data_path")
    return Source(
        _changed(run.experiment, settings, f"experiment of {path}"),
        chromosome if wanted is None else pick(run, wanted).text,
        Path(stored) if data is None and stored is not None else data,
    )


def _changed(experiment: Experiment, settings: Sequence[str], source: str) -> Experiment:
    tables = deepcopy(experiment.tables)
    lines = {set_value(tables, setting): COMMAND_LINE for setting in settings}
    return Experiment.from_dict(tables, folder=experiment.folder, source=source, lines=lines)

"""Figures as TensorBoard's event files, by tensorboardX, which needs no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboardX import SummaryWriter

from evocnn.report.loggers import hyperparameters
from evocnn.store import Record


class TensorBoardLogger:
    """Writes one event file, whose figures take the place of those written there before.

    Args:
        folder: Where it is written.
    """

    def __init__(self, folder: Path) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=0)
        self.place = f"{folder}; look at it with: tensorboard --logdir {folder}"

    def log(self, ticket: int, figures: Mapping[str, float]) -> None:
        """Take the figures of one evaluation; the step is its ticket."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, ticket)

    def flush(self) -> None:
        """Write what was taken."""
        self._writer.flush()

    def finish(self, front: Sequence[Record]) -> None:
        """Write the hyperparameters of the front, a session each, and close the file."""
        for record in front:
            metrics = {f"front/{name}": value for name, value in record.metrics.items()}
            self._writer.add_hparams(hyperparameters(record), metrics, name=f"front-{record.ticket}")
        self._writer.close()

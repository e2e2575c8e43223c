"""Loggers: what a run's records come to in TensorBoard and MLflow, which come with extras.

They take records, whether the run still works or not, and hear nothing from, and say nothing to, the search.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from evocnn.errors import ExperimentError
from evocnn.report.standing import Standing
from evocnn.store import Record

MODULES = {"tensorboard": "tensorboardX", "mlflow": "mlflow"}  # what each needs


class Logger(Protocol):
    """Writes figures where another program shows them.

    Attributes:
        place: Where they are, in words.
    """

    place: str

    def log(self, ticket: int, figures: Mapping[str, float]) -> None:
        """Take the figures of one evaluation."""
        ...

    def flush(self) -> None:
        """Write what was taken."""
        ...

    def finish(self, front: Sequence[Record]) -> None:
        """Write the hyperparameters of the front, and end."""
        ...


def logger_named(name: str, run: str, folder: Path) -> Logger:
    """Return a logger.

    Args:
        name: `tensorboard` or `mlflow`.
        run: The run's name.
        folder: Where TensorBoard's events go; MLflow's own settings say where its go.

    Raises:
        ExperimentError: There is no such logger, or what it needs is not installed.
    """
    if name not in MODULES:
        message = f"a logger must be one of {', '.join(MODULES)}, but it was '{name}'; correct --to"
        raise ExperimentError(message)
    try:
        if name == "tensorboard":
            from evocnn.report.loggers.tensorboard import TensorBoardLogger  # noqa: PLC0415 - an extra

            return TensorBoardLogger(folder)
        from evocnn.report.loggers.mlflow import MLflowLogger  # noqa: PLC0415 - an extra

        return MLflowLogger(run)
    except ImportError as error:
        message = (
            f"logger '{name}' must find {MODULES[name]}, but: {error}; install it with: "
            f"pip install 'evocnn[{name}]'"
        )
        raise ExperimentError(message) from error
    except OSError as error:
        message = f"logger '{name}' must be able to write, but: {error}; give another --out"
        raise ExperimentError(message) from error


def figures(record: Record, standing: Standing) -> dict[str, float]:
    """Return the figures of an evaluation, and of the search as of then.

    Metrics of full trainings and of those that stopped at a rung have names of their own: one curve through
    both would tell nothing.
    """
    kind = "full" if record.is_full else "rung"
    return {
        **{f"{kind}/{name}": value for name, value in record.metrics.items()},
        "search/hypervolume": standing.front.hypervolume,
        "search/on_front": float(len(standing.front.members)),
        "search/epochs": float(standing.n_epochs),
        "search/failed": float(standing.n_failed),
    }


def hyperparameters(record: Record) -> dict[str, str | float]:
    """Return a network's text, and the fields of its head and recipe by name, as far as it has such."""
    found: dict[str, str | float] = {"ticket": record.ticket, "network": record.text}
    genome = record.genome if isinstance(record.genome, dict) else {}
    for part in ("head", "recipe"):
        fields = genome.get(part)
        for name, value in fields.items() if isinstance(fields, dict) else ():
            found[f"{part}.{name}"] = value if isinstance(value, str | int | float) else str(value)
    return found

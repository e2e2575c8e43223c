"""Figures as a run of MLflow, wherever MLFLOW_TRACKING_URI says; by default a database in this folder."""

from collections.abc import Mapping, Sequence
from time import time

from mlflow import MlflowClient, get_tracking_uri
from mlflow.entities import Metric, Param, RunTag

from evocnn.report.loggers import hyperparameters
from evocnn.store import Record

EXPERIMENT = "evocnn"
MOST_AT_ONCE = 1000  # metrics in one request, as MLflow has it
MOST_LETTERS = 6000  # of a parameter


class MLflowLogger:
    """Writes a run of the experiment `evocnn`, and below it one for each member of the front.

    Args:
        run: Its name.
    """

    def __init__(self, run: str) -> None:
        self._client = MlflowClient()
        known = self._client.get_experiment_by_name(EXPERIMENT)
        self._experiment = known.experiment_id if known else self._client.create_experiment(EXPERIMENT)
        self._run = self._client.create_run(self._experiment, run_name=run).info.run_id
        self._metrics: list[Metric] = []
        self.place = f"experiment '{EXPERIMENT}' of {get_tracking_uri()}"

    def log(self, ticket: int, figures: Mapping[str, float]) -> None:
        """Take the figures of one evaluation; the step is its ticket."""
        now = int(1000 * time())
        self._metrics += [Metric(name, value, now, ticket) for name, value in figures.items()]

    def flush(self) -> None:
        """Send what was taken."""
        for start in range(0, len(self._metrics), MOST_AT_ONCE):
            self._client.log_batch(self._run, metrics=self._metrics[start : start + MOST_AT_ONCE])
        self._metrics.clear()

    def finish(self, front: Sequence[Record]) -> None:
        """Send the hyperparameters of the front, a run each, and end them all."""
        self.flush()
        now = int(1000 * time())
        for record in front:
            name, parent = f"front {record.ticket}", RunTag("mlflow.parentRunId", self._run)
            tags = {parent.key: parent.value}
            run = self._client.create_run(self._experiment, run_name=name, tags=tags).info.run_id
            self._client.log_batch(
                run,
                metrics=[Metric(name, value, now, record.ticket) for name, value in record.metrics.items()],
                params=[Param(k, str(v)[:MOST_LETTERS]) for k, v in hyperparameters(record).items()],
            )
            self._client.set_terminated(run)
        self._client.set_terminated(self._run)

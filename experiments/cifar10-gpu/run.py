"""CIFAR-10 on one GPU: an hour of search, full training of the best of at most a million parameters, a test.

    evocnn reproduce experiments/cifar10-gpu [--quick] [--data FOLDER]

Aim: a test accuracy of at least 0.95 with at most a million parameters from at most two GPU-hours in all. The
full form has not been run. Its search ends by the clock, so it takes another course on another machine.
"""

from collections.abc import Mapping
from pathlib import Path

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested_front import tested_front
from evocnn.config import load_experiment
from evocnn.report.figures import Figure
from evocnn.runs import Workers

FILE = Path(__file__).parent / "experiment.toml"
WORKERS = Workers(None)  # one a GPU, with as many candidates at once as its memory holds
AIMS = {1_000_000: 0.95}
EPOCHS, QUICK_EPOCHS = 150, 1  # of full training
QUICK = [
    "data.images=600",
    "space.limits.flops=4000000",
    "training.epochs=1",
    "search.population=4",
    "search.rungs=[1]",
    "search.budget=4",
    "objectives.validation_accuracy.floor=0",
]


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search, train in full, test; return what was found."""
    data = asked.data_of("cifar10")
    experiment = load_experiment(FILE, QUICK if asked.is_quick else [])
    workers = asked.workers if asked.is_quick else WORKERS
    run = kept_run(experiment, asked.runs / "search", data, workers)
    epochs, tolerance = (QUICK_EPOCHS, 0.3) if asked.is_quick else (EPOCHS, 0.01)
    return tested_front(asked, run, data, workers, aims=AIMS, epochs=epochs, tolerance=tolerance, beside=[])


if __name__ == "__main__":
    perform(study, __doc__)

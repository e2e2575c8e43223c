"""CIFAR-10 on two cores: the reduced form of a study for a GPU; a search, full training, one test.

    evocnn reproduce experiments/cifar10 [--quick] [--data FOLDER]

The best network found of at most 300,000 and of 100,000 parameters is trained in full on all 50,000 training
images and tested once. It shows what evocnn finds in the time, not whether the aim of experiments/cifar10-gpu
can be met: that one has another space and longer trainings.
"""

from collections.abc import Mapping
from pathlib import Path

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested_front import tested_front
from evocnn.config import load_experiment
from evocnn.report.figures import Figure

FILE = Path(__file__).parent / "experiment.toml"
AIMS = {300_000: None, 100_000: None}  # none is stated for them
EPOCHS, QUICK_EPOCHS = 20, 1  # of full training
QUICK = [
    "data.images=1000",
    "space.limits.flops=4000000",
    "training.epochs=2",
    "search.population=4",
    "search.rungs=[1]",
    "search.budget='8 epochs'",
    "objectives.validation_accuracy.floor=0",
]


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search, train in full, test; return what was found."""
    data = asked.data_of("cifar10")
    experiment = load_experiment(FILE, QUICK if asked.is_quick else [])
    run = kept_run(experiment, asked.runs / "search", data, asked.workers)
    epochs, tolerance = (QUICK_EPOCHS, 0.3) if asked.is_quick else (EPOCHS, 0.02)
    return tested_front(
        asked, run, data, asked.workers, aims=AIMS, epochs=epochs, tolerance=tolerance, beside=[]
    )


if __name__ == "__main__":
    perform(study, __doc__)

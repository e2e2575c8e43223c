"""CIFAR-10 on two cores: the reduced form of a study for a GPU; a search, full training, one test.

    evocnn reproduce experiments/cifar10 [--quick] [--data FOLDER]

The best network found of at most 300,000 and of 100,000 parameters is trained in full on all 50,000 training
images and tested once. It shows what evocnn finds in the time, not whether the aim of experiments/cifar10-gpu
can be met: that one has another space and longer trainings.
"""

from collections.abc import Mapping
from pathlib import Path

from evocnn.cli.search_study import search_figures
from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import best_up_to, tested_figures, tested_in_full, tested_lines
from evocnn.config import load_experiment
from evocnn.report.figures import Figure
from evocnn.report.front_plot import plot_front
from evocnn.report.front_table import front_markdown

FILE = Path(__file__).parent / "experiment.toml"
CEILINGS = (300_000, 100_000)
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
    chosen = best_up_to(run, CEILINGS)
    epochs = QUICK_EPOCHS if asked.is_quick else EPOCHS
    tested = tested_in_full(run, chosen, data, asked.workers, epochs, all_data=not asked.is_quick)
    plot_front(run, asked.out / "front.png")
    asked.write("front.md", front_markdown(run))
    asked.write("results.md", tested_lines(tested))
    return search_figures(run) | tested_figures(tested, 0.3 if asked.is_quick else 0.02)


if __name__ == "__main__":
    perform(study, __doc__)

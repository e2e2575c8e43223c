"""CIFAR-10 on one GPU: an hour of search, full training of the best of at most a million parameters, a test.

    evocnn reproduce experiments/cifar10-gpu [--quick] [--data FOLDER]

Aim: a test accuracy of at least 0.95 with at most a million parameters from at most two GPU-hours in all. The
full form has not been run. Its search ends by the clock, so it takes another course on another machine.
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
from evocnn.runs import Workers

FILE = Path(__file__).parent / "experiment.toml"
WORKERS = Workers(None)  # one a GPU, with as many candidates at once as its memory holds
CEILING, AIM = 1_000_000, 0.95
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
    epochs = QUICK_EPOCHS if asked.is_quick else EPOCHS
    chosen = best_up_to(run, [CEILING])
    tested = tested_in_full(run, chosen, data, workers, epochs, all_data=not asked.is_quick)
    plot_front(run, asked.out / "front.png")
    asked.write("front.md", front_markdown(run))
    asked.write("results.md", tested_lines(tested))
    figures = search_figures(run) | tested_figures(tested, 0.3 if asked.is_quick else 0.01)
    figures["above_aim"] = Figure(round(tested[0].accuracy - AIM, 6), 0.3 if asked.is_quick else 0.01)
    return figures


if __name__ == "__main__":
    perform(study, __doc__)

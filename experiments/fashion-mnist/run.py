"""Fashion-MNIST on two cores: a search on a subset, full training of three of its front, and one test.

    evocnn reproduce experiments/fashion-mnist [--quick] [--data FOLDER]

Aims: a test accuracy of at least 0.940 with at most 150,000 parameters, and of at least 0.920 with at most
20,000, in at most three hours in all. Of the front three networks are trained in full on all 60,000 training
images: the best of at most 20,000, of 50,000 and of 150,000 parameters, by validation accuracy. Beside them
the tutorial network 32-64-64 with dense 64 is trained equally long: by its own recipe, and by that of the
largest of the three. Then the test split is read, once for each of the two runs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from evocnn.cli.search_study import search_figures
from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import Tested, best_up_to, tested_figures, tested_in_full, tested_lines
from evocnn.config import Experiment, load_experiment
from evocnn.genotype.reference_networks import REFERENCE_NETWORKS
from evocnn.report.figures import Figure
from evocnn.report.front_plot import plot_front
from evocnn.runs import Run

HERE = Path(__file__).parent
CEILINGS = (150_000, 50_000, 20_000)  # the costliest is trained first
AIMS = {150_000: 0.94, 20_000: 0.92}
TUTORIAL = REFERENCE_NETWORKS["tutorial"].text
QUICK = [
    "data.images=3000",
    "training.epochs=4",
    "search.population=6",
    "search.budget='24 epochs'",
    "objectives.validation_accuracy.floor=0.3",
]
EPOCHS, QUICK_EPOCHS = 50, 2  # of full training


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search, train in full, test; return what was found."""
    data = asked.data_of("fashion-mnist")
    experiment = load_experiment(HERE / "study.toml", QUICK if asked.is_quick else [])
    run = kept_run(experiment, asked.runs / "search", data, asked.workers)
    chosen = best_up_to(run, CEILINGS)
    epochs = QUICK_EPOCHS if asked.is_quick else EPOCHS
    all_data = not asked.is_quick
    tested = tested_in_full(run, chosen, data, asked.workers, epochs, all_data=all_data)
    recipe = next(iter(chosen.values())).text.rpartition(" | ")[2]
    tutorial = tutorial_run(experiment, recipe, data, asked)
    names = ("tutorial", "tutorial_by_evolved_recipe")
    given = dict(zip(names, tutorial.records, strict=True))
    tested += tested_in_full(tutorial, given, data, asked.workers, epochs, all_data=all_data)
    plot_front(run, asked.out / "front.png")
    asked.write("results.md", tested_lines(tested))
    return search_figures(run) | figures_of(tested, asked)


def tutorial_run(experiment: Experiment, recipe: str, data: Path | None, asked: Asked) -> Run:
    """Return a run of the tutorial network by two recipes, an epoch each: where full training begins."""
    layers, head, _ = TUTORIAL.split(" | ")
    tables = {
        "name": "tutorial",
        "seed": experiment.seed,
        "data": experiment.tables["data"],
        "space": {"preset": "vgg-like", "founders": [TUTORIAL, f"{layers} | {head} | {recipe}"]},
        "training": experiment.tables["training"] | {"epochs": 1},
        "search": {"algorithm": "random", "budget": 2},
    }
    return kept_run(Experiment.from_dict(tables, folder=HERE), asked.runs / "tutorial", data, asked.workers)


def figures_of(tested: Sequence[Tested], asked: Asked) -> dict[str, Figure]:
    """Return size, test accuracy and time of each network, and by how much the aims were passed."""
    tolerance = 0.15 if asked.is_quick else 0.01
    figures = tested_figures(tested, tolerance)
    for ceiling, aim in AIMS.items():
        found = figures[f"at_most_{ceiling}.test_accuracy"].value
        figures[f"above_aim_at_{ceiling}"] = Figure(round(found - aim, 6), tolerance, is_exact=True)
    return figures


if __name__ == "__main__":
    perform(study, __doc__)

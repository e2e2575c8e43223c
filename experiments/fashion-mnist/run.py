"""Fashion-MNIST on two cores: a search on a subset, full training of three of its front, and one test.

    evocnn reproduce experiments/fashion-mnist [--quick] [--data FOLDER]

Aims: a test accuracy of at least 0.940 with at most 150,000 parameters, and of at least 0.920 with at most
20,000, in at most three hours in all. Of the front three networks are trained in full on all 60,000 training
images: the best of at most 20,000, of 50,000 and of 150,000 parameters, by validation accuracy. Beside them
the tutorial network 32-64-64 with dense 64 is trained equally long: by its own recipe, and by that of the
largest of the three. The test split is read once for each of the two runs.
"""

from collections.abc import Mapping
from pathlib import Path

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import best_up_to, tested_in_full
from evocnn.cli.tested_front import tested_front
from evocnn.config import Experiment, load_experiment
from evocnn.genotype.reference_networks import REFERENCE_NETWORKS
from evocnn.report.figures import Figure
from evocnn.runs import Run

HERE = Path(__file__).parent
AIMS = {150_000: 0.94, 50_000: None, 20_000: 0.92}  # by parameters; the costliest is trained first
BY_HAND = "tutorial"
TUTORIAL = REFERENCE_NETWORKS[BY_HAND].text
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
    epochs, tolerance = (QUICK_EPOCHS, 0.15) if asked.is_quick else (EPOCHS, 0.01)
    recipe = next(iter(best_up_to(run, list(AIMS)).values())).text.rpartition(" | ")[2]
    tutorial = tutorial_run(experiment, recipe, data, asked)
    given = dict(zip((BY_HAND, f"{BY_HAND}_by_evolved_recipe"), tutorial.records, strict=True))
    beside = tested_in_full(tutorial, given, data, asked.workers, epochs, all_data=not asked.is_quick)
    figures = tested_front(
        asked, run, data, asked.workers, aims=AIMS, epochs=epochs, tolerance=tolerance, beside=beside
    )
    evolved, by_hand = (figures[f"{name}.test_accuracy"].value for name in (f"at_most_{max(AIMS)}", BY_HAND))
    return figures | {f"above_{BY_HAND}": Figure(round(evolved - by_hand, 6), tolerance, is_exact=True)}


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


if __name__ == "__main__":
    perform(study, __doc__)

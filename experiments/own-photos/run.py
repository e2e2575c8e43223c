"""Photographs from a folder, 100x100 pixels, ten classes: a network with evolved augmentation, and without.

    evocnn reproduce experiments/own-photos --data FOLDER [--quick]

FOLDER holds one folder of photographs for each class, or a folder `sign-digits` that does. For each seed
there are two searches of equally many epochs: augmentation evolves in one and is off in the other. Of each
the network of the best validation accuracy, the smaller one where there are two, is trained in full on all
training photographs, and tested once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import Tested, tested_in_full, tested_lines
from evocnn.config import Experiment, load_experiment
from evocnn.report.figures import Figure
from evocnn.report.front_plot import plot_front
from evocnn.report.front_table import front_markdown
from evocnn.report.paired_difference import mean_and_deviation, paired_difference
from evocnn.runs.pick import pick

FILE = Path(__file__).parent / "experiment.toml"
AUGMENTATIONS = ("flip", "shift", "rotate", "brightness", "noise", "cutout", "mixup")
ARMS = ("augmented", "plain")
BEST = "parameters<=150000"  # of all networks the most accurate, see pick
SEEDS, QUICK_SEEDS = 5, 2
EPOCHS, QUICK_EPOCHS = 60, 2  # of full training
QUICK = [
    "data.size=48",
    "data.images=400",
    "space.limits.flops=5000000",
    "training.epochs=2",
    "search.population=4",
    "search.rungs=[1]",
    "search.budget='8 epochs'",
    "objectives.validation_accuracy.floor=0",
]


def experiment_of(arm: str, seed: int, asked: Asked) -> Experiment:
    """Return the search of an arm; they differ in whether augmentation evolves."""
    experiment = load_experiment(FILE, [f"seed={seed}", *(QUICK if asked.is_quick else [])])
    if arm == "augmented":
        return experiment
    tables: dict[str, Any] = dict(experiment.tables)
    recipe = {
        name: alleles for name, alleles in tables["space"]["recipe"].items() if name not in AUGMENTATIONS
    }
    tables["space"] = {**tables["space"], "recipe": recipe}
    return Experiment.from_dict(tables, folder=FILE.parent)


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search, train and test whatever is missing; return test accuracies and sizes."""
    data = asked.given_data("sign-digits", "photographs")
    tested: dict[str, list[Tested]] = {arm: [] for arm in ARMS}
    runs = []
    for seed in range(1, (QUICK_SEEDS if asked.is_quick else SEEDS) + 1):
        for arm in ARMS:
            run = kept_run(experiment_of(arm, seed, asked), asked.runs / arm / str(seed), data, asked.workers)
            records = {f"{arm}_{seed}": pick(run, BEST)}
            epochs = QUICK_EPOCHS if asked.is_quick else EPOCHS
            tested[arm] += tested_in_full(
                run, records, data, asked.workers, epochs, all_data=not asked.is_quick
            )
            runs.append(run)
    plot_front(runs[0], asked.out / "front.png")
    asked.write("front.md", front_markdown(runs[0]))
    asked.write("results.md", table(tested))
    tolerance = 0.12 if asked.is_quick else 0.05
    figures = {}
    for arm, found in tested.items():
        figures[f"{arm}.test_accuracy"] = Figure(fmean(accuracies_of(found)), tolerance, is_exact=True)
        figures[f"{arm}.parameters"] = Figure(fmean(one.n_parameters for one in found), is_exact=True)
    ours, others = map(accuracies_of, tested.values())
    return figures | {"augmented.above_plain": paired_difference(ours, others).figure(0.02)}


def accuracies_of(tested: Sequence[Tested]) -> list[float]:
    """Return the test accuracies, seed by seed."""
    return [one.accuracy for one in tested]


def table(tested: Mapping[str, Sequence[Tested]]) -> list[str]:
    """Return what came out as Markdown: each network, and the arms against each other."""
    accuracies = {arm: accuracies_of(found) for arm, found in tested.items()}
    described = ", ".join(f"{arm} {mean_and_deviation(values)}" for arm, values in accuracies.items())
    return [
        *tested_lines([one for found in tested.values() for one in found]),
        "",
        f"Mean ± standard deviation over n = {len(tested[ARMS[0]])} seeds: {described}. The difference,",
        f"paired by seed, with its 95 % interval (Student): {paired_difference(*accuracies.values())}.",
    ]


if __name__ == "__main__":
    perform(study, __doc__)

"""Photographs of 100x100 pixels, two classes: how many layers? Answered on five pairs of hand signs.

    evocnn reproduce experiments/two-classes-100px --data FOLDER [--quick]

FOLDER holds one folder of photographs for each of the signs 0 to 9, or a folder `sign-digits` that does. For
each pair and seed there are a search and the depth sweep, the manual method, in the same space, with the same
trainer. Of the search the network of the best validation accuracy is taken, of the depth sweep the shallowest
of these; both are trained in full, on the validation images, too, and tested once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import Tested, made_on, tested_in_full
from evocnn.config import Experiment, load_experiment
from evocnn.genotype import LAYERS, Pool
from evocnn.genotype.chromosome import parse_layers
from evocnn.report.figures import Figure
from evocnn.report.front_table import escaped
from evocnn.report.paired_difference import mean_and_deviation
from evocnn.runs.pick import pick

FILE = Path(__file__).parent / "experiment.toml"
PAIRS = (("0", "1"), ("2", "3"), ("4", "5"), ("6", "7"), ("8", "9"))
MOST_PARAMETERS = 30_000
PICKS = {"search": f"parameters<={MOST_PARAMETERS}", "depth_sweep": "best-accuracy"}  # ties: see pick
BAR = 0.97  # of the mean test accuracy of the search
SEEDS, QUICK_SEEDS = 3, 1
EPOCHS, QUICK_EPOCHS = 40, 2  # of a training in full
QUICK = [
    "training.epochs=2",
    "search.budget='20 epochs'",
    "objectives.validation_accuracy.floor=0",
    "objectives.validation_loss.reference=10",
]


@dataclass(frozen=True)
class Answer:
    """What one search or sweep says, and what its network is worth.

    Attributes:
        n_layers: Its layers but for pools, the last linear one included.
        tested: The network, trained in full and tested.
    """

    n_layers: int
    tested: Tested


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search, sweep, train and test whatever is missing; return layers, sizes and test accuracies."""
    pairs, n_seeds = (PAIRS[:1], QUICK_SEEDS) if asked.is_quick else (PAIRS, SEEDS)
    answers = {
        arm: [[answer_of(pair, arm, seed, asked) for seed in range(1, n_seeds + 1)] for pair in pairs]
        for arm in PICKS
    }
    asked.write("results.md", table_of(pairs, answers))
    return figures_of(pairs, answers, asked)


def pair_of(pair: Sequence[str], asked: Asked) -> Path:
    """Return a folder with two of the classes, which are links to those of the data."""
    data, folder = asked.given_data("sign-digits", "photographs"), asked.runs / "images" / "-".join(pair)
    folder.mkdir(parents=True, exist_ok=True)
    for name in pair:
        if not (folder / name).exists():
            (folder / name).symlink_to(data.resolve() / name, target_is_directory=True)
    return folder


def experiment_of(arm: str, seed: int, asked: Asked) -> Experiment:
    """Return the experiment of an arm; they differ in the algorithm.

    The sweep has no limit on FLOPs: at 100x100 pixels it stops plain networks at two layers.
    """
    experiment = load_experiment(FILE, [f"seed={seed}", *(QUICK if asked.is_quick else [])])
    if arm == "search":
        return experiment
    tables: dict[str, Any] = dict(experiment.tables)
    tables["search"] = {**tables["search"], "algorithm": "depth-sweep"}
    limits = {name: most for name, most in tables["space"]["limits"].items() if name != "flops"}
    tables["space"] = {**tables["space"], "limits": limits}
    # Its first networks may have learned nothing.
    accuracy = {**tables["objectives"]["validation_accuracy"], "floor": 0.0}
    tables["objectives"] = {**tables["objectives"], "validation_accuracy": accuracy}
    return Experiment.from_dict(tables, folder=FILE.parent)


def answer_of(pair: Sequence[str], arm: str, seed: int, asked: Asked) -> Answer:
    """Return the best network of a search or sweep, trained in full on all training images and tested."""
    images = pair_of(pair, asked)
    run = kept_run(
        experiment_of(arm, seed, asked), asked.runs / "-".join(pair) / arm / str(seed), images, asked.workers
    )
    record = pick(run, PICKS[arm])
    epochs = QUICK_EPOCHS if asked.is_quick else EPOCHS
    (tested,) = tested_in_full(run, {arm: record}, images, asked.workers, epochs, all_data=True)
    layers = parse_layers(record.text.partition(" | ")[0], LAYERS)
    return Answer(1 + sum(not isinstance(gene, Pool) for gene in layers), tested)


Answers = Mapping[str, Sequence[Sequence[Answer]]]  # of each arm, of each pair, of each seed


def figures_of(pairs: Sequence[Sequence[str]], answers: Answers, asked: Asked) -> dict[str, Figure]:
    """Return test accuracy, largest network and layers of each arm, and the accuracy of each pair."""
    tolerance = 0.5 if asked.is_quick else 0.03
    figures: dict[str, Figure] = {}
    for arm, by_pair in answers.items():
        found = [answer for of_pair in by_pair for answer in of_pair]
        layers = [answer.n_layers for answer in found]
        most = max(answer.tested.n_parameters for answer in found)
        figures |= {
            f"{arm}.test_accuracy": Figure(accuracy_of(found), tolerance, is_exact=True),
            f"{arm}.most_parameters": Figure(most, is_exact=True),
            f"{arm}.median_layers": Figure(median(layers), 2, is_exact=True),
            f"{arm}.least_layers": Figure(min(layers), 2, is_exact=True),
            f"{arm}.most_layers": Figure(max(layers), 3, is_exact=True),
        }
        for pair, of_pair in zip(pairs, by_pair, strict=True):
            name = f"{arm}.{'_and_'.join(pair)}"
            figures[name] = Figure(accuracy_of(of_pair), 2 * tolerance, is_exact=True)
    if not asked.is_quick:
        figures["bar_met"] = Figure(figures["search.test_accuracy"].value >= BAR, 0)
    return figures


def accuracy_of(answers: Sequence[Answer]) -> float:
    """Return the mean test accuracy."""
    return fmean(answer.tested.accuracy for answer in answers)


def table_of(pairs: Sequence[Sequence[str]], answers: Answers) -> list[str]:
    """Return what came out as Markdown: a line for each pair, then each network."""
    n_seeds = len(answers["search"][0])
    means = {
        arm: accuracy_of([answer for of_pair in by_pair for answer in of_pair])
        for arm, by_pair in answers.items()
    }
    rows = [
        f"| {' and '.join(pair)} | {' | '.join(cells_of(answers[arm][number]) for arm in PICKS)} |"
        for number, pair in enumerate(pairs)
    ]
    networks = [
        f"| {' and '.join(pair)} | {arm.replace('_', ' ')} | {seed} | `{escaped(answer.tested.text)}` "
        f"| {answer.tested.accuracy:.4f} |"
        for arm, by_pair in answers.items()
        for pair, of_pair in zip(pairs, by_pair, strict=True)
        for seed, answer in enumerate(of_pair, 1)
    ]
    return [
        "# Two classes of 100x100 pixels",
        "",
        "| signs | layers | parameters | test accuracy | depth sweep: layers | parameters | test accuracy |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"Layers and parameters of seed 1, 2, ...; test accuracy: mean ± standard deviation, n = {n_seeds}.",
        f"Means of all pairs: search {means['search']:.4f}, depth sweep {means['depth_sweep']:.4f}.",
        "",
        "| signs | arm | seed | network | test accuracy |",
        "|---|---|---|---|---|",
        *networks,
        "",
        made_on(),
    ]


def cells_of(answers: Sequence[Answer]) -> str:
    """Return layers, parameters and test accuracy of a pair, as cells of a table."""
    accuracies = [answer.tested.accuracy for answer in answers]
    cells = (
        ", ".join(str(answer.n_layers) for answer in answers),
        ", ".join(f"{answer.tested.n_parameters:,}" for answer in answers),
        mean_and_deviation(accuracies),
    )
    return " | ".join(cells)


if __name__ == "__main__":
    perform(study, __doc__)

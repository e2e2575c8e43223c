"""Does a network trained on MNIST help on few images of clothes, or of hands? A table, whichever wins.

    evocnn reproduce experiments/transfer --data FOLDER [--quick]

FOLDER holds `fashion-mnist/`, `sign-digits/` and `pretrained/digit_recognizer_mnist_cnn.pth`: the weights
of a network of three convolutions of 32, 64 and 128 filters. For each data set, number of training images
and seed there are two searches of equally many epochs: one whose networks begin with that network's layers,
cut anywhere, any number of them trained, and the same search without the backbone, from scratch. Both are
given the whole pretrained architecture with two heads as founders. Of each search the network of the best
validation accuracy is trained once more, for as many epochs in both arms, and tested once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import Tested, made_on, tested_in_full
from evocnn.config import Experiment
from evocnn.config.toml import read_toml
from evocnn.report.figures import Figure
from evocnn.report.front_table import escaped
from evocnn.report.paired_difference import mean_and_deviation
from evocnn.runs.pick import pick

HERE = Path(__file__).parent
LAYERS = "conv32k3 norm=none · pool · conv64k3 norm=none · pool · conv128k3 norm=none · pool"
HEADS = ("flatten | adamw lr=.001 batch=64", "flatten dense256 | adamw lr=.001 batch=64")
FOUNDERS = {  # the pretrained network as it is, with a new head: frozen or trained, or from scratch
    "backbone": [f"backbone6 | {HEADS[0]}", f"backbone6 trained=3 | {HEADS[1]}"],
    "scratch": [f"{LAYERS} | {head}" for head in HEADS],
}
VALIDATION = 0.2
ARMS = ("backbone", "scratch")
SEEDS, QUICK_SEEDS = 3, 1
WEIGHTS = "digit_recognizer_mnist_cnn.pth"


@dataclass(frozen=True)
class Setting:
    """A data set, how many of its images train, and how much is searched.

    Attributes:
        data: Name of the experiment file and of the folder of the images.
        n_training: Training images; None for all.
        budget: Epochs of a search.
        epochs: Epochs of a training.
    """

    data: str
    n_training: int | None
    budget: int
    epochs: int

    @property
    def name(self) -> str:
        """The data set and how many images of it train."""
        return f"{self.data}.{self.n_training or 'all'}"


SETTINGS = (
    Setting("fashion-mnist", 500, 240, 15),
    Setting("fashion-mnist", 2_000, 150, 15),
    Setting("fashion-mnist", 10_000, 60, 6),
    Setting("sign-digits", 500, 240, 15),
    Setting("sign-digits", None, 180, 15),
)
QUICK = (Setting("fashion-mnist", 500, 40, 5), Setting("sign-digits", 800, 40, 5))
Found = Mapping[Setting, Mapping[str, Sequence[Tested]]]  # of each arm, of each seed


def experiment_of(setting: Setting, arm: str, seed: int, weights: Path) -> Experiment:
    """Return the experiment of an arm; they differ in the backbone, and in how the founders begin."""
    path = HERE / f"{setting.data}.toml"
    tables: dict[str, Any] = read_toml(path)[0]
    tables["seed"] = seed
    tables["training"]["epochs"] = setting.epochs
    tables["data"]["validation"] = VALIDATION
    if setting.n_training is not None:
        tables["data"]["images"] = round(setting.n_training / (1 - VALIDATION))
    tables["search"]["budget"] = f"{setting.budget} epochs"
    tables["space"]["founders"] = FOUNDERS[arm]
    if arm == "backbone":
        tables["space"]["backbone"]["weights"] = str(weights)
    else:
        del tables["space"]["backbone"]
    return Experiment.from_dict(tables, folder=HERE, source=str(path))


def tested_of(setting: Setting, arm: str, seed: int, asked: Asked) -> Tested:
    """Return the network of the best validation accuracy of a search, trained once more and tested."""
    weights = asked.given_data("pretrained", "images and pretrained network") / WEIGHTS
    experiment = experiment_of(setting, arm, seed, weights)
    data = asked.data_of(setting.data)
    run = kept_run(experiment, asked.runs / setting.name / arm / str(seed), data, asked.workers)
    record = pick(run, "best-accuracy")
    (tested,) = tested_in_full(run, {arm: record}, data, asked.workers, setting.epochs, all_data=False)
    return tested


def study(asked: Asked) -> Mapping[str, Figure]:
    """Run what is missing, write the table, and return the mean accuracies."""
    settings, n_seeds = (QUICK, QUICK_SEEDS) if asked.is_quick else (SETTINGS, SEEDS)
    found: Found = {
        setting: {
            arm: [tested_of(setting, arm, seed, asked) for seed in range(1, n_seeds + 1)] for arm in ARMS
        }
        for setting in settings
    }
    asked.write("results.md", table_of(found))
    return {
        f"{setting.name}.{name}": Figure(fmean(values), 0.2 if asked.is_quick else 0.03, is_exact=True)
        for setting, by_arm in found.items()
        for name, values in accuracies_of(by_arm).items()
    }


def accuracies_of(by_arm: Mapping[str, Sequence[Tested]]) -> dict[str, list[float]]:
    """Return the test accuracies of each arm, seed by seed, and the gains by the backbone."""
    accuracies = {arm: [one.accuracy for one in tested] for arm, tested in by_arm.items()}
    gains = [a - b for a, b in zip(*accuracies.values(), strict=True)]
    return {**accuracies, "gain": gains}


def table_of(found: Found) -> list[str]:
    """Return what came out as Markdown: a line for each data set and size, then each network."""
    n_seeds = len(next(iter(found.values()))[ARMS[0]])
    rows = [
        f"| {setting.data} | {setting.n_training or 'all'} | {setting.budget} | {setting.epochs} "
        f"| {' | '.join(map(mean_and_deviation, accuracies_of(by_arm).values()))} |"
        for setting, by_arm in found.items()
    ]
    networks = [
        f"| {setting.data} | {setting.n_training or 'all'} | {arm} | {seed} | `{escaped(one.text)}` "
        f"| {one.n_parameters:,} | {one.accuracy:.4f} |"
        for setting, by_arm in found.items()
        for arm, tested in by_arm.items()
        for seed, one in enumerate(tested, 1)
    ]
    return [
        "# A backbone, or from scratch",
        "",
        "| data | training images | epochs: of a search | of a training | backbone | scratch | gain |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"Test accuracy: mean ± standard deviation, n = {n_seeds}; the gain is paired by seed.",
        "",
        "| data | training images | arm | seed | network | parameters | test accuracy |",
        "|---|---|---|---|---|---|---|",
        *networks,
        "",
        made_on(),
    ]


if __name__ == "__main__":
    perform(study, __doc__)

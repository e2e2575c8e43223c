"""Does a network trained on MNIST help on few images of clothes, or of hands? A table, whichever wins.

    evocnn reproduce experiments/transfer --data FOLDER [--quick]

FOLDER holds `fashion-mnist/`, `sign-digits/` and `pretrained/digit_recognizer_mnist_cnn.pth`: the weights
of a network of three convolutions of 32, 64 and 128 filters. For each data set, number of training images
and seed there are two searches of equally many epochs: one whose networks begin with that network's layers,
cut anywhere, any number of them trained, and the same search without the backbone, from scratch. Both are
given the whole pretrained architecture with two heads as founders. Of each search the network of the best
validation accuracy is trained in full, for as many epochs in both arms, and judged on the test split, once.

Runs are kept, and a second call goes on where the first was stopped. `--quick` makes one tiny pair of each
data set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import evocnn
from evocnn.cli.study import Asked, perform
from evocnn.config import Experiment
from evocnn.config.toml import read_toml
from evocnn.deploy.full_training import train_in_full
from evocnn.deploy.judgement import judge, probabilities, recorded
from evocnn.deploy.terms import full_training, terms_of
from evocnn.errors import ExperimentError
from evocnn.report.figures import Figure
from evocnn.runs import Run, Workers
from evocnn.runs.pick import pick
from evocnn.store import environment
from evocnn.store.journal import FILE_NAME

HERE = Path(__file__).parent
LAYERS = "conv32k3 norm=none · pool · conv64k3 norm=none · pool · conv128k3 norm=none · pool"
HEADS = ("flatten | adamw lr=.001 batch=64", "flatten dense256 | adamw lr=.001 batch=64")
FOUNDERS = {  # the pretrained network as it is, with a new head: frozen or trained, or from scratch
    "backbone": [f"backbone6 | {HEADS[0]}", f"backbone6 trained=3 | {HEADS[1]}"],
    "scratch": [f"{LAYERS} | {head}" for head in HEADS],
}
VALIDATION = 0.2
ARMS = ("backbone", "scratch")
SEEDS = 3
WEIGHTS = Path("pretrained") / "digit_recognizer_mnist_cnn.pth"


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
    budget: int = 400
    epochs: int = 15


SETTINGS = (
    *(Setting("fashion-mnist", n) for n in (500, 2_000, 10_000)),
    Setting("sign-digits", None),
)
QUICK = (Setting("fashion-mnist", 500, 40, 5), Setting("sign-digits", 800, 40, 5))


def experiment_of(setting: Setting, arm: str, seed: int, data: Path, weights: Path) -> Experiment:
    """Return the experiment of an arm; they differ in the backbone, and in how the founders begin."""
    path = HERE / f"{setting.data}.toml"
    tables: dict[str, Any] = read_toml(path)[0]
    tables |= {"seed": seed, "training": {"epochs": setting.epochs}}
    tables["data"] |= {"path": str(data / setting.data), "validation": VALIDATION}
    if setting.n_training is not None:
        tables["data"]["images"] = round(setting.n_training / (1 - VALIDATION))
    tables["search"]["budget"] = f"{setting.budget} epochs"
    tables["space"]["founders"] = FOUNDERS[arm]
    if arm == "backbone":
        tables["space"]["backbone"]["weights"] = str(weights)
    else:
        del tables["space"]["backbone"]
    return Experiment.from_dict(tables, folder=HERE, source=str(path))


def searched(experiment: Experiment, folder: Path) -> Run:
    """Return a search that has come to its end."""
    if (folder / FILE_NAME).exists():
        return evocnn.resume(folder, experiment)
    return evocnn.run(experiment, folder)


def judged(run: Run) -> tuple[str, float, float]:
    """Return the text of the network of the best validation accuracy, trained in full, and its accuracies."""
    record = pick(run, "best-accuracy")
    terms = terms_of(run)
    training = full_training(terms, record, "best-accuracy", seed=0)
    (model,) = train_in_full(terms, [training], Workers(), on_piece=lambda _: None, should_stop=lambda: False)
    if model is None:
        message = f"ticket {record.ticket} of '{run.folder}' must train in full, but failed; look at it"
        raise RuntimeError(message)
    judgement = recorded(model.steps)
    if judgement is None:
        judgement = judge(run, training.path.parent.name, {"": partial(probabilities, model)})[""]
        model.after(judgement.step).save(training.path)
    step: Mapping[str, Any] = model.steps[0]
    return record.text, float(step["validation_accuracy"]), judgement.accuracy


def table_of(
    settings: Sequence[Setting], seeds: int, data: Path, weights: Path, runs: Path
) -> tuple[list[str], dict[str, float]]:
    """Return the lines of the table, and of the networks that it is of; and the mean accuracies by name."""
    lines = [
        "| data | training images | backbone, test | scratch, test | difference |",
        "|---|---|---|---|---|",
    ]
    networks = ["", "Networks, with validation and test accuracy:", ""]
    means: dict[str, float] = {}
    for setting in settings:
        size = setting.n_training or "all"
        found: dict[str, list[float]] = {arm: [] for arm in ARMS}
        for seed in range(seeds):
            for arm in ARMS:
                folder = runs / f"{setting.data}-{size}-{setting.budget}" / f"{arm}-{seed}"
                run = searched(experiment_of(setting, arm, seed, data, weights), folder)
                text, validation, test = judged(run)
                found[arm].append(test)
                networks.append(
                    f"- {setting.data}, {size}, {arm}, seed {seed}: `{text}` {validation:.4f}, {test:.4f}"
                )
                print(networks[-1], flush=True)
        differences = [a - b for a, b in zip(*found.values(), strict=True)]
        named = {**found, "difference": differences}
        means |= {f"{setting.data}.{size}.{name}": fmean(values) for name, values in named.items()}
        lines.append(f"| {setting.data} | {size} | {' | '.join(map(_shown, named.values()))} |")
    return [*lines, *networks], means


def _shown(values: Sequence[float]) -> str:
    spread = f" ± {stdev(values):.4f}" if len(values) > 1 else ""
    return f"{fmean(values):.4f}{spread}"


def study(asked: Asked) -> Mapping[str, Figure]:
    """Run what is missing, write the table, and return the mean accuracies.

    Raises:
        ExperimentError: Nobody said where the images are.
    """
    if asked.data is None:
        message = "--data must name the folder of images and pretrained network, but it was left out; give it"
        raise ExperimentError(message)
    settings, seeds = (QUICK, 1) if asked.is_quick else (SETTINGS, SEEDS)
    lines, means = table_of(settings, seeds, asked.data, asked.data / WEIGHTS, asked.runs.resolve())
    machine = environment()
    notes = (
        f"Test accuracy: mean and standard deviation, n = {seeds}; torch {machine['torch']}, "
        f"{machine['processor']}."
    )
    asked.write("results.md", ["# Results", "", *lines, "", notes])
    return {name: Figure(value, 0.1 if asked.is_quick else 0.03) for name, value in means.items()}


if __name__ == "__main__":
    perform(study, __doc__)

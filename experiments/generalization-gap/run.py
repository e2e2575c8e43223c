"""What does the generalization gap as a third objective buy? Fronts with and without it, under harder images.

    evocnn reproduce experiments/generalization-gap [--quick] [--data FOLDER]

The default search looks for accurate and small networks, once with the gap between training and validation
accuracy as a third objective and once without, on the same seeds. Of all that a search trained in full
somebody with room for 5,000, 10,000, 20,000 or 50,000 parameters takes a network, by one of two rules: the
most accurate in validation, or of those within a standard error of it the one of the smallest gap, which is
measured with and without the objective. These are trained in full and judged by the test images as they are,
and with noise, blurred, rotated and brighter, and by what is left of their training accuracy in the test.
Compared is, seed by seed, the mean over the sizes at which both searches have a network. The test split of
each run is read once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from torch import Tensor
from torch.nn import functional

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import made_on, models_of
from evocnn.config import Experiment, load_experiment
from evocnn.deploy.earlier_tests import earlier_judgements
from evocnn.deploy.judgement import Probabilities, judge, probabilities
from evocnn.deploy.model import Model
from evocnn.report.colours import BLUE, GREY
from evocnn.report.figures import Figure
from evocnn.report.paired_difference import mean_and_deviation, paired_difference
from evocnn.report.picture import write_picture
from evocnn.report.rank_test import holm
from evocnn.runs import Run
from evocnn.store import Record, selectable
from evocnn.training.data import ImageSet

FILE = Path(__file__).parent / "experiment.toml"
GAP = "generalization_gap"
ARMS = ("with", "without")
RULES = ("accurate", "careful")
TEST_GAP = "training minus test"
CEILINGS = (5_000, 10_000, 20_000, 50_000)
SEEDS, QUICK_SEEDS = 5, 2
EPOCHS, QUICK_EPOCHS = 12, 2  # of full training
QUICK = [
    "data.images=1500",
    "training.epochs=4",
    "search.population=4",
    "search.budget='48 epochs'",
    "search.rungs=[1]",
    "objectives.validation_accuracy.floor=0.2",
]


def noisy(images: Tensor, deviation: float) -> Tensor:
    """Return images with normal noise of a standard deviation."""
    return images + deviation * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))


def blurred(images: Tensor, deviation: float) -> Tensor:
    """Return images behind a Gaussian kernel of 5x5 pixels, of a standard deviation in pixels."""
    line = torch.exp(-((torch.arange(-2.0, 3.0) / deviation) ** 2) / 2)
    kernel = torch.outer(line, line)[None, None] / line.sum() ** 2  # (1, 1, 5, 5)
    n, channels, height, width = images.shape
    single = functional.pad(images.view(n * channels, 1, height, width), (2, 2, 2, 2), mode="replicate")
    return functional.conv2d(single, kernel).view(images.shape)


def rotated(images: Tensor, degrees: float) -> Tensor:
    """Return images rotated, each to one side or the other."""
    sides = torch.randint(2, (len(images),), generator=torch.Generator().manual_seed(0)) * 2 - 1
    angles = sides * degrees * torch.pi / 180
    zeros = torch.zeros(len(images))
    rows = [
        torch.stack(row, 1)
        for row in ((angles.cos(), -angles.sin(), zeros), (angles.sin(), angles.cos(), zeros))
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def brighter(images: Tensor, shift: float) -> Tensor:
    """Return images whose pixels are all brighter."""
    return images + shift


def unchanged(images: Tensor, _: float) -> Tensor:
    """Return the images."""
    return images


# What is done to the test images, and how much of it; a pixel has a range of 1.
SHIFTS: Mapping[str, tuple[Callable[[Tensor, float], Tensor], float]] = {
    "clean": (unchanged, 0.0),
    "noise": (noisy, 0.15),
    "blur": (blurred, 1.0),
    "rotation": (rotated, 15.0),
    "brightness": (brighter, 0.2),
}
MEASURES = (*SHIFTS, TEST_GAP)


@dataclass(frozen=True)
class Judged:
    """What a network is worth.

    Attributes:
        n_parameters: Its size.
        found: Accuracies on the test images by shift, and the training accuracy less that of the clean ones.
    """

    n_parameters: int
    found: Mapping[str, float]


Choice = tuple[str, int]  # a rule and a ceiling
Taken = Mapping[str, Sequence[Mapping[Choice, Judged]]]  # by arm, for each seed


def experiment_of(arm: str, seed: int, asked: Asked) -> Experiment:
    """Return the search of an arm; they differ in the objectives."""
    experiment = load_experiment(FILE, [f"seed={seed}", *(QUICK if asked.is_quick else [])])
    if arm == "with":
        return experiment
    tables: dict[str, Any] = dict(experiment.tables)
    tables["objectives"] = {name: table for name, table in tables["objectives"].items() if name != GAP}
    return Experiment.from_dict(tables, folder=FILE.parent)


def taken_from(records: Sequence[Record], n_validation: int) -> dict[Choice, Record]:
    """Return what is taken of networks by each rule for each ceiling; nothing where none is as small."""
    taken = {}
    for ceiling in CEILINGS:
        fitting = [one for one in records if one.metrics["parameters"] <= ceiling]
        if not fitting:
            continue
        accurate = min(fitting, key=lambda one: (-one.metrics["validation_accuracy"], one.ticket))
        best = accurate.metrics["validation_accuracy"]
        least = best - sqrt(best * (1 - best) / n_validation)
        close = [one for one in fitting if one.metrics["validation_accuracy"] >= least]
        taken["accurate", ceiling] = accurate
        taken["careful", ceiling] = min(close, key=lambda one: (one.metrics[GAP], one.ticket))
    return taken


def predicted(model: Model, shift: str, images: ImageSet) -> Probabilities:
    """Return a model's class probabilities of shifted images."""
    change, strength = SHIFTS[shift]
    changed = 255 * change(torch.tensor(images.images).float() / 255, strength)
    return probabilities(model, replace(images, images=changed.round().clamp(0, 255).byte().numpy()))


def judged(run: Run, data: Path | None, asked: Asked) -> dict[Choice, Judged]:
    """Return what is taken of a run, trained in full and tested, in one reading."""
    records = [record for record, _ in selectable(run.records, run.objectives)]
    taken = taken_from(records, run.manifest["data"]["n_validation"])
    epochs = QUICK_EPOCHS if asked.is_quick else EPOCHS
    names = {f"{rule} {ceiling}": (rule, ceiling) for rule, ceiling in taken}
    named = {name: taken[choice] for name, choice in names.items()}
    models = models_of(run, named, data, asked.workers, epochs, all_data=False)
    distinct = {model.digest: model for model, _ in models.values()}
    predictors = {
        f"{digest} {shift} {strength}": partial(predicted, model, shift)
        for digest, model in distinct.items()
        for shift, (_, strength) in SHIFTS.items()
    }
    found = earlier_judgements(run, list(predictors))
    if not found:
        what = f"{len(distinct)} networks under {len(SHIFTS)} shifts"
        found = list(judge(run, what, predictors, data, digests={key: key for key in predictors}).values())
    accuracies = {key: one.accuracy for key, one in zip(predictors, found, strict=True)}
    answers = {}
    for name, (model, _) in models.items():
        of_model = {
            shift: accuracies[f"{model.digest} {shift} {strength}"] for shift, (_, strength) in SHIFTS.items()
        }
        of_model[TEST_GAP] = model.steps[0]["training_accuracy"] - of_model["clean"]
        answers[names[name]] = Judged(int(named[name].metrics["parameters"]), of_model)
    return answers


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search, train and test whatever is missing; return what the third objective changed."""
    data = asked.data_of("fashion-mnist")
    taken: dict[str, list[dict[Choice, Judged]]] = {arm: [] for arm in ARMS}
    runs: dict[str, list[Run]] = {arm: [] for arm in ARMS}
    for seed in range(1, (QUICK_SEEDS if asked.is_quick else SEEDS) + 1):
        for arm in ARMS:
            folder = asked.runs / arm / str(seed)
            run = kept_run(experiment_of(arm, seed, asked), folder, data, asked.workers)
            taken[arm].append(judged(run, data, asked))
            runs[arm].append(run)
    asked.write("results.md", table(taken, runs))
    draw(taken, runs, asked.out / "fronts.png")
    least = 0.2 if asked.is_quick else 0.02
    figures = {}
    for rule, measure in product(RULES, MEASURES):
        ours, others = sides = [means_of(taken, arm, rule, measure) for arm in ARMS]
        name = f"{rule}.{measure}".replace(" ", "_")
        for arm, values in zip(ARMS, sides, strict=True):
            figures[f"{arm}.{name}"] = Figure(fmean(values), least, is_exact=True)
        figures[f"difference.{name}"] = paired_difference(ours, others).figure(least)
    return figures


def common(taken: Taken) -> list[list[int]]:
    """Return for each seed the ceilings for which both arms have a network."""
    return [
        [ceiling for ceiling in CEILINGS if all((RULES[0], ceiling) in one for one in both)]
        for both in zip(*taken.values(), strict=True)
    ]


def means_of(taken: Taken, arm: str, rule: str, measure: str) -> list[float]:
    """Return for each seed the mean of what a rule takes, over the ceilings that both arms meet."""
    return [
        fmean(of_seed[rule, ceiling].found[measure] for ceiling in ceilings)
        for of_seed, ceilings in zip(taken[arm], common(taken), strict=True)
    ]


def table(taken: Taken, runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """Return the comparison in Markdown."""
    names = list(product(RULES, MEASURES))
    sides = [[means_of(taken, arm, rule, measure) for arm in ARMS] for rule, measure in names]
    tests = [paired_difference(*side) for side in sides]
    rows = [
        f"| {rule} | {measure} | {' | '.join(map(mean_and_deviation, side))} | {test} | {p:.2g} |"
        for (rule, measure), side, test, p in zip(
            names, sides, tests, holm([test.p for test in tests]), strict=True
        )
    ]
    of_fronts = {
        "gap": [[fmean(one.metrics[GAP] for one in run.front.members) for run in runs[arm]] for arm in ARMS],
        "members": [[float(len(run.front.members)) for run in runs[arm]] for arm in ARMS],
    }
    rows += [
        f"| front, as searched | {name} | {' | '.join(map(mean_and_deviation, side))} "
        f"| {paired_difference(*side)} | |"
        for name, side in of_fronts.items()
    ]
    n_seeds = len(taken[ARMS[0]])
    missed = n_seeds * len(CEILINGS) - sum(map(len, common(taken)))
    return [
        "# Searches with and without the generalization gap as an objective",
        "",
        f"Mean test accuracy over networks of at most {', '.join(f'{one:,}' for one in CEILINGS)}",
        f"parameters; mean ± standard deviation, n = {n_seeds} seeds. Of {n_seeds * len(CEILINGS)} sizes",
        f"{missed} are left out, for which a search found no network. Accurate: the best validation",
        "accuracy; careful: the smallest gap within a standard error of it. The difference,",
        "with minus without, is paired by seed, with its 95 % interval (Student); p is corrected for all",
        "rows that have one by Holm.",
        "",
        "| taken | test images | with the gap | without | difference | p, Holm |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        made_on(),
    ]


def draw(networks: Taken, runs: Mapping[str, Sequence[Run]], path: Path) -> None:
    """Draw all fronts as the searches saw them, and the networks that were taken by their test accuracy."""
    picture = Picture(figsize=(10, 7), layout="constrained")
    (front, gap), (clean, shifted) = picture.subplots(2, 2, sharex=True)
    colours = dict(zip(ARMS, (BLUE, GREY), strict=True))
    for arm in ARMS:
        members = [one for run in runs[arm] for one in run.front.members]
        sizes = [one.metrics["parameters"] for one in members]
        style = {"color": colours[arm], "alpha": 0.7, "label": f"{arm} the gap"}
        front.plot(sizes, [100 * one.metrics["validation_accuracy"] for one in members], "o", **style)
        gap.plot(sizes, [100 * one.metrics[GAP] for one in members], "o", **style)
        taken = [one for found in networks[arm] for one in found.values()]
        sizes = [one.n_parameters for one in taken]
        clean.plot(sizes, [100 * one.found["clean"] for one in taken], "o", **style)
        harder = [100 * fmean(one.found[s] for s in SHIFTS if s != "clean") for one in taken]
        shifted.plot(sizes, harder, "o", **style)
    _explain(front, "fronts of all seeds, as searched", "validation accuracy, %")
    _explain(gap, "the same", "generalization gap, points")
    _explain(clean, "what is taken, trained in full", "test accuracy, %")
    _explain(shifted, "the same, test images changed", "test accuracy, mean of four changes, %")
    front.legend(fontsize=8)
    for axes in (clean, shifted):
        axes.set_xlabel("parameters")
    write_picture(picture, path)


def _explain(axes: Axes, title: str, label: str) -> None:
    axes.set_title(title, fontsize=9)
    axes.set_ylabel(label, fontsize=8)
    axes.set_xscale("log")
    axes.grid(alpha=0.25, color=GREY)


if __name__ == "__main__":
    perform(study, __doc__)

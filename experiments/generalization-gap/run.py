"""What does the generalization gap as a third objective buy? Fronts with and without it, under harder images.

    evocnn reproduce experiments/generalization-gap [--quick] [--data FOLDER]

The default search looks for accurate and small networks, once with the gap between training and validation
accuracy as a third objective and once without, on the same seeds. From each front somebody with room for
5,000, 10,000, 20,000 or 50,000 parameters takes a network, by one of two rules: the most accurate in
validation, or of those within a standard error of it the one of the smallest gap. These are trained in full
and judged by the test images as they are, and with noise, blurred, rotated and brighter. Compared is, seed by
seed, the mean test accuracy over the four sizes. The test split of each run is read once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from scipy.stats import ttest_rel
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
from evocnn.report.picture import write_picture
from evocnn.report.rank_test import holm
from evocnn.runs import Run
from evocnn.store import Record
from evocnn.training.data import ImageSet

FILE = Path(__file__).parent / "experiment.toml"
GAP = "generalization_gap"
ARMS = ("with", "without")
RULES = ("accurate", "careful")
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


@dataclass(frozen=True)
class Judged:
    """What a network of a front is worth.

    Attributes:
        n_parameters: Its size.
        accuracies: On the test images, by shift.
    """

    n_parameters: int
    accuracies: Mapping[str, float]


Fronts = Mapping[str, Sequence[Mapping[str, Judged]]]  # by arm, for each seed, by rule and ceiling


def experiment_of(arm: str, seed: int, asked: Asked) -> Experiment:
    """Return the search of an arm; they differ in the objectives."""
    experiment = load_experiment(FILE, [f"seed={seed}", *(QUICK if asked.is_quick else [])])
    if arm == "with":
        return experiment
    tables: dict[str, Any] = dict(experiment.tables)
    tables["objectives"] = {name: table for name, table in tables["objectives"].items() if name != GAP}
    return Experiment.from_dict(tables, folder=FILE.parent)


def taken_from(members: Sequence[Record], n_validation: int) -> dict[str, Record]:
    """Return what is taken from a front by each rule for each ceiling; its smallest where none fits."""
    taken = {}
    for ceiling in CEILINGS:
        fitting = [one for one in members if one.metrics["parameters"] <= ceiling] or [
            min(members, key=lambda one: (one.metrics["parameters"], one.ticket))
        ]
        accurate = min(fitting, key=lambda one: (-one.metrics["validation_accuracy"], one.ticket))
        best = accurate.metrics["validation_accuracy"]
        least = best - sqrt(best * (1 - best) / n_validation)
        close = [one for one in fitting if one.metrics["validation_accuracy"] >= least]
        taken[f"accurate {ceiling}"] = accurate
        taken[f"careful {ceiling}"] = min(close, key=lambda one: (one.metrics[GAP], one.ticket))
    return taken


def predicted(model: Model, shift: str, images: ImageSet) -> Probabilities:
    """Return a model's class probabilities of shifted images."""
    change, strength = SHIFTS[shift]
    changed = 255 * change(torch.tensor(images.images).float() / 255, strength)
    return probabilities(model, replace(images, images=changed.round().clamp(0, 255).byte().numpy()))


def judged(run: Run, data: Path | None, asked: Asked) -> dict[str, Judged]:
    """Return what is taken from the front of a run, trained in full and tested, in one reading."""
    taken = taken_from(run.front.members, run.manifest["data"]["n_validation"])
    epochs = QUICK_EPOCHS if asked.is_quick else EPOCHS
    models = models_of(run, taken, data, asked.workers, epochs, all_data=False)
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
    return {
        name: Judged(
            int(taken[name].metrics["parameters"]),
            {
                shift: accuracies[f"{model.digest} {shift} {strength}"]
                for shift, (_, strength) in SHIFTS.items()
            },
        )
        for name, (model, _) in models.items()
    }


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search, train and test whatever is missing; return what the third objective changed."""
    data = asked.data_of("fashion-mnist")
    fronts: dict[str, list[dict[str, Judged]]] = {arm: [] for arm in ARMS}
    runs: dict[str, list[Run]] = {arm: [] for arm in ARMS}
    for seed in range(1, (QUICK_SEEDS if asked.is_quick else SEEDS) + 1):
        for arm in ARMS:
            folder = asked.runs / arm / str(seed)
            run = kept_run(experiment_of(arm, seed, asked), folder, data, asked.workers)
            fronts[arm].append(judged(run, data, asked))
            runs[arm].append(run)
    asked.write("results.md", table(fronts, runs))
    draw(fronts, runs, asked.out / "fronts.png")
    figures = {f"{arm}.gap": Figure(fmean(gaps_of(runs[arm])), 0.05, is_exact=True) for arm in ARMS}
    for rule in RULES:
        for shift in SHIFTS:
            for arm in ARMS:
                mean = fmean(means_of(fronts[arm], rule, shift))
                tolerance = 0.2 if asked.is_quick else 0.03
                figures[f"{arm}.{rule}.{shift}"] = Figure(mean, tolerance, is_exact=True)
    return figures


def gaps_of(runs: Sequence[Run]) -> list[float]:
    """Return the mean gap of each front's members, as the search measured it."""
    return [fmean(one.metrics[GAP] for one in run.front.members) for run in runs]


def means_of(fronts: Sequence[Mapping[str, Judged]], rule: str, shift: str) -> list[float]:
    """Return for each seed the mean test accuracy of what a rule takes, over the ceilings."""
    return [fmean(front[f"{rule} {ceiling}"].accuracies[shift] for ceiling in CEILINGS) for front in fronts]


def table(fronts: Fronts, runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """Return the comparison in Markdown."""
    names = [(rule, shift) for rule in RULES for shift in SHIFTS]
    sides = [[means_of(fronts[arm], rule, shift) for arm in ARMS] for rule, shift in names]
    corrected = holm([float(ttest_rel(*side).pvalue) for side in sides])
    rows = [
        f"| {rule} | {shift} | {' | '.join(map(described, side))} | {difference(*side)} | {p:.2g} |"
        for (rule, shift), side, p in zip(names, sides, corrected, strict=True)
    ]
    gaps = [gaps_of(runs[arm]) for arm in ARMS]
    sizes = [[float(len(run.front.members)) for run in runs[arm]] for arm in ARMS]
    return [
        "# Fronts with and without the generalization gap as an objective",
        "",
        f"Mean test accuracy over networks of at most {', '.join(f'{one:,}' for one in CEILINGS)}",
        f"parameters; mean ± standard deviation, n = {len(gaps[0])} seeds. Accurate: the best validation",
        "accuracy of the front; careful: the smallest gap within a standard error of it. The difference,",
        "with minus without, is paired by seed, with its 95 % interval (Student); p is corrected for all",
        "rows by Holm.",
        "",
        "| taken | test images | with the gap | without | difference | p, Holm |",
        "|---|---|---|---|---|---|",
        *rows,
        f"| gap of the front | | {' | '.join(map(described, gaps))} | {difference(*gaps)} | |",
        f"| members of the front | | {' | '.join(map(described, sizes))} | {difference(*sizes)} | |",
        "",
        made_on(),
    ]


def described(values: Sequence[float]) -> str:
    """Return mean and standard deviation."""
    return f"{fmean(values):.4f} ± {stdev(values):.4f}"


def difference(ours: Sequence[float], others: Sequence[float]) -> str:
    """Return the mean of the differences with its interval."""
    interval = ttest_rel(ours, others).confidence_interval(0.95)
    return f"{fmean(ours) - fmean(others):+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


def draw(fronts: Fronts, runs: Mapping[str, Sequence[Run]], path: Path) -> None:
    """Draw all fronts as the searches saw them, and the networks taken from them by their test accuracy."""
    picture = Picture(figsize=(10, 7), layout="constrained")
    (front, gap), (clean, shifted) = picture.subplots(2, 2, sharex=True)
    colours = dict(zip(ARMS, (BLUE, GREY), strict=True))
    for arm in ARMS:
        members = [one for run in runs[arm] for one in run.front.members]
        sizes = [one.metrics["parameters"] for one in members]
        style = {"color": colours[arm], "alpha": 0.7, "label": f"{arm} the gap"}
        front.plot(sizes, [100 * one.metrics["validation_accuracy"] for one in members], "o", **style)
        gap.plot(sizes, [100 * one.metrics[GAP] for one in members], "o", **style)
        taken = [one for found in fronts[arm] for one in found.values()]
        sizes = [one.n_parameters for one in taken]
        clean.plot(sizes, [100 * one.accuracies["clean"] for one in taken], "o", **style)
        harder = [100 * fmean(one.accuracies[s] for s in SHIFTS if s != "clean") for one in taken]
        shifted.plot(sizes, harder, "o", **style)
    _explain(front, "fronts of all seeds, as searched", "validation accuracy, %")
    _explain(gap, "the same", "generalization gap, points")
    _explain(clean, "taken from them, trained in full", "test accuracy, %")
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

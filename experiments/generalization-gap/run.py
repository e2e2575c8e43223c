"""What does the generalization gap as a third objective buy? Fronts with and without it, under harder images.

    evocnn reproduce experiments/generalization-gap [--quick] [--data FOLDER]

The default search looks for accurate and small networks, once with the gap between training and validation
accuracy as a third objective and once without, on the same seeds. Of each front up to six members, spread
over its sizes, are trained in full and judged by the test images as they are, and with noise, blurred,
rotated and brighter. Compared are, seed by seed, the mean accuracy of a front's members and the hypervolume
of accuracy and size that they span. The test split of each run is read once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log10
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from scipy.stats import ttest_rel
from torch import Tensor
from torch.nn import functional

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import made_on, models_of
from evocnn.config import Experiment, load_experiment
from evocnn.deploy.judgement import Predict, Probabilities, judge, probabilities
from evocnn.deploy.model import Model
from evocnn.evaluation import hypervolume
from evocnn.report.figures import Figure
from evocnn.runs import Run, open_run
from evocnn.store import Record
from evocnn.training.data import ImageSet

FILE = Path(__file__).parent / "experiment.toml"
GAP = "generalization_gap"
ARMS = ("with", "without")
SEEDS, QUICK_SEEDS = 5, 2
MEMBERS, QUICK_MEMBERS = 6, 2
EPOCHS, QUICK_EPOCHS = 12, 2  # of full training
QUICK = [
    "data.images=1500",
    "training.epochs=4",
    "search.population=6",
    "search.budget='24 epochs'",
    "search.rungs=[1]",
    "objectives.validation_accuracy.floor=0.2",
]
REFERENCE = (-0.1, log10(50_000))  # the worst accuracy and size that count
NOISE, DEGREES, BRIGHTER = 0.15, 15.0, 0.2  # standard deviation, rotation either way, shift; of a range of 1
BLUR = 1.0  # standard deviation of the kernel, pixels


def noisy(images: Tensor) -> Tensor:
    """Return images with normal noise."""
    return images + NOISE * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))


def blurred(images: Tensor) -> Tensor:
    """Return images behind a Gaussian kernel of 5x5."""
    line = torch.exp(-(torch.arange(-2.0, 3.0) ** 2) / (2 * BLUR**2))
    kernel = torch.outer(line, line)[None, None] / line.sum() ** 2  # (1, 1, 5, 5)
    n, channels, height, width = images.shape
    single = functional.pad(images.view(n * channels, 1, height, width), (2, 2, 2, 2), mode="replicate")
    return functional.conv2d(single, kernel).view(images.shape)


def rotated(images: Tensor) -> Tensor:
    """Return images rotated, each to one side or the other."""
    sides = torch.randint(2, (len(images),), generator=torch.Generator().manual_seed(0)) * 2 - 1
    angles = sides * DEGREES * torch.pi / 180
    zeros = torch.zeros(len(images))
    rows = [
        torch.stack(row, 1)
        for row in ((angles.cos(), -angles.sin(), zeros), (angles.sin(), angles.cos(), zeros))
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def brighter(images: Tensor) -> Tensor:
    """Return images whose pixels are all brighter."""
    return images + BRIGHTER


# What is done to the test images; values are shares of the range of a pixel.
SHIFTS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "clean": lambda images: images,
    "noise": noisy,
    "blur": blurred,
    "rotation": rotated,
    "brightness": brighter,
}


@dataclass(frozen=True)
class Judged:
    """What a front is worth under one shift.

    Attributes:
        accuracy: Mean over its members.
        volume: Hypervolume of accuracy and logarithm of the parameters.
    """

    accuracy: float
    volume: float


def experiment_of(arm: str, seed: int, asked: Asked) -> Experiment:
    """Return the search of an arm; they differ in the objectives."""
    experiment = load_experiment(FILE, [f"seed={seed}", *(QUICK if asked.is_quick else [])])
    if arm == "with":
        return experiment
    tables: dict[str, Any] = dict(experiment.tables)
    tables["objectives"] = {name: table for name, table in tables["objectives"].items() if name != GAP}
    return Experiment.from_dict(tables, folder=FILE.parent)


def members_of(run: Run, n: int) -> dict[str, Record]:
    """Return up to n members of a front by name, spread evenly over its sizes."""
    ordered = sorted(run.front.members, key=lambda one: one.metrics["parameters"])
    places = sorted({round(place) for place in np.linspace(0, len(ordered) - 1, min(n, len(ordered)))})
    return {f"member{number}": ordered[place] for number, place in enumerate(places)}


def on(model: Model, shift: str) -> Predict:
    """Return what gives a model's class probabilities of shifted images."""

    def predict(images: ImageSet) -> Probabilities:
        pixels = torch.tensor(images.images).float() / 255
        changed = (255 * SHIFTS[shift](pixels)).round().clamp(0, 255).byte().numpy()
        return probabilities(model, replace(images, images=changed))

    return predict


def judged(run: Run, data: Path | None, asked: Asked) -> dict[str, Judged]:
    """Return by shift what the front of a run is worth; the test split is read once."""
    members = members_of(run, QUICK_MEMBERS if asked.is_quick else MEMBERS)
    epochs = QUICK_EPOCHS if asked.is_quick else EPOCHS
    models = models_of(run, members, data, asked.workers, epochs, all_data=False)
    if not run.readings:
        what = {
            f"{name} {shift}": on(model, shift) for name, (model, _) in models.items() for shift in SHIFTS
        }
        judge(run, f"{len(models)} members under {len(SHIFTS)} shifts", what, data)
    accuracies: Mapping[str, float] = open_run(run.folder).readings[0]["accuracies"]
    found = {}
    for shift in SHIFTS:
        values = [accuracies[f"{name} {shift}"] for name in models]
        sizes = [log10(members[name].metrics["parameters"]) for name in models]
        losses = np.array([(-value, size) for value, size in zip(values, sizes, strict=True)])
        found[shift] = Judged(fmean(values), hypervolume(losses, np.array(REFERENCE)))
    return found


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search, train and test whatever is missing; return what the third objective changed."""
    data = asked.data_of("fashion-mnist")
    found: dict[str, list[dict[str, Judged]]] = {arm: [] for arm in ARMS}
    gaps: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for seed in range(1, (QUICK_SEEDS if asked.is_quick else SEEDS) + 1):
        for arm in ARMS:
            folder = asked.runs / arm / str(seed)
            run = kept_run(experiment_of(arm, seed, asked), folder, data, asked.workers)
            found[arm].append(judged(run, data, asked))
            gaps[arm].append(fmean(one.metrics[GAP] for one in run.front.members))
    asked.write("results.md", table(found, gaps))
    figures = {f"{arm}.gap": Figure(fmean(gaps[arm]), 0.05, is_exact=True) for arm in ARMS}
    for shift in SHIFTS:
        for arm in ARMS:
            tolerance = 0.2 if asked.is_quick else 0.03
            mean = fmean(one[shift].accuracy for one in found[arm])
            figures[f"{arm}.{shift}.accuracy"] = Figure(mean, tolerance, is_exact=True)
            volume = fmean(one[shift].volume for one in found[arm])
            figures[f"{arm}.{shift}.hypervolume"] = Figure(volume, 10 * tolerance, is_exact=True)
    return figures


def table(
    found: Mapping[str, Sequence[Mapping[str, Judged]]], gaps: Mapping[str, Sequence[float]]
) -> list[str]:
    """Return the comparison in Markdown."""
    rows = []
    for measure in ("accuracy", "volume"):
        for shift in SHIFTS:
            sides = [[getattr(one[shift], measure) for one in found[arm]] for arm in ARMS]
            name = "mean accuracy" if measure == "accuracy" else "hypervolume"
            rows.append(f"| {name} | {shift} | {' | '.join(map(described, sides))} | {difference(*sides)} |")
    n, own = len(gaps["with"]), " | ".join(described(gaps[arm]) for arm in ARMS)
    return [
        "# Fronts with and without the generalization gap as an objective",
        "",
        f"Mean ± standard deviation, n = {n} seeds; the difference, with minus without, is paired by seed,",
        "with its 95 % interval (Student). Hypervolume: test accuracy above 0.1 and log10 of parameters",
        "below 50,000.",
        "",
        "| measure | test images | with the gap | without | difference |",
        "|---|---|---|---|---|",
        *rows,
        f"| gap of the front's members, validation | | {own} | {difference(gaps['with'], gaps['without'])} |",
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


if __name__ == "__main__":
    perform(study, __doc__)

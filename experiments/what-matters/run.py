"""What matters when a small network learns Fashion-MNIST: one thing varied at a time, with its spread.

    evocnn reproduce experiments/what-matters [--quick] [--data FOLDER]

A plain network of three convolutions is trained with five seeds, then again with one thing changed: a field
of its recipe, its head or its layers, or a kind of layer. The effect of a change is the difference between
the mean validation accuracies; its interval is Welch's, at 95 %. Nothing is said of changes together, nor of
other networks. Whatever is trained is kept, run by run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from matplotlib.figure import Figure as Picture
from scipy.stats import ttest_ind

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.config import Experiment, load_experiment
from evocnn.report.colours import BLUE, GREY
from evocnn.report.figures import Figure
from evocnn.report.picture import write_picture
from evocnn.report.sweep import sweep_of

HERE = Path(__file__).parent
STEM = "conv16k3 · pool · "
LAYERS = f"{STEM}conv32k3 · pool · conv64k3"
HEAD = "gap"
RECIPE = "sgd lr=.05 wd=.0005 batch=64"
BASE = f"{LAYERS} | {HEAD} | {RECIPE}"
EPOCHS = "training.epochs"
SEEDS, QUICK_SEEDS = 5, 2
QUICK = ["data.images=1200", "training.epochs=2"]

# Fields, with the values that they take beside the base's own.
SWEEPS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "learning rate": {"recipe.learning_rate": [0.005, 0.02, 0.2, 0.5]},
    "batch size": {"recipe.batch_size": [16, 32, 128, 256]},
    "epochs": {EPOCHS: [4, 16, 32]},
    "kernel size": {"conv.kernel": [1, 5, 7]},
    "schedule": {"recipe.schedule": ["constant", "step", "exponential", "restarts", "cyclical", "one-cycle"]},
    "initialization": {"recipe.initialization": ["he", "xavier", "orthogonal"]},
    "dropout": {"head.dropout": [0.2, 0.5]},
    "augmentation": {
        "recipe.flip": [0.5],
        "recipe.shift": [0.05, 0.15],
        "recipe.rotate": [10],
        "recipe.elastic": [0.03],
        "recipe.noise": [0.2],
        "recipe.cutout": [0.25],
        "recipe.mixup": [0.2],
        "recipe.brightness": [0.2],
    },
}
# Changes that no single field makes.
VARIANTS: Mapping[str, Mapping[str, str]] = {
    "filters": {
        "a half": f"conv8k3 · pool · conv16k3 · pool · conv32k3 | {HEAD} | {RECIPE}",
        "twice": f"conv32k3 · pool · conv64k3 · pool · conv128k3 | {HEAD} | {RECIPE}",
        "64 in all": f"conv64k3 · pool · conv64k3 · pool · conv64k3 | {HEAD} | {RECIPE}",
    },
    "optimizer": {
        "adam .001": f"{LAYERS} | {HEAD} | adam lr=.001 batch=64",
        "adam .005": f"{LAYERS} | {HEAD} | adam lr=.005 batch=64",
        "adamw .005": f"{LAYERS} | {HEAD} | adamw lr=.005 wd=.01 batch=64",
        "rmsprop .001": f"{LAYERS} | {HEAD} | rmsprop lr=.001 batch=64",
        "muon .01": f"{LAYERS} | {HEAD} | muon lr=.01 wd=.01 batch=64",
    },
    "head": {
        "flatten": f"{LAYERS} | flatten | {RECIPE}",
        "gap dense64": f"{LAYERS} | gap dense64 | {RECIPE}",
        "flatten dense64": f"{LAYERS} | flatten dense64 | {RECIPE}",
    },
    "blocks": {
        "2 convolutions more": f"{STEM}conv32k3 · conv32k3 · pool · conv64k3 · conv64k3 | {HEAD} | {RECIPE}",
        "residual blocks": f"{STEM}res32k3 · pool · res64k3 | {HEAD} | {RECIPE}",
        "bottlenecks": f"{STEM}neck32k3 reduction=2 · pool · neck64k3 reduction=2 | {HEAD} | {RECIPE}",
        "links": f"{STEM}conv32k3 · link1 concat · pool · conv64k3 · link1 concat | {HEAD} | {RECIPE}",
    },
}


@dataclass(frozen=True)
class Effect:
    """What one change did.

    Attributes:
        factor: What was varied, as `batch size`.
        level: The value, as `16`.
        accuracies: Validation accuracy of each training that did not fail.
        base: The same without the change.
    """

    factor: str
    level: str
    accuracies: tuple[float, ...]
    base: tuple[float, ...]

    @property
    def size(self) -> float:
        """Difference between the means."""
        return fmean(self.accuracies) - fmean(self.base)

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the difference at 95 % confidence, where spreads may differ (Welch 1947)."""
        found = ttest_ind(self.accuracies, self.base, equal_var=False).confidence_interval(0.95)
        return float(found.low), float(found.high)


def study(asked: Asked) -> Mapping[str, Figure]:
    """Train whatever is missing; return the effects."""
    base = dict(trained(asked, "base", {EPOCHS: [base_epochs(asked)]}, BASE))
    accuracies = next(iter(base.values()))
    effects = [
        Effect(factor, level, found, accuracies)
        for factor, level, found in changes(asked)
        if len(found) > 1  # one that failed has no spread
    ]
    draw(effects, asked)
    asked.write("results.md", table(effects, accuracies, asked))
    tolerance = 0.15 if asked.is_quick else 0.02
    figures = {"base.validation_accuracy": Figure(fmean(accuracies), tolerance, is_exact=True)}
    figures["base.standard_deviation"] = Figure(stdev(accuracies), tolerance, is_exact=True)
    for effect in effects:
        name = f"{effect.factor}.{effect.level}".replace(" ", "_")
        figures[name] = Figure(effect.size, tolerance, is_exact=True)
    return figures


def changes(asked: Asked) -> Iterator[tuple[str, str, tuple[float, ...]]]:
    """Yield factor, level and accuracies of each change, trained now or before."""
    for factor, sweeps in SWEEPS.items():
        for gene, values in sweeps.items():
            wanted = [1, 4] if asked.is_quick and gene == EPOCHS else values
            prefix = f"{gene.partition('.')[2]} " if len(sweeps) > 1 else ""
            for level, found in trained(asked, gene, {gene: wanted}, BASE):
                yield factor, f"{prefix}{level}", found
    for factor, variants in VARIANTS.items():
        for name, text in variants.items():
            for _, found in trained(asked, f"{factor} {name}", {EPOCHS: [base_epochs(asked)]}, text):
                yield factor, name, found


def trained(
    asked: Asked, name: str, sweep: Mapping[str, Sequence[Any]], text: str
) -> list[tuple[str, tuple[float, ...]]]:
    """Return the accuracies of a network at each value of one field, trained now or before."""
    ((gene, values),) = sweep.items()
    experiment = experiment_of(asked)
    seeds = QUICK_SEEDS if asked.is_quick else SEEDS
    algorithm = {
        "use": "gene-sweep",
        "gene": gene,
        "values": list(values),
        "seeds": seeds,
        "chromosome": text,
    }
    tables = experiment.tables | {"search": {"algorithm": algorithm, "budget": len(values) * seeds}}
    run = kept_run(
        Experiment.from_dict(tables, folder=HERE),
        asked.runs / name.replace(" ", "-"),
        asked.data_of("fashion-mnist"),
        asked.workers,
    )
    return [(str(point.value), point.found["validation_accuracy"]) for point in sweep_of(run).points]


def experiment_of(asked: Asked) -> Experiment:
    """Return what all sweeps have in common."""
    return load_experiment(HERE / "experiment.toml", QUICK if asked.is_quick else [])


def base_epochs(asked: Asked) -> int:
    """Return the epochs of a training where they are not what is varied."""
    return experiment_of(asked).training.epochs


def draw(effects: Sequence[Effect], asked: Asked) -> None:
    """Draw all effects with their intervals, a dot a training."""
    picture = Picture(figsize=(9, 0.24 * len(effects) + 1.5), layout="constrained")
    axes = picture.add_subplot()
    labels, row, before = [], 0, None
    for effect in effects:
        row += 1 if before in (None, effect.factor) else 2
        before = effect.factor
        low, high = effect.interval
        axes.plot([100 * low, 100 * high], [row, row], color=BLUE, linewidth=2)
        dots = [100 * (one - fmean(effect.base)) for one in effect.accuracies]
        axes.plot(dots, [row] * len(dots), "o", color=GREY, markersize=3)
        axes.plot(100 * effect.size, row, "o", color=BLUE, markersize=6)
        labels.append((row, f"{effect.factor}: {effect.level}"))
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_yticks(*zip(*labels, strict=True), fontsize=8)
    axes.set_ylim(row + 1, 0)
    reach = 110 * max(abs(one - fmean(effect.base)) for effect in effects for one in effect.accuracies)
    axes.set_xlim(-reach, reach)
    axes.set_xlabel("change of validation accuracy against the base, points")
    axes.set_title(f"{BASE}\na dot a training; bars: 95 % intervals of the mean's difference", fontsize=9)
    axes.grid(axis="x", alpha=0.25, color=GREY)
    write_picture(picture, asked.out / "effects.png")


def table(effects: Sequence[Effect], base: Sequence[float], asked: Asked) -> list[str]:
    """Return the effects as Markdown, factor by factor."""
    settings = experiment_of(asked)
    about = (
        f"Base: `{BASE}`, {settings.data.images:,} images, {settings.training.epochs} epochs: "
        f"{fmean(base):.4f} ± {stdev(base):.4f}, n = {len(base)} seeds."
    )
    rows = [
        f"| {one.factor} | {one.level} | {one.size:+.4f} | {one.interval[0]:+.4f} to {one.interval[1]:+.4f} "
        f"| {stdev(one.accuracies):.4f} | {len(one.accuracies)} |"
        for one in effects
    ]
    titles = "| varied | to | change | 95 % interval | standard deviation | n |"
    return ["# Effects on validation accuracy", "", about, "", titles, "|---|---|---|---|---|---|", *rows]


if __name__ == "__main__":
    perform(study, __doc__)

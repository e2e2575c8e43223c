"""What matters when a small network learns Fashion-MNIST: one thing varied at a time, with its spread.

    evocnn reproduce experiments/what-matters [--quick] [--data FOLDER]

A plain network of three convolutions is trained with 15 seeds, then with five and one thing changed: a field
of its recipe, its head or its layers, or a kind of layer. The effect of a change is the difference between
the mean validation accuracies; its interval is Welch's, at 95 %, its p is corrected for all changes by Holm.
Blocks are held against as many plain convolutions, too. Augmentation and dropout, which hold a training back
that is short, are tried in one of 32 epochs, against the base trained as long, and so are four changes that
helped or were expected to. Nothing is said of other
changes together, nor of other networks. Whatever is trained is kept, run by run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from matplotlib.figure import Figure as Picture
from scipy.stats import ttest_ind

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import made_on
from evocnn.config import Experiment, load_experiment
from evocnn.report.colours import BLUE, GREY
from evocnn.report.figures import Figure
from evocnn.report.picture import write_picture
from evocnn.report.rank_test import holm
from evocnn.report.sweep import Point, sweep_of
from evocnn.runs import open_run

HERE = Path(__file__).parent
STEM = "conv16k3 · pool · "
LAYERS = f"{STEM}conv32k3 · pool · conv64k3"
HEAD = "gap"
RECIPE = "sgd lr=.2 wd=.0005 batch=64"  # of the rates of the first sweep one of the two best
BASE = f"{LAYERS} | {HEAD} | {RECIPE}"
EPOCHS = "training.epochs"
LONG, QUICK_LONG = 32, 8  # epochs
SEEDS, QUICK_SEEDS = 5, 2
BASE_SEEDS, QUICK_BASE_SEEDS = 15, 3  # of what all changes are held against
CERTAIN = 0.05
WIDTHS, LEAST = 5, 0.003  # standard errors, and points of accuracy, that an effect may differ by elsewhere
LINEAR = 2  # points of accuracy that the chart shows alike
QUICK = ["data.images=1200", "training.epochs=2"]

# Fields, with the values that they take beside the base's own.
SWEEPS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "learning rate": {"recipe.learning_rate": [0.005, 0.02, 0.05, 0.5]},
    "batch size": {"recipe.batch_size": [16, 32, 128, 256]},
    "epochs": {EPOCHS: [4, 16]},
    "kernel size": {"conv.kernel": [1, 5, 7]},
    "schedule": {"recipe.schedule": ["constant", "step", "exponential", "restarts", "cyclical", "one-cycle"]},
    "initialization": {"recipe.initialization": ["he", "xavier", "orthogonal"]},
}
# The same in a long training, which is held against the base trained as long.
LONG_SWEEPS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "long dropout": {"head.dropout": [0.2, 0.5]},
    "long augmentation": {
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
    "batch size and rate": {
        "16 at .05": f"{LAYERS} | {HEAD} | sgd lr=.05 wd=.0005 batch=16",
        "256 at .8": f"{LAYERS} | {HEAD} | sgd lr=.8 wd=.0005 batch=256",
    },
    "schedule and rate": {
        "constant at .02": f"{LAYERS} | {HEAD} | sgd lr=.02 wd=.0005 batch=64 constant",
        "constant at .05": f"{LAYERS} | {HEAD} | sgd lr=.05 wd=.0005 batch=64 constant",
    },
    "filters": {
        "a half": f"conv8k3 · pool · conv16k3 · pool · conv32k3 | {HEAD} | {RECIPE}",
        "twice": f"conv32k3 · pool · conv64k3 · pool · conv128k3 | {HEAD} | {RECIPE}",
        "64 in all": f"conv64k3 · pool · conv64k3 · pool · conv64k3 | {HEAD} | {RECIPE}",
    },
    "optimizer": {
        "adam .001": f"{LAYERS} | {HEAD} | adam lr=.001 batch=64",
        "adam .005": f"{LAYERS} | {HEAD} | adam lr=.005 batch=64",
        "adam .02": f"{LAYERS} | {HEAD} | adam lr=.02 batch=64",
        "adamw .005": f"{LAYERS} | {HEAD} | adamw lr=.005 wd=.01 batch=64",
        "adamw .02": f"{LAYERS} | {HEAD} | adamw lr=.02 wd=.01 batch=64",
        "rmsprop .001": f"{LAYERS} | {HEAD} | rmsprop lr=.001 batch=64",
        "rmsprop .005": f"{LAYERS} | {HEAD} | rmsprop lr=.005 batch=64",
        "muon .01": f"{LAYERS} | {HEAD} | muon lr=.01 wd=.01 batch=64",
        "muon .03": f"{LAYERS} | {HEAD} | muon lr=.03 wd=.01 batch=64",
    },
    "head": {
        "flatten": f"{LAYERS} | flatten | {RECIPE}",
        "flatten at .05": f"{LAYERS} | flatten | sgd lr=.05 wd=.0005 batch=64",
        "gap dense64": f"{LAYERS} | gap dense64 | {RECIPE}",
        "flatten dense64": f"{LAYERS} | flatten dense64 | {RECIPE}",
    },
    "blocks": {
        "2 convolutions more": f"{STEM}conv32k3 · conv32k3 · pool · conv64k3 · conv64k3 | {HEAD} | {RECIPE}",
        "4 convolutions more": f"{STEM}conv32k3 · conv32k3 · conv32k3 · pool · "
        f"conv64k3 · conv64k3 · conv64k3 | {HEAD} | {RECIPE}",
        "residual blocks": f"{STEM}res32k3 · pool · res64k3 | {HEAD} | {RECIPE}",
        "bottlenecks": f"{STEM}neck32k3 reduction=2 · pool · neck64k3 reduction=2 | {HEAD} | {RECIPE}",
        "links": f"{STEM}conv32k3 · link1 concat · pool · conv64k3 · link1 concat | {HEAD} | {RECIPE}",
    },
}
# Blocks, and plain layers with as many convolutions.
AS_DEEP = {"residual blocks": "2 convolutions more", "bottlenecks": "4 convolutions more"}
# Of these it is asked whether they last.
LONG_VARIANTS: Mapping[str, Mapping[str, str]] = {
    "long training": {
        name: VARIANTS[factor][name]
        for factor, name in (
            ("batch size and rate", "256 at .8"),
            ("optimizer", "muon .03"),
            ("head", "flatten"),
            ("blocks", "2 convolutions more"),
        )
    }
}
FACTORS = [
    *SWEEPS,
    *VARIANTS,
    *(f"against {plain}" for plain in AS_DEEP.values()),
    *LONG_VARIANTS,
    *LONG_SWEEPS,
]


@dataclass(frozen=True)
class Effect:
    """What one change did.

    Attributes:
        factor: What was varied, as `batch size`.
        level: The value, as `16`.
        changed: What was found with the change.
        base: What was found without it.
    """

    factor: str
    level: str
    changed: Point
    base: Point

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Validation accuracy of each training with the change that did not fail."""
        return accuracies_of(self.changed)

    @property
    def size(self) -> float:
        """Difference between the means."""
        return fmean(self.accuracies) - fmean(accuracies_of(self.base))

    @property
    def error(self) -> float:
        """Standard error of the difference."""
        both = self.accuracies, accuracies_of(self.base)
        return sqrt(sum(stdev(one) ** 2 / len(one) for one in both))

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the difference at 95 % confidence, where spreads may differ (Welch 1947)."""
        found = self._compared().confidence_interval(0.95)
        return float(found.low), float(found.high)

    @property
    def p(self) -> float:
        """How often chance alone makes a difference as large, by the same test."""
        return float(self._compared().pvalue)

    def _compared(self) -> Any:
        return ttest_ind(self.accuracies, accuracies_of(self.base), equal_var=False)


def accuracies_of(point: Point) -> tuple[float, ...]:
    """Return the validation accuracy of each training that did not fail."""
    return point.found["validation_accuracy"]


def study(asked: Asked) -> Mapping[str, Figure]:
    """Train whatever is missing; return the effects."""
    n_base = QUICK_BASE_SEEDS if asked.is_quick else BASE_SEEDS
    long = QUICK_LONG if asked.is_quick else LONG
    base = trained_once(asked, "base", BASE, n_base)
    long_base = trained_once(asked, "long base", BASE, n_base, long)
    n_seeds = QUICK_SEEDS if asked.is_quick else SEEDS
    found = [*changes(asked, n_seeds, base, long_base, long), Effect("epochs", str(long), long_base, base)]
    found.sort(key=lambda one: FACTORS.index(one.factor))
    effects = [one for one in found if len(one.accuracies) > 1]
    about = described(asked, base, long_base, long)
    draw(effects, about, asked)
    asked.write("results.md", table(found, effects, about))
    tolerance = 0.15 if asked.is_quick else 0.02
    figures = {
        "base.validation_accuracy": Figure(fmean(accuracies_of(base)), tolerance, is_exact=True),
        "base.standard_deviation": Figure(stdev(accuracies_of(base)), is_exact=True),
        "long_base.validation_accuracy": Figure(fmean(accuracies_of(long_base)), tolerance, is_exact=True),
        "training_seconds": Figure(round(training_seconds(asked.runs), 1), None, "s"),
    }
    for effect in effects:
        name = f"{effect.factor}.{effect.level}".replace(" ", "_")
        figures[name] = Figure(effect.size, max(WIDTHS * effect.error, LEAST), is_exact=True)
    return figures


def training_seconds(runs: Path) -> float:
    """Return the seconds of all trainings together."""
    folders = [folder for folder in runs.iterdir() if folder.is_dir()]
    return sum(record.evaluation.seconds for folder in folders for record in open_run(folder).records)


def changes(asked: Asked, n_seeds: int, base: Point, long_base: Point, long: int) -> Iterator[Effect]:
    """Yield each change beside what it is held against."""
    for sweeps, against, epochs in ((SWEEPS, base, None), (LONG_SWEEPS, long_base, long)):
        for factor, genes in sweeps.items():
            for gene, values in genes.items():
                prefix = f"{gene.partition('.')[2]} " if len(genes) > 1 else ""
                for level, found in trained(
                    asked, gene, {gene: values}, BASE, n_seeds=n_seeds, epochs=epochs
                ).items():
                    yield Effect(factor, f"{prefix}{level}", found, against)
    varied = {}
    for variants, against, epochs in ((VARIANTS, base, None), (LONG_VARIANTS, long_base, long)):
        for factor, texts in variants.items():
            for name, text in texts.items():
                found = trained_once(asked, f"{factor} {name}", text, n_seeds, epochs)
                varied[factor, name] = found
                yield Effect(factor, name, found, against)
    for name, plain in AS_DEEP.items():
        yield Effect(f"against {plain}", name, varied["blocks", name], varied["blocks", plain])


def trained_once(asked: Asked, name: str, text: str, n_seeds: int, epochs: int | None = None) -> Point:
    """Return what was found of a network, trained now or before."""
    wanted = epochs or experiment_of(asked).training.epochs
    (found,) = trained(asked, name, {EPOCHS: [wanted]}, text, n_seeds=n_seeds).values()
    return found


def trained(
    asked: Asked,
    name: str,
    sweep: Mapping[str, Sequence[Any]],
    text: str,
    *,
    n_seeds: int,
    epochs: int | None = None,
) -> dict[str, Point]:
    """Return what was found of a network by the values of one field, trained now or before."""
    ((gene, values),) = sweep.items()
    experiment = experiment_of(asked)
    algorithm = {
        "use": "gene-sweep",
        "gene": gene,
        "values": list(values),
        "seeds": n_seeds,
        "chromosome": text,
    }
    tables = experiment.tables | {"search": {"algorithm": algorithm, "budget": len(values) * n_seeds}}
    if epochs is not None:
        tables |= {"training": experiment.tables["training"] | {"epochs": epochs}}
    run = kept_run(
        Experiment.from_dict(tables, folder=HERE),
        asked.runs / name.replace(" ", "-"),
        asked.data_of("fashion-mnist"),
        asked.workers,
    )
    return {str(point.value): point for point in sweep_of(run).points}


def experiment_of(asked: Asked) -> Experiment:
    """Return what all sweeps have in common."""
    return load_experiment(HERE / "experiment.toml", QUICK if asked.is_quick else [])


def described(asked: Asked, base: Point, long_base: Point, long: int) -> list[str]:
    """Return what all is held against, in two lines."""
    settings = experiment_of(asked)
    shown, long_shown = (
        f"{fmean(accuracies_of(one)):.4f} ± {stdev(accuracies_of(one)):.4f}, "
        f"generalization gap {100 * fmean(one.found['generalization_gap']):.1f} points, n = {one.n}"
        for one in (base, long_base)
    )
    size = f"{base.found['parameters'][0]:,.0f} parameters"
    return [
        f"{size}; {settings.data.images:,} images, {settings.training.epochs} epochs: {shown}",
        f"long: {long} epochs, against this network trained as long: {long_shown}",
    ]


def draw(effects: Sequence[Effect], about: Sequence[str], asked: Asked) -> None:
    """Draw all effects with their intervals, a dot a training."""
    picture = Picture(figsize=(9, 0.24 * len(effects) + 2), layout="constrained")
    axes = picture.add_subplot()
    labels, row, before = [], 0, None
    for effect, p in zip(effects, holm([one.p for one in effects]), strict=True):
        row += 1 if before in (None, effect.factor) else 2
        before = effect.factor
        low, high = effect.interval
        axes.plot([100 * low, 100 * high], [row, row], color=BLUE, linewidth=2)
        dots = [100 * one for one in deviations(effect)]
        filled = BLUE if p < CERTAIN else "white"
        axes.plot(100 * effect.size, row, "o", color=BLUE, markerfacecolor=filled, markersize=6)
        axes.plot(dots, [row + 0.3] * len(dots), "o", color=GREY, markersize=2)
        labels.append((row, f"{effect.factor}: {effect.level}"))
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_yticks(*zip(*labels, strict=True), fontsize=8)
    axes.set_ylim(row + 1, 0)
    reached = [130 * one for effect in effects for one in deviations(effect)]
    axes.set_xscale("symlog", linthresh=LINEAR, linscale=2)
    ticks = [0.5, 1, 2, 5, 10, 30]
    axes.set_xticks([*(-tick for tick in ticks), 0, *ticks])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(min(reached), max(reached))
    axes.set_xlabel(f"change of validation accuracy, points; beyond {LINEAR} on a logarithmic scale")
    explained = "a dot a training; bars: 95 % intervals of the mean's difference; filled: p < .05 by Holm"
    picture.suptitle("\n".join([BASE, *about, explained]), fontsize=9)
    axes.grid(axis="x", alpha=0.25, color=GREY)
    write_picture(picture, asked.out / "effects.png")


def deviations(effect: Effect) -> list[float]:
    """Return how far each training with the change is from the mean without it."""
    mean = fmean(accuracies_of(effect.base))
    return [one - mean for one in effect.accuracies]


def table(found: Sequence[Effect], effects: Sequence[Effect], about: Sequence[str]) -> list[str]:
    """Return the effects as Markdown, and the changes that have none since trainings failed."""
    rows = [
        f"| {one.factor} | {one.level} | {100 * one.size:+.2f} "
        f"| {100 * one.interval[0]:+.2f} to {100 * one.interval[1]:+.2f} "
        f"| {p:.2g} | {100 * stdev(one.accuracies):.2f} "
        f"| {100 * fmean(one.changed.found['generalization_gap']):.1f} "
        f"| {one.changed.found['parameters'][0]:,.0f} | {one.changed.found['flops'][0] / 1e6:.1f} "
        f"| {one.changed.n} | {one.changed.n_failed} |"
        for one, p in zip(effects, holm([one.p for one in effects]), strict=True)
    ]
    titles = (
        "| varied | to | change, points | 95 % interval | p, Holm | standard deviation, points "
        "| generalization gap, points | parameters | MFLOPs | n | failed |"
    )
    lines = "|---|---|---|---|---|---|---|---|---|---|---|"
    lost = [
        f"- {one.factor}, {one.level}: {one.changed.n_failed} trainings failed, too many to compare"
        for one in found
        if one not in effects
    ]
    return [
        "# Effects on validation accuracy",
        "",
        "Welch's intervals; p is corrected for all rows by Holm. FLOPs are those of one image, forward.",
        "",
        f"Base: `{BASE}`, {'; '.join(about)}.",
        "",
        titles,
        lines,
        *rows,
        "",
        *lost,
        "",
        made_on(),
    ]


if __name__ == "__main__":
    perform(study, __doc__)

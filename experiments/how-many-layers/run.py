"""How many layers does Fashion-MNIST need? Asked of five methods with equal budgets, at three sizes.

    evocnn reproduce experiments/how-many-layers [--quick] [--data FOLDER]

The default search, TPE, random search, a grid and the manual depth sweep search one space with one trainer,
for as many epochs, with 1,000, 5,000 and 20,000 training images, five seeds each. The grid is the one that a
person would lay out: plain networks of 1 to 8 convolutions at two learning rates; one over the whole space
would not get beyond two layers. The sweep ends by itself once two layers more did not help.

What a search recommends is the shallowest of the networks it trained in full whose validation accuracy is
within one standard error of its best: deeper ones may have been lucky. The same is asked again of the same
runs with a bound on the generalization gap; nothing is trained for that.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from matplotlib.figure import Figure as Picture

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import made_on
from evocnn.config import Experiment, load_experiment
from evocnn.config.parts import space_of
from evocnn.genotype import LAYERS, Chromosome, Pool, baseline
from evocnn.report.colours import BLUE, GREY
from evocnn.report.figures import Figure
from evocnn.report.front_table import escaped
from evocnn.report.picture import write_picture
from evocnn.runs import Run
from evocnn.store import Record, selectable

FILE = Path(__file__).parent / "experiment.toml"
N_VALIDATION = 2_000
TRAININGS = 12  # in full, that the budget of a search pays for
BOUND = 0.02  # on the gap: two points
GRID_DEPTHS, GRID_RATES = (1, 2, 3, 4, 6, 8), (0.02, 0.1)
ARMS = ("nsga2", "tpe", "random", "grid", "depth-sweep")
SEEDS, QUICK_SEEDS = 5, 2
TITLES = (
    *("training images", "method", "layers", "validation accuracy", "gap", "parameters"),
    *("layers within the bound", "epochs", "seconds", "looked at"),
)


@dataclass(frozen=True)
class Setting:
    """How much there is to learn from.

    Attributes:
        n_training: Training images.
        epochs: Of a full training; more where there are fewer images, for a step is what learns.
    """

    n_training: int
    epochs: int


SETTINGS = (Setting(1_000, 25), Setting(5_000, 10), Setting(20_000, 5))
QUICK = (Setting(500, 4),)


@dataclass(frozen=True)
class Answer:
    """What one search recommends.

    Attributes:
        n_layers: Convolutions and the last linear layer; None where no network keeps the bound.
        accuracy: Its validation accuracy.
        gap: Its generalization gap.
        n_parameters: Its size.
        text: The network.
    """

    n_layers: int | None
    accuracy: float = 0.0
    gap: float = 0.0
    n_parameters: int = 0
    text: str = ""


def experiment_of(arm: str, setting: Setting, seed: int) -> Experiment:
    """Return the search of an arm; they differ in the algorithm, the grid in its founders, too."""
    n_images = setting.n_training + N_VALIDATION
    settings = [
        f"seed={seed}",
        f"data.images={n_images}",
        f"data.validation={N_VALIDATION / n_images}",
        f"training.epochs={setting.epochs}",
        f"search.budget='{TRAININGS * setting.epochs} epochs'",
        f"search.algorithm='{arm}'",
    ]
    experiment = load_experiment(FILE, settings)
    if arm != "grid":
        return experiment
    tables: dict[str, Any] = dict(experiment.tables)
    tables["space"] = {**tables["space"], "founders": grid_of(experiment)}
    tables["search"] = {**tables["search"], "algorithm": {"use": "grid", "limit": 10**15}}
    return Experiment.from_dict(tables, folder=FILE.parent)


def grid_of(experiment: Experiment) -> list[str]:
    """Return plain networks, of each depth with each learning rate."""
    space = space_of(experiment, (1, 14, 14), 10)
    plain = [baseline(space, n) for n in GRID_DEPTHS]
    return [
        f"{one.text.rpartition(' | ')[0]} | sgd lr={rate} wd=.0005 batch=64"
        for one in plain
        for rate in GRID_RATES
    ]


def answer_of(run: Run, bound: float | None = None) -> Answer:
    """Return what a search recommends, of all networks or of those whose gap keeps a bound."""
    networks = [
        record
        for record, _ in selectable(run.records, run.objectives)
        if bound is None or record.metrics["generalization_gap"] <= bound
    ]
    if not networks:
        return Answer(None)
    best = max(record.metrics["validation_accuracy"] for record in networks)
    error = sqrt(best * (1 - best) / run.manifest["data"]["n_validation"])
    good = [one for one in networks if one.metrics["validation_accuracy"] >= best - error]
    chosen = min(good, key=lambda one: (n_layers(one), -one.metrics["validation_accuracy"]))
    figures = chosen.metrics
    return Answer(
        n_layers(chosen),
        figures["validation_accuracy"],
        figures["generalization_gap"],
        int(figures["parameters"]),
        chosen.text,
    )


def n_layers(record: Record) -> int:
    """Return how many layers of a network have weights, the last linear one included."""
    chromosome = Chromosome.from_json(record.genome, LAYERS)
    return 1 + sum(not isinstance(gene, Pool) for gene in chromosome.layers)


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search whatever is missing; return which depth each recommends and what it cost."""
    settings, n_seeds = (QUICK, QUICK_SEEDS) if asked.is_quick else (SETTINGS, SEEDS)
    data = asked.data_of("fashion-mnist")
    runs: dict[tuple[int, str], list[Run]] = {}
    for seed in range(1, n_seeds + 1):
        for setting in settings:
            for arm in ARMS:
                folder = asked.runs / f"{setting.n_training}" / arm / str(seed)
                run = kept_run(experiment_of(arm, setting, seed), folder, data, asked.workers)
                runs.setdefault((setting.n_training, arm), []).append(run)
    answers = {key: [answer_of(run) for run in found] for key, found in runs.items()}
    bounded = {key: [answer_of(run, BOUND) for run in found] for key, found in runs.items()}
    asked.write("results.md", table(runs, answers, bounded))
    draw(answers, asked.out / "layers.png")
    return figures_of(runs, answers, bounded, is_quick=asked.is_quick)


Key = tuple[int, str]  # training images and arm


def figures_of(
    runs: Mapping[Key, Sequence[Run]],
    answers: Mapping[Key, Sequence[Answer]],
    bounded: Mapping[Key, Sequence[Answer]],
    *,
    is_quick: bool,
) -> dict[str, Figure]:
    """Return the figures by number of training images and arm."""
    figures = {}
    for key, found in runs.items():
        name = ".".join(map(str, key))
        mean = fmean(one.accuracy for one in answers[key])
        layers = [one.n_layers for one in answers[key] if one.n_layers is not None]
        figures[f"{name}.validation_accuracy"] = Figure(mean, 0.1 if is_quick else 0.02, is_exact=True)
        if layers:
            figures[f"{name}.layers"] = Figure(median(layers), 3, is_exact=True)
        kept = [one.n_layers for one in bounded[key] if one.n_layers is not None]
        figures[f"{name}.keep_bound"] = Figure(len(kept), len(found), is_exact=True)
        if kept:
            figures[f"{name}.layers_within_bound"] = Figure(median(kept), 3, is_exact=True)
        figures[f"{name}.epochs"] = Figure(fmean(run.n_epochs for run in found), 200, is_exact=True)
        figures[f"{name}.seconds"] = Figure(round(fmean(map(seconds_of, found)), 1), None, "s")
    return figures


def seconds_of(run: Run) -> float:
    """Return the seconds of training that a run took, all workers together."""
    return sum(record.evaluation.seconds for record in run.records if record.reused_from is None)


def table(
    runs: Mapping[Key, Sequence[Run]],
    answers: Mapping[Key, Sequence[Answer]],
    bounded: Mapping[Key, Sequence[Answer]],
) -> list[str]:
    """Return the answers as Markdown, and the networks that they are of."""
    rows, networks = [], []
    for (n_training, arm), found in runs.items():
        own = answers[n_training, arm]
        accuracies = [one.accuracy for one in own]
        spread = f" ± {stdev(accuracies):.4f}" if len(accuracies) > 1 else ""
        n_seen = median(len(run.candidates) for run in found)
        rows.append(
            f"| {n_training:,} | {arm} | {depths(own)} | {fmean(accuracies):.4f}{spread} "
            f"| {fmean(one.gap for one in own):.4f} | {median(one.n_parameters for one in own):,.0f} "
            f"| {depths(bounded[n_training, arm])} | {fmean(run.n_epochs for run in found):.0f} "
            f"| {fmean(map(seconds_of, found)):,.0f} | {n_seen:g} |"
        )
        networks += [
            f"- {n_training:,}, {arm}, seed {seed}: `{escaped(one.text)}`" for seed, one in enumerate(own, 1)
        ]
    n = len(next(iter(runs.values())))
    return [
        "# How many layers each method recommends",
        "",
        f"Layers with weights, the last linear one included: how often over n = {n} seeds. Accuracy is",
        "that of validation images, which chose the network: a little too good. Epochs and seconds of",
        f"training are means of a search. Within the bound: gap at most {BOUND}; none where no network of a",
        "search keeps it.",
        "",
        f"| {' | '.join(TITLES)} |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        "Networks recommended:",
        "",
        *networks,
        "",
        made_on(),
    ]


def depths(answers: Sequence[Answer]) -> str:
    """Return how often each number of layers was recommended, as `4 (3), 5 (2)`."""
    counts = Counter("none" if one.n_layers is None else str(one.n_layers) for one in answers)
    return ", ".join(f"{depth} ({n})" for depth, n in sorted(counts.items()))


def draw(answers: Mapping[Key, Sequence[Answer]], path: Path) -> None:
    """Draw what was recommended by training images, a dot a search, a bar at the median."""
    sizes = list(dict.fromkeys(n_training for n_training, _ in answers))
    picture = Picture(figsize=(2.6 * len(sizes) + 1, 3), layout="constrained")
    plots = picture.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for axes, size in zip(plots, sizes, strict=True):
        for place, arm in enumerate(ARMS):
            layers = [one.n_layers for one in answers[size, arm] if one.n_layers is not None]
            shifts = [place + 0.08 * (n - (len(layers) - 1) / 2) for n in range(len(layers))]
            axes.plot(shifts, layers, "o", color=GREY, markersize=4)
            if layers:
                axes.plot([place - 0.3, place + 0.3], [median(layers)] * 2, color=BLUE, linewidth=2)
        axes.set_xticks(range(len(ARMS)), ARMS, rotation=45, ha="right", fontsize=8)
        axes.set_title(f"{size:,} training images", fontsize=9)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", alpha=0.25, color=GREY)
    plots[0].set_ylabel("layers recommended")
    write_picture(picture, path)


if __name__ == "__main__":
    perform(study, __doc__)

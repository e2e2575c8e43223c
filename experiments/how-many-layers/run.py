"""How many layers does Fashion-MNIST need? Asked of five methods with equal budgets, at three sizes.

    evocnn reproduce experiments/how-many-layers [--quick] [--data FOLDER]

The default search, TPE, random search, a grid and the manual depth sweep search one space with one trainer,
for as many epochs, with 1,000, 5,000 and 20,000 training images, five seeds each. The grid is the one that a
person would lay out: plain networks of 1 to 8 convolutions at three learning rates; one over the whole space
would not get beyond two layers. The sweep ends by itself once two layers more did not help.

What a search recommends is the shallowest of the networks it trained in full whose validation accuracy is
within one standard error of its best: deeper ones may have been lucky. That network is trained once more on
the same images, and tested. The same is asked again of the same runs with bounds on the generalization gap;
nothing is trained for that. With 5,000 images the default search is also run under such a bound from the
start.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, median
from typing import Any

from matplotlib.figure import Figure as Picture

from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import Tested, made_on, tested_in_full
from evocnn.config import Experiment, load_experiment
from evocnn.config.parts import space_of
from evocnn.errors import ExperimentError
from evocnn.genotype import LAYERS, Chromosome, Pool, unlimited_baseline
from evocnn.report.colours import BLUE, GREY
from evocnn.report.figures import Figure
from evocnn.report.front_table import escaped, n_full
from evocnn.report.paired_difference import PairedDifference, mean_and_deviation, paired_difference
from evocnn.report.picture import write_picture
from evocnn.report.rank_test import holm
from evocnn.runs import Run
from evocnn.store import Record, selectable

FILE = Path(__file__).parent / "experiment.toml"
N_VALIDATION = 2_000
BOUNDS = (0.1, 0.05, 0.02)  # on the gap, which has a standard error of about 0.01
GRID_DEPTHS, GRID_RATES, GRID_FILTERS = range(1, 9), (0.02, 0.05, 0.1), 16
CONTROL = "random"
ARMS = ("nsga2", "tpe", CONTROL, "grid", "depth-sweep")
BOUNDED, BOUND = "nsga2 bounded", 0.05  # from the start, where there are as many images as these
BOUNDED_IMAGES = 5_000
SEEDS, QUICK_SEEDS = 5, 2
MARKS = ("o-", "s--", "^:", "v-.", "x-", "d-")  # of the arms
TITLES = (
    *("training images", "method", "layers", "test accuracy", "validation accuracy", "gap", "parameters"),
    *("epochs", "seconds", "looked at", "trained in full"),
)


@dataclass(frozen=True)
class Setting:
    """How much there is to learn from.

    Attributes:
        n_training: Training images.
        epochs: Of a full training; more where there are fewer images, for a step is what learns.
        n_trainings: In full, that the budget of a search pays for.
    """

    n_training: int
    epochs: int
    n_trainings: int = 24


SETTINGS = (Setting(1_000, 20), Setting(BOUNDED_IMAGES, 8), Setting(20_000, 4))
QUICK = (Setting(500, 4, 8),)


def arms_of(setting: Setting) -> tuple[str, ...]:
    """Return the arms of a setting."""
    return (*ARMS, BOUNDED) if setting.n_training == BOUNDED_IMAGES else ARMS


def experiment_of(arm: str, setting: Setting, seed: int) -> Experiment:
    """Return the search of an arm; they differ in the algorithm, the grid in its founders, one in a bound."""
    n_images = setting.n_training + N_VALIDATION
    settings = [
        f"seed={seed}",
        f"data.images={n_images}",
        f"data.validation={N_VALIDATION / n_images}",
        f"training.epochs={setting.epochs}",
        f"search.budget='{setting.n_trainings * setting.epochs} epochs'",
        f"search.algorithm='{arm.removesuffix(' bounded')}'",
    ]
    if arm == BOUNDED:
        settings.append(f"objectives.generalization_gap.ceiling={BOUND}")
    experiment = load_experiment(FILE, settings)
    if arm != "grid":
        return experiment
    tables: dict[str, Any] = dict(experiment.tables)
    tables["space"] = {**tables["space"], "founders": grid_of(experiment)}
    tables["search"] = {**tables["search"], "algorithm": {"use": "grid", "limit": 10**15}}
    return Experiment.from_dict(tables, folder=FILE.parent)


def grid_of(experiment: Experiment) -> list[str]:
    """Return plain networks of one width, of each depth with each learning rate."""
    space = space_of(experiment, (1, 14, 14), 10)
    plain = [unlimited_baseline(space, n, GRID_FILTERS) for n in GRID_DEPTHS]
    return [
        f"{one.text.rpartition(' | ')[0]} | sgd lr={rate} wd=.0005 batch=64"
        for one in plain
        for rate in GRID_RATES
    ]


def recommended(run: Run, bound: float | None = None) -> Record | None:
    """Return the network that a search recommends, of those whose gap keeps a bound; None where none does."""
    networks = [
        record
        for record, _ in selectable(run.records, run.objectives)
        if bound is None or record.metrics["generalization_gap"] <= bound
    ]
    if not networks:
        return None
    best = max(record.metrics["validation_accuracy"] for record in networks)
    error = sqrt(best * (1 - best) / run.manifest["data"]["n_validation"])
    good = [one for one in networks if one.metrics["validation_accuracy"] >= best - error]
    return min(good, key=lambda one: (n_layers(one), -one.metrics["validation_accuracy"], one.ticket))


def n_layers(record: Record) -> int:
    """Return how many layers of a network have weights, the last linear one included."""
    chromosome = Chromosome.from_json(record.genome, LAYERS)
    return 1 + sum(not isinstance(gene, Pool) for gene in chromosome.layers)


@dataclass(frozen=True)
class Answer:
    """What one search says.

    Attributes:
        run: The search.
        record: The network that it recommends.
        tested: The same, trained once more and tested.
        bounded: What it recommends under each bound; None where no network keeps it.
    """

    run: Run
    record: Record
    tested: Tested
    bounded: tuple[Record | None, ...]

    @property
    def n_layers(self) -> int:
        """Layers of the network."""
        return n_layers(self.record)

    @property
    def seconds(self) -> float:
        """Seconds of training that the search took, all workers together."""
        return sum(one.evaluation.seconds for one in self.run.records if one.reused_from is None)


Key = tuple[int, str]  # training images and arm
Answers = Mapping[Key, Sequence[Answer]]  # one a seed


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search, train and test whatever is missing; return which depth each recommends and what it cost."""
    settings, n_seeds = (QUICK, QUICK_SEEDS) if asked.is_quick else (SETTINGS, SEEDS)
    answers: dict[Key, list[Answer]] = {}
    for seed in range(1, n_seeds + 1):
        for setting in settings:
            for arm in arms_of(setting):
                answer = answer_of(arm, setting, seed, asked)
                answers.setdefault((setting.n_training, arm), []).append(answer)
    tables = [*table(answers), *tests_table(answers), *bounds_table(answers), *networks(answers)]
    asked.write("results.md", [*tables, made_on()])
    draw(answers, asked.out / "layers.png")
    return figures_of(answers, is_quick=asked.is_quick)


def answer_of(arm: str, setting: Setting, seed: int, asked: Asked) -> Answer:
    """Search, train what is recommended once more and test it, unless that was done before.

    Raises:
        ExperimentError: No network was trained in full without failure.
    """
    data = asked.data_of("fashion-mnist")
    folder = asked.runs / f"{setting.n_training}" / arm / str(seed)
    run = kept_run(experiment_of(arm, setting, seed), folder, data, asked.workers)
    record = recommended(run)
    if record is None:
        message = f"a search must train a network in full, but '{folder}' holds none; raise the budget"
        raise ExperimentError(message)
    (tested,) = tested_in_full(
        run, {"recommended": record}, data, asked.workers, setting.epochs, all_data=False
    )
    return Answer(run, record, tested, tuple(recommended(run, bound) for bound in BOUNDS))


def figures_of(answers: Answers, *, is_quick: bool) -> dict[str, Figure]:
    """Return the figures by number of training images and arm."""
    figures = {}
    for key, found in answers.items():
        name, tolerance = ".".join(map(str, key)).replace(" ", "-"), 0.15 if is_quick else 0.03
        test = fmean(one.tested.accuracy for one in found)
        figures[f"{name}.test_accuracy"] = Figure(test, tolerance, is_exact=True)
        figures[f"{name}.layers"] = Figure(median(one.n_layers for one in found), 3, is_exact=True)
        for place, bound in enumerate(BOUNDS):
            kept = sum(one.bounded[place] is not None for one in found)
            figures[f"{name}.keep_{bound}"] = Figure(kept, None if is_quick else 2, is_exact=True)
        epochs = fmean(one.run.n_epochs for one in found)
        figures[f"{name}.epochs"] = Figure(epochs, 0.25 * epochs, is_exact=True)
        figures[f"{name}.seconds"] = Figure(round(fmean(one.seconds for one in found), 1), None, "s")
    for (n_training, arm), test in against_control(answers).items():
        least = 0.15 if is_quick else 0.02
        figures[f"{n_training}.{arm}.above_{CONTROL}".replace(" ", "-")] = test.figure(least)
    return figures


def against_control(answers: Answers) -> dict[Key, PairedDifference]:
    """Return by how much the test accuracy of each arm is above the control's, seed by seed."""
    tests = {key: [one.tested.accuracy for one in found] for key, found in answers.items()}
    return {
        (n_training, arm): paired_difference(found, tests[n_training, CONTROL])
        for (n_training, arm), found in tests.items()
        if arm != CONTROL
    }


def tests_table(answers: Answers) -> list[str]:
    """Return the test accuracies against the control's, as Markdown."""
    tests = against_control(answers)
    corrected = holm([test.p for test in tests.values()])
    rows = [
        f"| {n_training:,} | {arm} | {test} | {p:.2g} |"
        for ((n_training, arm), test), p in zip(tests.items(), corrected, strict=True)
    ]
    return [
        f"## Test accuracy above that of {CONTROL} search",
        "",
        "Paired by seed: mean and 95 % interval (Student); p is corrected for all rows by Holm.",
        "",
        "| training images | method | difference | p, Holm |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def table(answers: Answers) -> list[str]:
    """Return what is recommended and what it cost, as Markdown."""
    rows = []
    for (n_training, arm), found in answers.items():
        tests = [one.tested.accuracy for one in found]
        metrics = [one.record.metrics for one in found]
        rows.append(
            f"| {n_training:,} | {arm} | {counted(one.n_layers for one in found)} "
            f"| {mean_and_deviation(tests)} "
            f"| {fmean(one['validation_accuracy'] for one in metrics):.4f} "
            f"| {fmean(one['generalization_gap'] for one in metrics):.4f} "
            f"| {median(one['parameters'] for one in metrics):,.0f} "
            f"| {fmean(one.run.n_epochs for one in found):.0f} | {fmean(one.seconds for one in found):,.0f} "
            f"| {median(len(one.run.candidates) for one in found):g} "
            f"| {median(n_full(one.run) for one in found):g} |"
        )
    n = len(next(iter(answers.values())))
    return [
        "# How many layers each method recommends",
        "",
        f"Layers with weights, the last linear one included: how often over n = {n} seeds. Validation",
        "accuracy is that of the images which chose the network, so it is too good, and the more so the more",
        "networks were trained in full; test accuracy is that of the same network trained once more on the",
        "same images, mean ± standard deviation. Epochs and seconds of training are means of a search.",
        "",
        f"| {' | '.join(TITLES)} |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def bounds_table(answers: Answers) -> list[str]:
    """Return how many layers are recommended where the gap has a bound, as Markdown."""
    titles = ["no bound", *(f"at most {bound}" for bound in BOUNDS)]
    rows = []
    for (n_training, arm), found in answers.items():
        columns = [[one.record for one in found], *zip(*(one.bounded for one in found), strict=True)]
        rows.append(f"| {n_training:,} | {arm} | {' | '.join(map(kept_text, columns))} |")
    return [
        "## With a bound on the generalization gap",
        "",
        "The same searches, asked again: layers of the shallowest network within a standard error of the",
        "best of those that keep the bound, none where no network of a search does; behind them the mean",
        "validation accuracy.",
        "",
        f"| training images | method | {' | '.join(titles)} |",
        f"|---|---|{'---|' * len(titles)}",
        *rows,
        "",
    ]


def kept_text(records: Sequence[Record | None]) -> str:
    """Return how deep the networks of a cell are, and their mean accuracy, as `4 (3), none (2): 0.87`."""
    depths = counted(0 if one is None else n_layers(one) for one in records)
    accuracies = [one.metrics["validation_accuracy"] for one in records if one is not None]
    return f"{depths}: {fmean(accuracies):.3f}" if accuracies else depths


def networks(answers: Answers) -> list[str]:
    """Return which networks are recommended, as Markdown."""
    lines = [
        f"- {n_training:,}, {arm}, seed {seed}: `{escaped(one.record.text)}`"
        for (n_training, arm), found in answers.items()
        for seed, one in enumerate(found, 1)
    ]
    return ["## Networks recommended", "", *lines, ""]


def counted(layers: Iterable[int]) -> str:
    """Return how often each number of layers was recommended, as `4 (3), 5 (2)`."""
    counts = sorted(Counter(layers).items())
    return ", ".join(f"{depth or 'none'} ({n})" for depth, n in counts)


def draw(answers: Answers, path: Path) -> None:
    """Draw what was recommended, a dot a search, a bar at the median; below, what bounds on the gap do."""
    sizes = list(dict.fromkeys(n_training for n_training, _ in answers))
    picture = Picture(figsize=(2.6 * len(sizes) + 1.6, 5.6), layout="constrained")
    plots = picture.subplots(2, len(sizes), sharey=True, squeeze=False)
    for axes, below, size in zip(*plots, sizes, strict=True):
        arms = [arm for n_training, arm in answers if n_training == size]
        for place, arm in enumerate(arms):
            layers = [one.n_layers for one in answers[size, arm]]
            shifts = [place + 0.08 * (n - (len(layers) - 1) / 2) for n in range(len(layers))]
            axes.plot(shifts, layers, "o", color=GREY, markersize=4)
            axes.plot([place - 0.3, place + 0.3], [median(layers)] * 2, color=BLUE, linewidth=2)
            columns = list(zip(*(one.bounded for one in answers[size, arm]), strict=True))
            kept = [[n_layers(record) for record in column if record] for column in columns]
            medians = [median(depths) if depths else None for depths in kept]
            below.plot(range(len(BOUNDS) + 1), [median(layers), *medians], MARKS[place], label=arm)
        axes.set_xticks(range(len(arms)), arms, rotation=45, ha="right", fontsize=8)
        axes.set_title(f"{size:,} training images", fontsize=9)
        below.set_xticks(range(len(BOUNDS) + 1), ["none", *map(str, BOUNDS)], fontsize=8)
        below.set_xlabel("bound on the gap", fontsize=8)
        for each in (axes, below):
            each.set_ylim(bottom=0)
            each.grid(axis="y", alpha=0.25, color=GREY)
    plots[0][0].set_ylabel("layers recommended")
    plots[1][0].set_ylabel("median of those\nthat keep the bound")
    max(plots[1], key=lambda axes: len(axes.lines)).legend(fontsize=7)
    write_picture(picture, path)


if __name__ == "__main__":
    perform(study, __doc__)

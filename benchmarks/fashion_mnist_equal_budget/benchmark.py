"""Claim: on real training the default search finds better fronts than random search, TPE and a depth sweep.

    evocnn reproduce benchmarks/fashion_mnist_equal_budget [--quick] [--data FOLDER]

Every arm searches the space of experiments/fashion-mnist for its objectives validation accuracy, with
its floor, and number of parameters (log scale), with 10,000 training images, 2,500 validation images and
the same window, on the same seeds, until the same number of epochs is spent by all candidates together.
The default is what an experiment gets that names no algorithm; it trains by rungs. The controls train
every candidate in full, as their inventors do. Random search draws from the default's own founders; TPE
is Optuna's, multi-objective, with Optuna's defaults. The depth sweep ends by itself, and keeps what it
had then.

Runs are kept, and a second call goes on where the first was stopped. Fashion-MNIST is read from the
folder of its IDX files, or downloaded into the cache. The curves are drawn into climb.svg.
"""

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import evocnn
from evocnn.cli.study import Asked, perform
from evocnn.config import Experiment
from evocnn.report.arm_tests import SIGNIFICANT
from evocnn.report.climb import HYPERVOLUME
from evocnn.report.comparison import ComparedArm, Comparison, compare
from evocnn.report.comparison_plot import plot_comparison
from evocnn.report.figures import Figure
from evocnn.runs.arms import Arm
from evocnn.store import environment

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))
from fidelity.benchmark import searched  # noqa: E402 - beside this one

EXPERIMENT = HERE.parents[1] / "experiments" / "fashion-mnist" / "experiment.toml"
OBJECTIVES = ("validation_accuracy", "parameters")
DEFAULT = "default"
ARMS = {DEFAULT: {}, **{name: {"algorithm": name} for name in ("random", "tpe", "depth-sweep")}}
WINDOW = 4
VALIDATION = 0.2
SHOWN = (1 / 3, 2 / 3, 1)  # of the epochs
SEEDS, QUICK_SEEDS = 5, 2


@dataclass(frozen=True)
class Setting:
    """How much is trained.

    Attributes:
        images: Training and validation images together.
        epochs: Epochs of full training.
        budget: Epochs of all candidates of a run together.
        population: Of the default.
    """

    images: int
    epochs: int
    budget: int
    population: int


# As many epochs as 30 full trainings; 3.3 s of one core each, so a run takes about ten minutes of one.
FULL = Setting(images=12_500, epochs=6, budget=180, population=24)
QUICK = Setting(images=2_000, epochs=4, budget=16, population=4)


def experiment_of(arm: str, seed: int, setting: Setting) -> Experiment:
    """Return the search of an arm."""
    tables = tomllib.loads(EXPERIMENT.read_text(encoding="utf-8"))
    return Experiment.from_dict(
        {
            **tables,
            "seed": seed,
            "data": {**tables["data"], "images": setting.images, "validation": VALIDATION},
            "objectives": {name: tables["objectives"][name] for name in OBJECTIVES},
            "training": {**tables["training"], "epochs": setting.epochs},
            "search": {
                "population": setting.population,
                "window": WINDOW,
                "budget": f"{setting.budget} epochs",
                **ARMS[arm],
            },
        }
    )


def reached(arm: ComparedArm, measure: str, share: float) -> str:
    """Return the median and quartiles of a measure after a share of the epochs."""
    quartiles = arm.curves[measure].quartiles
    low, middle, high = quartiles[:, round(share * quartiles.shape[1]) - 1]
    return f"{middle:.4f} [{low:.4f}, {high:.4f}]"


def section(comparison: Comparison, measure: str) -> str:
    """Return what the arms reached in a measure, as a heading and a table."""
    tests = {test.other: test for test in comparison.tests if test.measure == measure}
    heads = " | ".join(f"{share * comparison.end:.0f} epochs" for share in SHOWN)
    lines = [
        f"## {measure.replace('_', ' ').capitalize()}",
        "",
        f"| arm | {heads} | p | p, Holm | default is better |",
        "|---|---|---|---|---|---|---|",
    ]
    for arm in comparison.arms:
        cells = [arm.name, *(reached(arm, measure, share) for share in SHOWN)]
        if arm.name in tests:
            test = tests[arm.name]
            cells += [f"{test.p:.2g}", f"{test.p_corrected:.2g}", f"{1 - test.superiority:.2f}"]
        else:
            cells += ["", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def cost_row(arm: Arm) -> str:
    """Return what the runs of an arm cost, as a line of a table."""
    n_epochs = median(run.n_epochs for run in arm.runs)
    n_seen = median(len(run.candidates) for run in arm.runs)
    n_full = median(sum(record.is_full for record in run.candidates) for run in arm.runs)
    seconds = median(
        sum(record.evaluation.seconds for record in run.records if record.reused_from is None)
        for run in arm.runs
    )
    return f"| {arm.name} | {n_epochs:g} | {n_seen:g} / {n_full:g} | {seconds / 60:.1f} |"


def report(arms: list[Arm], comparison: Comparison, setting: Setting, runs: Path) -> str:
    """Return the results as Markdown."""
    where = environment()
    verdicts = ", ".join(
        f"{test.other} {'met' if test.p_corrected < SIGNIFICANT and test.superiority < 0.5 else 'missed'}"
        for test in comparison.tests
        if test.measure == HYPERVOLUME
    )
    claims = "\n".join(f"- {test.claim}." for test in comparison.tests)
    notes = "\n".join(f"- {note.replace(f'{runs}{os.sep}', '')}." for note in comparison.notes)
    reference = ", ".join(f"{name} {value:g}" for name, value in comparison.reference_point.items())
    tables = "\n\n".join(section(comparison, measure) for measure in comparison.measures)
    costs = "\n".join(cost_row(arm) for arm in arms)
    n_validation = round(VALIDATION * setting.images)
    commits = sorted({run.manifest["environment"]["commit"] for arm in arms for run in arm.runs})
    return f"""# The default against its controls at equal epochs

Fashion-MNIST, {setting.images - n_validation:,} training and {n_validation:,} validation images, the space of
experiments/fashion-mnist. Full training has {setting.epochs} epochs, a run {setting.budget} in total. The
default has rungs and a population of {setting.population}; random search, TPE (Optuna {where["optuna"]}) and
the depth sweep train all in full. Window {WINDOW}. Hypervolume of validation accuracy and log10 of
parameters, up to {reference}.

Median [quartiles] over n = {len(arms[0].runs)} seeds each. p: against the default at the end, Mann-Whitney,
two-sided, alone and with Holm's correction for {len(comparison.tests)} tests. The last column is the
probability that a run of the default beats one of the control.

{tables}

![Hypervolume and best accuracy by epochs](climb.svg)

Bar: a better hypervolume than every control, p < {SIGNIFICANT} after correction: {verdicts}.

{claims}

## Cost

Medians over seeds; minutes of training are those of all workers together.

| arm | epochs | looked at / in full | minutes |
|---|---|---|---|
{costs}

{notes}

Command: `evocnn reproduce benchmarks/fashion_mnist_equal_budget`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, torch {where["torch"]}, commits of the runs:
{", ".join(commits)}.
"""


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search with every arm, seed by seed, write table and picture, and return the figures."""
    setting, n_seeds = (QUICK, QUICK_SEEDS) if asked.is_quick else (FULL, SEEDS)
    runs: dict[str, list[evocnn.Run]] = {name: [] for name in ARMS}
    for seed in range(1, n_seeds + 1):
        for name, done in runs.items():
            folder = asked.runs / name / str(seed)
            data = asked.data_of("fashion-mnist")
            done.append(searched(experiment_of(name, seed, setting), folder, asked.workers, data))
            print(name, seed, f"hypervolume {done[-1].front.hypervolume:.4f}", flush=True)
    arms = [Arm(name, tuple(done)) for name, done in runs.items()]
    comparison = compare(arms, "epochs")
    asked.write("results.md", report(arms, comparison, setting, asked.runs).splitlines())
    plot_comparison(comparison, asked.out / "climb.svg")
    return {
        f"{arm.name}.{measure}".replace(" ", "_"): Figure(
            float(arm.curves[measure].quartiles[1, -1]), tolerance
        )
        for arm in comparison.arms
        for measure, tolerance in zip(comparison.measures, (0.3, 0.05), strict=True)
    }


if __name__ == "__main__":
    perform(study, __doc__)

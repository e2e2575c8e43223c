"""Claim: on real training the default search finds better fronts than random search, TPE and a depth sweep.

    .venv/bin/python benchmarks/fashion_mnist_equal_budget/benchmark.py --runs FOLDER [--data FASHION_MNIST]
        [--seeds 5] [--workers 0] [--write]

Every arm searches the space of experiments/fashion-mnist for its objectives validation accuracy, with
its floor, and number of parameters (log scale), with 10,000 training images, 2,500 validation images and
the same window, on the same seeds, until the same number of epochs is spent by all candidates together.
The default is what an experiment gets that names no algorithm; it trains by rungs. The controls train
every candidate in full, as their inventors do. Random search draws from the default's own founders; TPE
is Optuna's, multi-objective, with Optuna's defaults. The depth sweep ends by itself, and keeps what it
had then.

Runs are kept in FOLDER, and a second call goes on where the first was stopped. Fashion-MNIST is read
from the folder of its IDX files, or downloaded into the cache. `--write` puts the table into results.md
and the curves into climb.svg beside this file. `--quick` tries the script on little.
"""

import argparse
import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import evocnn
from evocnn.config import Experiment
from evocnn.report.arm_tests import SIGNIFICANT
from evocnn.report.climb import HYPERVOLUME
from evocnn.report.comparison import ComparedArm, Comparison, compare
from evocnn.report.comparison_plot import plot_comparison
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


def report(arms: list[Arm], comparison: Comparison, setting: Setting, runs: Path, command: str) -> str:
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
    return f"""# The default against its controls at equal epochs

Fashion-MNIST, {setting.images - n_validation:,} training and {n_validation:,} validation images, the space of
experiments/fashion-mnist. Full training has {setting.epochs} epochs, a run {setting.budget} in total. The
default has rungs and a population of {setting.population}; random search, TPE (Optuna {where["optuna"]}) and
the depth sweep train all in full. Window {WINDOW}. Hypervolume of validation accuracy and log10 of
parameters, up to {reference}.

Median [quartiles] over n = {len(arms[0].runs)} seeds each. p: against the default at the end, Mann-Whitney,
two-sided, alone and with Holm's correction for {len(arms) - 1} controls. The last column is the
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

Command: `{command}`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, torch {where["torch"]}, commit {where["commit"]}.
"""


def main() -> None:
    """Search with every arm, seed by seed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs, new or begun")
    parser.add_argument("--data", type=Path, help="folder of Fashion-MNIST's IDX files")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--workers", type=int, default=0, help="Ray workers, 0 for none")
    parser.add_argument("--quick", action="store_true", help="little images and epochs; no figures to keep")
    parser.add_argument("--write", action="store_true", help="write results.md and climb.svg")
    arguments = parser.parse_args()
    if arguments.quick and arguments.write:
        parser.error("--write must be given without --quick, whose figures say nothing; take one out")
    setting = QUICK if arguments.quick else FULL
    runs: dict[str, list[evocnn.Run]] = {name: [] for name in ARMS}
    for seed in range(1, arguments.seeds + 1):
        for name, done in runs.items():
            experiment = experiment_of(name, seed, setting)
            folder = arguments.runs / name / str(seed)
            done.append(searched(experiment, folder, arguments.workers, arguments.data))
            print(name, seed, f"hypervolume {done[-1].front.hypervolume:.4f}", flush=True)
    arms = [Arm(name, tuple(done)) for name, done in runs.items()]
    comparison = compare(arms, "epochs")
    command = (
        "python benchmarks/fashion_mnist_equal_budget/benchmark.py --runs FOLDER "
        f"--seeds {arguments.seeds} --workers {arguments.workers} --write"
    )
    table = report(arms, comparison, setting, arguments.runs, command)
    print(table)
    if arguments.write:
        (HERE / "results.md").write_text(table, encoding="utf-8")
        plot_comparison(comparison, HERE / "climb.svg")


if __name__ == "__main__":
    main()

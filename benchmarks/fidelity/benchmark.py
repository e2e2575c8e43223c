"""Claim: with rungs a search reaches the hypervolume of the search without in at most 40 % of its epochs.

    evocnn reproduce benchmarks/fidelity [--quick] [--data FOLDER]

Steady-state NSGA-II over the spaces of experiments/digits and experiments/fashion-mnist, with the
objectives validation accuracy and number of parameters (log scale), real training, and a budget in
epochs: once with `search.rungs = [1]` and once with the default rungs, on the same seeds. The
hypervolume is that of the front of what was trained in full, above the largest class's share and below
the largest size that the space permits. A search reaches the other within 1 % once a budget of as many
epochs would have ended with 99 % of its hypervolume; budgets are charged in the order of tickets, so
one long run holds the end of every shorter one.

Runs are kept, and a second call goes on where the first was stopped. Fashion-MNIST is read from the
folder of its IDX files, or downloaded into the cache; the quick form leaves it out.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median

import numpy as np

import evocnn
from evocnn.cli.study import Asked, perform
from evocnn.config import Experiment, to_plain
from evocnn.errors import JournalError, ReplayError
from evocnn.report.climb import HYPERVOLUME, climb_of
from evocnn.report.figures import Figure
from evocnn.runs import Workers
from evocnn.runs.search import FINAL
from evocnn.store import environment

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
OBJECTIVES = {"validation_accuracy": {"weight": 1}, "parameters": {"weight": -1, "scale": "log"}}
POPULATION = 16
WINDOW = 8
WITHIN = 0.99  # of the hypervolume
LOOK_UP_TO = 0.6  # share of the epochs: how long the search with rungs is watched
BAR = 0.4


@dataclass(frozen=True)
class Setting:
    """A data set and how much is trained on it.

    Attributes:
        images: Training and validation images together; None for all.
        epochs: Epochs of full training.
        trainings: Full trainings that the search without rungs may cost.
    """

    images: int | None
    epochs: int
    trainings: int


SETTINGS = {"digits": Setting(None, 20, 80), "fashion-mnist": Setting(2000, 10, 40)}
QUICK = {"digits": Setting(400, 4, 8)}
SEEDS, QUICK_SEEDS = 5, 1


def experiment_of(name: str, setting: Setting, seed: int, *, with_rungs: bool) -> Experiment:
    """Return the search on a data set, with rungs or without."""
    tables = tomllib.loads((EXPERIMENTS / name / "experiment.toml").read_text(encoding="utf-8"))
    n_epochs = setting.epochs * setting.trainings
    search = {
        "population": min(POPULATION, setting.trainings),
        "window": WINDOW,
        "budget": f"{round(LOOK_UP_TO * n_epochs) if with_rungs else n_epochs} epochs",
    }
    images = {} if setting.images is None else {"images": setting.images}
    return Experiment.from_dict(
        {
            **tables,
            "seed": seed,
            "data": {"source": tables["data"]["source"], "validation": 0.25, **images},
            "objectives": OBJECTIVES,
            "training": {"epochs": setting.epochs, "timeout": 600},
            "search": search if with_rungs else {**search, "rungs": [1]},
        }
    )


def searched(experiment: Experiment, folder: Path, workers: Workers, data: Path | None) -> evocnn.Run:
    """Return the run in a folder, ended; start it or go on with it where it is not."""
    try:
        known = evocnn.open_run(folder)
    except JournalError:
        return evocnn.run(experiment, folder, workers=workers, data=data)
    if known.manifest["experiment"] != to_plain(experiment.tables):
        message = f"run '{folder}' must be of the settings above, but it was of others; give another --runs"
        raise ReplayError(message)
    if known.status in FINAL:
        return known
    return evocnn.resume(folder, experiment, workers=workers, data=data)


def climb(run: evocnn.Run) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs that were spent after each record and the hypervolume then, shape `(n_records,)`."""
    found = climb_of(run, run.objectives, "epochs")
    return np.append(found.starts[1:], found.spent), found.values[HYPERVOLUME]


@dataclass(frozen=True)
class Comparison:
    """Two searches on one seed.

    Attributes:
        name: The data set.
        seed: Theirs.
        without: The search without rungs.
        rungs: The search with rungs.
    """

    name: str
    seed: int
    without: evocnn.Run
    rungs: evocnn.Run

    @property
    def share(self) -> float:
        """Share of the epochs after which rungs reach the hypervolume; infinite where they did not."""
        n_epochs, volumes = climb(self.rungs)
        reached = n_epochs[volumes >= WITHIN * self.without.front.hypervolume]
        return float(reached.min(initial=inf)) / self.without.n_epochs

    @property
    def at_bar(self) -> float:
        """Hypervolume with rungs after the bar's share of the epochs."""
        n_epochs, volumes = climb(self.rungs)
        return float(volumes[n_epochs <= BAR * self.without.n_epochs].max(initial=0.0))

    @property
    def row(self) -> str:
        """The figures as a line of a table."""
        cells = (
            self.name,
            self.seed,
            f"{self.without.front.hypervolume:.4f}",
            self.without.n_epochs,
            f"{self.at_bar:.4f}",
            _percent(self.share),
            f"{len(self.rungs.candidates)} / {sum(r.is_full for r in self.rungs.candidates)}",
        )
        return "| " + " | ".join(map(str, cells)) + " |"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share < inf else f"above {100 * LOOK_UP_TO:.0f} %"


def report(comparisons: list[Comparison], settings: Mapping[str, Setting]) -> str:
    """Return the results as Markdown."""
    where = environment()
    names = list(dict.fromkeys(one.name for one in comparisons))
    medians = {name: median(one.share for one in comparisons if one.name == name) for name in names}
    n = min(sum(one.name == name for one in comparisons) for name in names)
    verdicts = [
        f"{name} {_percent(share)} ({'met' if share <= BAR else 'missed'})" for name, share in medians.items()
    ]
    trained = [
        f"{name}: {s.images or 'all'} images, {s.epochs} epochs, {s.trainings} full trainings"
        for name, s in settings.items()
        if name in names
    ]
    rows = "\n".join(one.row for one in comparisons)
    return f"""# Epochs that a search with rungs needs

Steady-state NSGA-II, population {POPULATION}, window {WINDOW}. Without rungs, {"; ".join(trained)}.
Hypervolume of validation accuracy and log10 of parameters, above the largest class's share and below
the largest size. n = {n} seeds.

| data | seed | without | its epochs | rungs at {100 * BAR:.0f} % | within 1 % at | looked at / in full |
|---|---|---|---|---|---|---|
{rows}

Bar: at most {100 * BAR:.0f} % in the median. {"; ".join(verdicts)}.

Command: `evocnn reproduce benchmarks/fidelity`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, torch {where["torch"]}, commit {where["commit"]}.
"""


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search with and without rungs, seed by seed, write the table, and return the figures."""
    settings, n_seeds = (QUICK, QUICK_SEEDS) if asked.is_quick else (SETTINGS, SEEDS)
    comparisons = []
    for seed in range(1, n_seeds + 1):
        for name, setting in settings.items():
            found = [
                searched(
                    experiment_of(name, setting, seed, with_rungs=with_rungs),
                    asked.runs / f"{name}-{seed}-{'with' if with_rungs else 'without'}",
                    asked.workers,
                    asked.data_of(name) if name == "fashion-mnist" else None,
                )
                for with_rungs in (False, True)
            ]
            comparisons.append(Comparison(name, seed, *found))
            print(comparisons[-1].row, flush=True)
    comparisons.sort(key=lambda one: list(settings).index(one.name))
    asked.write("results.md", report(comparisons, settings).splitlines())
    figures = {}
    for name in settings:
        own = [one for one in comparisons if one.name == name]
        share = median(one.share for one in own)
        figures[f"{name}.reached"] = Figure(sum(one.share < inf for one in own), len(own))
        if share < inf:
            figures[f"{name}.share_of_epochs"] = Figure(share, 0.2)
        ratio = median(one.at_bar / one.without.front.hypervolume for one in own)
        figures[f"{name}.hypervolume_at_bar"] = Figure(ratio, 0.1)
    return figures


if __name__ == "__main__":
    perform(study, __doc__)

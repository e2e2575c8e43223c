"""Claim: what an Optuna search finds in its time, evocnn finds at least five times faster on the same cores.

    pip install -r benchmarks/peers_end_to_end/requirements.txt
    evocnn reproduce benchmarks/peers_end_to_end [--quick] [--data FOLDER]

Optuna's NSGA-II sampler searches with the training loop of its PyTorch example (see optuna_search.py
beside this file) on that example's own terms: 3,840 training and 1,280 validation images of Fashion-MNIST,
10 epochs, ten minutes; two jobs. evocnn, two workers, has the same images of the same seed, epochs,
population and space, that of experiments/fashion-mnist, and is watched for half of the time. The
objectives are that experiment's validation accuracy, with its floor, and number of parameters (log scale).

The hypervolume that Optuna's search has at its end is the goal; compared are the seconds after which
each had reached it first. Seconds are wall-clock from the call on, reading the data and starting workers
included, but not imports. The two take turns, never at one time; let nothing else run meanwhile.

Searches are kept, one file each, and a second call makes those that are missing. Fashion-MNIST is read
from the folder of its IDX files, or downloaded into the cache. The curves are drawn into climb.svg.
"""

import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from math import ceil, inf
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure as Picture
from optuna_search import N_JOBS, optuna_search

import evocnn
from evocnn.cli.study import Asked, perform
from evocnn.config import Experiment, build_parts
from evocnn.errors import ReplayError
from evocnn.evaluation import Evaluation, Objectives, hypervolume
from evocnn.report.climb import HYPERVOLUME, climb_of
from evocnn.report.figures import Figure
from evocnn.report.picture import write_picture
from evocnn.store import environment

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "fashion-mnist" / "experiment.toml"
OBJECTIVES = ("validation_accuracy", "parameters")
WORKERS = N_JOBS
WINDOW = 4 * WORKERS
VALIDATION = 0.25
WATCHED = 0.5  # of Optuna's time
BAR = 5.0
COLOURS = {"Optuna": "#d55e00", "evocnn": "#0060a8"}


@dataclass(frozen=True)
class Setting:
    """How much is trained.

    Attributes:
        images: Training and validation images together.
        epochs: Epochs of full training.
        seconds: After which Optuna begins no trial any more.
        population: Of both searches.
    """

    images: int
    epochs: int
    seconds: int
    population: int


FULL = Setting(images=5_120, epochs=10, seconds=600, population=12)
QUICK = Setting(images=2_000, epochs=5, seconds=60, population=4)
SEEDS, QUICK_SEEDS = 5, 1


@dataclass(frozen=True)
class Search:
    """What one search reached.

    Attributes:
        seconds: When each training had ended, ascending.
        volumes: The hypervolume from then on.
        spent: Seconds of the whole search.
        commit: Of the evocnn that was there.
    """

    seconds: Sequence[float]
    volumes: Sequence[float]
    spent: float
    commit: str = field(default_factory=lambda: str(environment()["commit"]))

    @property
    def end(self) -> float:
        """The hypervolume at the end."""
        return self.volumes[-1] if self.volumes else 0.0

    def reaching(self, goal: float) -> float:
        """Return the seconds after which a hypervolume was reached; infinite where it was not."""
        steps = zip(self.seconds, self.volumes, strict=True)
        return next((seconds for seconds, volume in steps if volume >= goal), inf)


def experiment_of(seed: int, setting: Setting) -> Experiment:
    """Return evocnn's search."""
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
                "budget": f"{ceil(WATCHED * setting.seconds)}s",
            },
        }
    )


def search_with_optuna(experiment: Experiment, setting: Setting, data: Path | None) -> Search:
    """Return what Optuna reaches with the images and the space of an experiment."""
    start = perf_counter()
    parts = build_parts(experiment, data)
    found = optuna_search(
        parts,
        epochs=setting.epochs,
        population=setting.population,
        seconds=setting.seconds,
        seed=experiment.seed,
        start=start,
    )
    spent = perf_counter() - start
    evaluations = [evaluation for _, evaluation in found]
    return Search([seconds for seconds, _ in found], volumes(evaluations, parts.objectives), spent)


def volumes(evaluations: Sequence[Evaluation], objectives: Objectives) -> list[float]:
    """Return the hypervolume after each evaluation."""
    losses: list[np.ndarray] = []
    found = []
    for evaluation in evaluations:
        fitness = objectives.fitness(evaluation)
        if fitness.violation == 0:
            losses.append(objectives.losses(fitness.values))
        found.append(hypervolume(np.array(losses), objectives.reference_losses))
    return found


def search_with_evocnn(experiment: Experiment, data: Path | None) -> Search:
    """Return what evocnn reaches; what passes outside of the search counts as passed ahead of it."""
    with TemporaryDirectory() as folder:
        start = perf_counter()
        run = evocnn.run(experiment, Path(folder) / "run", workers=WORKERS, data=data)
        spent = perf_counter() - start
    climb = climb_of(run, run.objectives, "seconds")
    seconds = climb.starts + (spent - climb.spent)
    return Search(seconds.tolist(), climb.values[HYPERVOLUME].tolist(), spent)


def kept(path: Path, setting: Setting, search: Callable[[], Search]) -> Search:
    """Return the search of a file, made where there is none.

    Raises:
        ReplayError: The file's is of other settings.
    """
    if not path.exists():
        made = {"setting": asdict(setting), "search": asdict(search())}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(made), encoding="utf-8")
    known = json.loads(path.read_text(encoding="utf-8"))
    if known["setting"] != asdict(setting):
        message = f"search '{path}' must be of the settings above, but it was of others; give another --runs"
        raise ReplayError(message)
    return Search(**known["search"])


@dataclass(frozen=True)
class Pair:
    """Two searches on one seed.

    Attributes:
        seed: Theirs.
        optuna: Optuna's.
        evocnn: evocnn's.
    """

    seed: int
    optuna: Search
    evocnn: Search

    @property
    def seconds(self) -> tuple[float, float]:
        """Seconds after which Optuna and evocnn reached the hypervolume of Optuna's end."""
        return self.optuna.reaching(self.optuna.end), self.evocnn.reaching(self.optuna.end)

    @property
    def factor(self) -> float:
        """How many times faster evocnn was; 0 where it did not reach the goal while it was watched."""
        theirs, ours = self.seconds
        return theirs / ours

    @property
    def row(self) -> str:
        """The figures as a line of a table."""
        theirs, ours = self.seconds
        cells = (
            self.seed,
            len(self.optuna.seconds),
            f"{self.optuna.spent:.0f}",
            f"{self.optuna.end:.4f}",
            f"{theirs:.0f}",
            f"{ours:.0f}" if ours < inf else f"not in {self.evocnn.spent:.0f}",
            f"{self.factor:.1f}" if ours < inf else f"below {theirs / self.evocnn.spent:.1f}",
            f"{self.evocnn.end:.4f}",
        )
        return "| " + " | ".join(map(str, cells)) + " |"


def report(pairs: list[Pair], setting: Setting) -> str:
    """Return the results as Markdown."""
    where = environment()
    factor = median(pair.factor for pair in pairs)
    n_validation = round(VALIDATION * setting.images)
    rows = "\n".join(pair.row for pair in pairs)
    commits = sorted({search.commit for pair in pairs for search in (pair.optuna, pair.evocnn)})
    return f"""# Seconds to the front that Optuna finds

Fashion-MNIST, {setting.images - n_validation:,} training and {n_validation:,} validation images,
{setting.epochs} epochs, the space of experiments/fashion-mnist, populations of {setting.population}.
Optuna {where["optuna"]}, NSGA-II sampler, {N_JOBS} jobs, begins trials for {setting.seconds} s; evocnn has
{WORKERS} workers and a window of {WINDOW}. Hypervolume of validation accuracy, above the largest class's
share, and log10 of parameters, below the largest size. n = {len(pairs)} seeds.

| seed | trials | in seconds | hypervolume | Optuna there | evocnn there | times faster | evocnn at its end |
|---|---|---|---|---|---|---|---|
{rows}

Trials, their seconds and the hypervolume at their end are Optuna's. Then follow the seconds after which
each had reached that hypervolume first. evocnn was watched for {100 * WATCHED:.0f} % of Optuna's time.

![Hypervolume by seconds](climb.svg)

Bar: at least {BAR:g} times faster in the median. {factor:.1f}: {"met" if factor >= BAR else "missed"}.

Command: `evocnn reproduce benchmarks/peers_end_to_end`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, torch {where["torch"]}, commits of the searches: {", ".join(commits)}.
"""


def plot(pairs: list[Pair], path: Path) -> None:
    """Draw the hypervolume of every search by seconds, on a log scale."""
    figure = Picture(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for pair in pairs:
        for name, search in (("Optuna", pair.optuna), ("evocnn", pair.evocnn)):
            label = f"{name} (n = {len(pairs)})" if pair is pairs[0] else None
            line = (*search.seconds, search.spent), (*search.volumes, search.end)
            axes.plot(*line, drawstyle="steps-post", color=COLOURS[name], alpha=0.7, label=label)
    axes.set_xscale("log")
    axes.set_xlabel("seconds")
    axes.set_ylabel("hypervolume")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    write_picture(figure, path)


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search with both, seed by seed, write table and picture, and return the figures."""
    setting, n_seeds = (QUICK, QUICK_SEEDS) if asked.is_quick else (FULL, SEEDS)
    data = asked.data_of("fashion-mnist")
    pairs = []
    for seed in range(1, n_seeds + 1):
        experiment = experiment_of(seed, setting)
        searches = {
            "optuna": partial(search_with_optuna, experiment, setting, data),
            "evocnn": partial(search_with_evocnn, experiment, data),
        }
        found = [kept(asked.runs / f"{name}-{seed}.json", setting, s) for name, s in searches.items()]
        pairs.append(Pair(seed, *found))
        print(pairs[-1].row, flush=True)
    asked.write("results.md", report(pairs, setting).splitlines())
    plot(pairs, asked.out / "climb.svg")
    return {
        "times_faster": Figure(median(pair.factor for pair in pairs), BAR),
        "optuna.hypervolume": Figure(median(pair.optuna.end for pair in pairs), 0.3),
        "evocnn.hypervolume": Figure(median(pair.evocnn.end for pair in pairs), 0.3),
    }


if __name__ == "__main__":
    perform(study, __doc__)

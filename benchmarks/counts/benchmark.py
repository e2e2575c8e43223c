"""Claim: counting parameters and FLOPs is at least 20 times faster than building the network.

    evocnn reproduce benchmarks/counts [--quick]

Samples of every preset for 28x28 grey images; each is counted and built in turn, so that both see
the same machine. That the counts are torch's is a test, `tests/unit/phenotype/test_counts.py`.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from time import perf_counter

import numpy as np

from evocnn.cli.study import Asked, perform
from evocnn.config import Experiment
from evocnn.config.parts import space_of
from evocnn.config.presets import preset_names
from evocnn.genotype import SearchSpace
from evocnn.phenotype import build
from evocnn.report.figures import Figure
from evocnn.store import environment

SAMPLES = 200
ROUNDS = 5
BAR = 20


def space_named(preset: str) -> SearchSpace:
    """Return a preset's space for 28x28 grey images and 10 classes, of at most a million parameters."""
    tables = {"preset": preset, "limits": {"parameters": 1_000_000}}
    experiment = Experiment.from_dict({"name": "counts", "data": {"source": "digits"}, "space": tables})
    return space_of(experiment, (1, 28, 28), 10)


def seconds(space: SearchSpace, seed: int) -> tuple[float, float]:
    """Return the seconds that counting and building the same samples take."""
    rng = np.random.default_rng(seed)
    counting = building = 0.0
    for _ in range(SAMPLES):
        chromosome = replace(space.sample(rng))  # one that has not been counted yet
        start = perf_counter()
        chromosome.counts(space.input_shape, space.n_classes)
        between = perf_counter()
        build(chromosome, space.input_shape, space.n_classes)
        counting += between - start
        building += perf_counter() - between
    return counting, building


def study(asked: Asked) -> Mapping[str, Figure]:
    """Measure every preset in each round, write the table, and return the figures."""
    spaces = {name: space_named(name) for name in preset_names()}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in spaces}
    for seed in range(1 if asked.is_quick else ROUNDS):
        for name, space in spaces.items():
            found[name].append(seconds(space, seed))
    asked.write("results.md", report(found).splitlines())
    ratios = {name: median(build / count for count, build in pairs) for name, pairs in found.items()}
    return {f"{name}.ratio": Figure(ratio, ratio / 2) for name, ratio in ratios.items()}


def report(figures: dict[str, list[tuple[float, float]]]) -> str:
    """Return the results as Markdown."""
    where, n_rounds = environment(), len(next(iter(figures.values())))
    ratios = {name: [build / count for count, build in pairs] for name, pairs in figures.items()}
    rows = "\n".join(
        f"| {name} | {1e6 * median(count for count, _ in pairs) / SAMPLES:.0f} "
        f"| {1e6 * median(build for _, build in pairs) / SAMPLES:.0f} "
        f"| {median(ratios[name]):.0f} | {min(ratios[name]):.0f} to {max(ratios[name]):.0f} |"
        for name, pairs in figures.items()
    )
    worst = min(median(values) for values in ratios.values())
    return f"""# Counting against building

Samples of each preset for 28x28 grey images, at most a million parameters; n = {n_rounds} rounds of {SAMPLES}
samples, counted and built in turn.

| preset | counting, µs | building, µs | ratio, median | range |
|---|---|---|---|---|
{rows}

Bar: a ratio of at least {BAR}. {"Met" if worst >= BAR else "Missed"}: the smallest median is {worst:.0f}.

Command: `evocnn reproduce benchmarks/counts`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, torch {where["torch"]}, commit {where["commit"]}.
"""


if __name__ == "__main__":
    perform(study, __doc__)

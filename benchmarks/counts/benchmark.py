"""Claim: counting parameters and FLOPs is at least 20 times faster than building the network.

    .venv/bin/python benchmarks/counts/benchmark.py [--write]

Samples of every preset for 28x28 grey images; each is counted and built in turn, so that both see
the same machine. That the counts are torch's is a test, `tests/unit/phenotype/test_counts.py`.
`--write` puts the table into results.md beside this file.
"""

import argparse
import os
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from evocnn.config import Experiment
from evocnn.config.parts import space_of
from evocnn.config.presets import preset_names
from evocnn.genotype import SearchSpace
from evocnn.phenotype import build
from evocnn.store import environment

HERE = Path(__file__).parent
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
        chromosome = space.sample(rng)
        start = perf_counter()
        chromosome.counts(space.input_shape, space.n_classes)
        between = perf_counter()
        build(chromosome, space.input_shape, space.n_classes)
        counting += between - start
        building += perf_counter() - between
    return counting, building


def main() -> None:
    """Measure every preset in each round, print the table and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write results.md")
    arguments = parser.parse_args()
    spaces = {name: space_named(name) for name in preset_names()}
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in spaces}
    for seed in range(ROUNDS):
        for name, space in spaces.items():
            figures[name].append(seconds(space, seed))
    table = report(figures)
    print(table)
    if arguments.write:
        (HERE / "results.md").write_text(table, encoding="utf-8")


def report(figures: dict[str, list[tuple[float, float]]]) -> str:
    """Return the results as Markdown."""
    where = environment()
    ratios = {name: [build / count for count, build in pairs] for name, pairs in figures.items()}
    rows = "\n".join(
        f"| {name} | {1e6 * median(count for count, _ in pairs) / SAMPLES:.0f} "
        f"| {1e6 * median(build for _, build in pairs) / SAMPLES:.0f} "
        f"| {median(ratios[name]):.0f} | {min(ratios[name]):.0f} to {max(ratios[name]):.0f} |"
        for name, pairs in figures.items()
    )
    worst = min(median(values) for values in ratios.values())
    return f"""# Counting against building

Samples of each preset for 28x28 grey images, at most a million parameters; n = {ROUNDS} rounds of {SAMPLES}
samples, counted and built in turn.

| preset | counting, µs | building, µs | ratio, median | range |
|---|---|---|---|---|
{rows}

Bar: a ratio of at least {BAR}. {"Met" if worst >= BAR else "Missed"}: the smallest median is {worst:.0f}.

Command: `python benchmarks/counts/benchmark.py --write`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, torch {where["torch"]}, commit {where["commit"]}.
"""


if __name__ == "__main__":
    main()

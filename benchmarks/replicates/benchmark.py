"""Claim: where the rule says so, replicates of one architecture train faster together than one by one.

    evocnn reproduce benchmarks/replicates [--quick]

Seven networks on images of 8x8 and of 28x28, in batches of 32 and of 128: K evaluations that differ in
their seed, one after the other and then together, in turn, one thread. Building, training and measuring
are timed; images are random. The rule is `evocnn.training.replicates.pays`.
"""

import os
from collections.abc import Iterator, Mapping
from itertools import product
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch

from evocnn.cli.study import Asked, perform
from evocnn.evaluation import EvaluationRequest
from evocnn.genotype import LAYERS, Chromosome, Fidelity, Shape
from evocnn.report.figures import Figure
from evocnn.store import environment
from evocnn.training.data import ImageSet
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.protocol import Protocol
from evocnn.training.replicates import FEWEST, evaluate_grouped, pays

ROUNDS = 5
SIDES = {8: 16, 28: 6}  # of the images, and steps of a training
BATCHES = (32, 128)
GROUPS = (2, 3, 4, 8, 16)
NETWORKS = (
    "conv8k3 > pool | gap",
    "conv8k3 > pool > conv16k3 > pool | flatten",
    "conv16k3 > pool > conv32k3 > pool > conv32k3 | gap",
    "conv32k3 > conv32k3 > pool > conv64k3 > pool > conv64k3 | gap",
    "conv16k3 > res16k3 > pool > res32k3 | gap",
    "conv16k3 > dws32k3 > pool > dws64k3 | gap",
    "conv16k3 > inv16k3e3 se=4 > pool > inv24k3e3 | gap",
)


class Case(NamedTuple):
    """A network on images in batches.

    Attributes:
        side: Height and width of the images.
        batch_size: Images in a step.
        network: Layers and head, in their text form.
    """

    side: int
    batch_size: int
    network: str

    @property
    def chromosome(self) -> Chromosome:
        """The network with a recipe."""
        return Chromosome.parse(f"{self.network} | sgd lr=.01 batch={self.batch_size}", LAYERS)

    @property
    def n_values(self) -> int:
        """Values that a step of one network writes, forward."""
        shape = Shape(1, self.side, self.side)
        return self.chromosome.counts(shape, 10).activations * self.batch_size

    @property
    def evaluator(self) -> TrainingEvaluator:
        """An evaluator on random images, enough for the steps of one epoch."""
        return TrainingEvaluator(
            random_images(SIDES[self.side] * self.batch_size, self.side),
            random_images(64, self.side),
            Protocol(seed=1),
        )


def random_images(n: int, side: int) -> ImageSet:
    """Return `n` images of noise, in ten classes."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, 1, side, side), dtype=np.uint8)
    return ImageSet(pixels, np.arange(n) % 10, tuple(map(str, range(10))), "noise")


def ratios(case: Case, n_rounds: int) -> Iterator[float]:
    """Yield for each size of a group the median of how many times faster it trains together."""
    evaluator, chromosome = case.evaluator, case.chromosome
    fidelity = Fidelity(1, len(evaluator.training))
    evaluator(EvaluationRequest(chromosome, fidelity))  # loads the images
    for n in GROUPS:
        jobs = [(evaluator, EvaluationRequest(chromosome, fidelity, replicate)) for replicate in range(n)]
        found = []
        for _ in range(n_rounds):
            start = perf_counter()
            for _, request in jobs:
                evaluator(request)
            between = perf_counter()
            evaluate_grouped(jobs)
            found.append((between - start) / (perf_counter() - between))
        yield median(found)


def study(asked: Asked) -> Mapping[str, Figure]:
    """Measure every case, write the table, and return the figures."""
    torch.set_num_threads(1)
    n_rounds, found = 1 if asked.is_quick else ROUNDS, {}
    for case in map(Case._make, product(SIDES, BATCHES, NETWORKS)):
        found[case] = list(ratios(case, n_rounds))
        print(row(case, found[case]), flush=True)
    asked.write("results.md", report(found, n_rounds).splitlines())
    together, apart = map(median, divided(found))
    return {"where_together": Figure(together, 0.4), "where_one_by_one": Figure(apart, 0.4)}


def divided(found: dict[Case, list[float]]) -> tuple[list[float], list[float]]:
    """Return how many times faster groups are that the rule trains together, and how many others are."""
    first = GROUPS.index(FEWEST)
    chosen = [value for case, values in found.items() if is_chosen(case) for value in values[first:]]
    others = [value for case, values in found.items() if not is_chosen(case) for value in values[first:]]
    return chosen, others


def is_chosen(case: Case) -> bool:
    """Return whether the rule trains a case together."""
    evaluator = case.evaluator
    request = EvaluationRequest(case.chromosome, Fidelity(1, len(evaluator.training)))
    return pays([(evaluator, request)] * FEWEST)


def row(case: Case, values: list[float]) -> str:
    """Return a row of the table."""
    chosen = "yes" if is_chosen(case) else "no"
    figures = " | ".join(f"{value:.2f}" for value in values)
    network = case.network.replace("|", "\\|")  # which would end a cell
    what = f"{case.side}x{case.side} | {case.batch_size} | `{network}` | {case.n_values:,} | {chosen}"
    return f"| {what} | {figures} |"


def report(found: dict[Case, list[float]], n_rounds: int) -> str:
    """Return the results as Markdown."""
    where = environment()
    rows = "\n".join(row(case, values) for case, values in found.items())
    chosen, others = divided(found)
    return f"""# Replicates together against one after the other

Times faster, medians of {n_rounds} rounds in turn; K networks of one architecture that differ in their seed.
Values: what a step of one network writes, forward. Together: what the rule says.

| images | batch | network | values | together | {" | ".join(f"K={n}" for n in GROUPS)} |
|---|---|---|---|---|{"---|" * len(GROUPS)}
{rows}

Groups of {FEWEST} and more, where the rule trains them together: {min(chosen):.2f} to {max(chosen):.2f} times
faster, median {median(chosen):.2f}, n = {len(chosen)}; where it does not: {min(others):.2f} to
{max(others):.2f}, median {median(others):.2f}, n = {len(others)}.

Command: `evocnn reproduce benchmarks/replicates`
Machine: {where["processor"]}, {where["cores"]} cores, one thread, load average at the end
{os.getloadavg()[0]:.1f}; Python {where["python"]}, torch {where["torch"]}, commit {where["commit"]}.
"""


if __name__ == "__main__":
    perform(study, __doc__)

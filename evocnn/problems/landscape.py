"""A synthetic landscape over real chromosomes: a formula stands in for training, so the front is known.

Accuracy rises with the logarithm of size, more steeply for deeper networks up to three layers; it falls
with the distance of the last resolution from 4, and with the distance of the learning rate from one that
sinks with depth. So good layers depend on each other, and the good recipe on the layers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import exp, log10, sqrt
from typing import TypeVar

import numpy as np

from evocnn.errors import ExperimentError
from evocnn.evaluation import (
    Evaluation,
    EvaluationRequest,
    Objective,
    Objectives,
    Status,
    hypervolume,
    nondominated_ranks,
)
from evocnn.genotype import (
    Choice,
    Chromosome,
    Conv,
    GeneAlleles,
    Head,
    LayerGene,
    Limits,
    Pool,
    Recipe,
    SearchSpace,
    Shape,
)
from evocnn.genotype.gene import Gene
from evocnn.operators import (
    AddGene,
    AlterGene,
    AlterRecipe,
    Crossover,
    Mutation,
    OnePoint,
    RemoveGene,
    SwapKind,
    Uniform,
    Variation,
    Weighted,
)
from evocnn.problems.problem import Problem
from evocnn.rng import derive_seed

GeneType = TypeVar("GeneType", bound=Gene)

N_CLASSES = 10
DEPTH = 4
SPACE = SearchSpace(
    input_shape=Shape(1, 16, 16),
    n_classes=N_CLASSES,
    layers=(
        GeneAlleles(Conv, {"filters": Choice((4, 16, 64)), "kernel": Choice((3, 5))}, weight=2),
        GeneAlleles(Pool, {"size": Choice((2,))}),
    ),
    head=GeneAlleles(Head, {}),
    recipe=GeneAlleles(
        Recipe,
        {
            "learning_rate": Choice((0.001, 0.003, 0.01, 0.03, 0.1, 0.3)),
            "weight_decay": Choice((0.0, 0.0005, 0.005)),
        },
    ),
    founder_prior="uniform",
    founder_depth=(1, DEPTH),
    limits=Limits(depth=DEPTH),
)
OBJECTIVES = Objectives(
    (
        Objective("validation_accuracy", 1.0, reference=0.1),
        Objective("parameters", -1.0, log=True, reference=1_000_000.0),
    )
)
_CROSSOVERS: tuple[Weighted[Crossover], ...] = (
    Weighted("uniform", Uniform()),
    Weighted("one_point", OnePoint()),
)
_MUTATIONS: tuple[Weighted[Mutation], ...] = (
    Weighted("add_gene", AddGene()),
    Weighted("remove_gene", RemoveGene()),
    Weighted("swap_kind", SwapKind()),
    Weighted("alter_gene", AlterGene(), 2.0),
    Weighted("alter_recipe", AlterRecipe()),
)


@dataclass(frozen=True)
class LandscapeEvaluator:
    """Computes a chromosome's accuracy, with noise as training has it, and its size.

    Attributes:
        noise: Standard deviation of the noise in accuracy; it follows from chromosome, replicate and seed.
        seed: Another seed, another noise.
    """

    noise: float = 0.0
    seed: int = 0

    @property
    def context(self) -> str:
        """Name, noise and seed."""
        return f"landscape with noise {self.noise} of seed {self.seed}"

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        """Return noisy accuracy and parameters."""
        chromosome: Chromosome = request.genome  # type: ignore[assignment]
        accuracy = true_accuracy(chromosome)
        if self.noise:
            seed = derive_seed("landscape", self.seed, chromosome.key, request.replicate)
            accuracy += self.noise * float(np.random.default_rng(seed).standard_normal())
        parameters = chromosome.counts(SPACE.input_shape, N_CLASSES).parameters
        metrics = {"validation_accuracy": min(max(accuracy, 0.0), 1.0), "parameters": float(parameters)}
        return Evaluation(Status.OK, metrics)


def landscape(noise: float = 0.0, seed: int = 0) -> Problem:
    """Return the landscape as a problem.

    Its true front is that without noise, and lucky noise puts candidates beyond it. So judge what a noisy
    search found by `problem.gap(true_losses(...))` of its chromosomes.

    Args:
        noise: Standard deviation of the noise in accuracy.
        seed: What the noise follows from, beside chromosome and replicate.

    Raises:
        ExperimentError: The noise is negative.
    """
    if noise < 0:
        message = f"noise must be at least 0, but it was {noise}; give a standard deviation"
        raise ExperimentError(message)
    front = _true_front()
    return Problem(
        name="landscape",
        space=SPACE,
        evaluator=LandscapeEvaluator(noise, seed),
        objectives=OBJECTIVES,
        variation=Variation(_CROSSOVERS, _MUTATIONS),
        front=front,
        best_hypervolume=hypervolume(front, OBJECTIVES.reference_losses),
    )


def true_accuracy(chromosome: Chromosome) -> float:
    """Return the accuracy of a repaired chromosome without noise."""
    parameters = chromosome.counts(SPACE.input_shape, N_CLASSES).parameters
    side = chromosome.features(SPACE.input_shape).height
    return _accuracy(parameters, side, len(chromosome.layers), chromosome.recipe)


def true_losses(chromosomes: Iterable[Chromosome]) -> np.ndarray:
    """Return the losses of repaired chromosomes without noise, shape `(n_chromosomes, n_objectives)`."""
    losses = [
        (-true_accuracy(chromosome), log10(chromosome.counts(SPACE.input_shape, N_CLASSES).parameters))
        for chromosome in chromosomes
    ]
    return np.array(losses).reshape(len(losses), 2)


def _accuracy(parameters: int, side: int, depth: int, recipe: Recipe) -> float:
    gained = exp(-0.5 * min(depth, 3) * log10(parameters / 10))
    best_rate = -1.0 - 0.25 * depth  # its decimal logarithm
    lost = 0.05 * abs(log10(recipe.learning_rate) - best_rate) + 4.0 * abs(recipe.weight_decay - 0.0005)
    return 0.98 - 0.6 * gained - 0.03 * sqrt(abs(side - 4)) - lost


@cache
def _true_front() -> np.ndarray:
    """Return the front's losses: every stack of layers is counted once, with every recipe."""
    recipes = list(_all(SPACE.recipe))
    losses = []
    for layers in _stacks():
        network = SPACE.repair(Chromosome(layers, Head(), recipes[0])).genome
        parameters = network.counts(SPACE.input_shape, N_CLASSES).parameters
        side = network.features(SPACE.input_shape).height
        best = max(_accuracy(parameters, side, len(network.layers), recipe) for recipe in recipes)
        losses.append((-best, log10(parameters)))
    distinct = np.unique(np.array(losses), axis=0)
    front: np.ndarray = distinct[nondominated_ranks(distinct, np.zeros(len(distinct))) == 0]
    return front


def _stacks() -> Iterator[tuple[LayerGene, ...]]:
    genes = [gene for alleles in SPACE.layers for gene in _all(alleles)]
    for depth in range(DEPTH + 1):
        yield from product(genes, repeat=depth)


def _all(alleles: GeneAlleles[GeneType]) -> Iterator[GeneType]:
    """Yield a gene for each combination of alleles."""
    choices = [choice.values for choice in alleles.fields.values() if isinstance(choice, Choice)]
    for values in product(*choices):
        yield alleles.gene(**dict(zip(alleles.fields, values, strict=True)))

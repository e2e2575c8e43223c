"""What holds for every operator: purity, determinism, and that whatever they breed decodes."""

import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from deap import tools
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from evocnn.genotype import Chromosome, SearchSpace
from evocnn.operators import (
    AddGene,
    AlterGene,
    AlterHead,
    AlterRecipe,
    DeapCrossover,
    DeapMutation,
    DuplicateGene,
    OnePoint,
    RemoveGene,
    ReplaceGene,
    ResampleRecipe,
    SwapGenes,
    Uniform,
)
from evocnn.phenotype import build

CROSSOVERS: list[Any] = [
    OnePoint(),
    Uniform(),
    Uniform(0.1),
    DeapCrossover(tools.cxTwoPoint),
    DeapCrossover(tools.cxMessyOnePoint),
]
MUTATIONS: list[Any] = [
    AddGene(),
    AlterGene(),
    AlterHead(),
    AlterRecipe(),
    DuplicateGene(),
    RemoveGene(),
    ReplaceGene(),
    ResampleRecipe(),
    SwapGenes(),
    DeapMutation(tools.mutShuffleIndexes, {"indpb": 0.3}),
]
OPERATORS = CROSSOVERS + MUTATIONS


def applied(
    operator: Any, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator
) -> tuple[Chromosome, ...]:
    if operator in CROSSOVERS:
        return operator(mother, father, space, rng)
    return (operator(mother, space, rng),)


def global_states() -> str:
    return repr((random.getstate(), np.random.get_state(), torch.random.get_rng_state().sum()))  # noqa: NPY002


@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_an_operator_is_pure(
    make_space: Callable[..., SearchSpace],
    random_chromosomes: Callable[..., list[Chromosome]],
    operator: Any,
) -> None:
    space = make_space()
    mother, father = random_chromosomes(space, 12, seed=1)[-2:]
    before = mother.to_json(), father.to_json(), repr(space), global_states()
    offspring = [applied(operator, mother, father, space, np.random.default_rng(seed)) for seed in range(20)]
    assert (mother.to_json(), father.to_json(), repr(space), global_states()) == before
    again = [applied(operator, mother, father, space, np.random.default_rng(seed)) for seed in range(20)]
    assert again == offspring  # and what is drawn follows from the stream ...
    assert len(set(offspring)) > 1  # ... which is used


@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_an_operator_is_a_value_that_crosses_a_process(operator: Any) -> None:
    assert pickle.loads(pickle.dumps(operator)) == operator
    assert repr(operator).startswith(type(operator).__name__ + "(")


def bred(space: SearchSpace, operators: list[Any], seed: int) -> Chromosome:
    """Return what a chain of operators makes of founders, without repair on the way."""
    rng = np.random.default_rng(seed)
    chromosome = space.sample(rng)
    for operator in operators:
        offspring = applied(operator, chromosome, space.sample(rng), space, rng)
        chromosome = offspring[int(rng.integers(len(offspring)))]
    return chromosome


@given(st.lists(st.sampled_from(OPERATORS), min_size=1, max_size=15), st.integers(0, 2**32))
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_any_chain_of_operators_gives_a_network_within_the_limits(
    space: SearchSpace, operators: list[Any], seed: int
) -> None:
    raw = bred(space, operators, seed)
    chromosome = space.repair(raw).genome
    assert space.repair(chromosome).genome == chromosome
    assert space.from_json(raw.to_json()) == raw
    assert space.parse(chromosome.text) == chromosome
    counts = chromosome.counts(space.input_shape, space.n_classes)
    assert space.limits.exceeded(counts) is None
    assert len(chromosome.layers) <= space.limits.depth
    with torch.device("meta"):  # shapes without values
        for candidate in (raw, chromosome):
            network = build(candidate, space.input_shape, space.n_classes, pool_order=space.pool_order)
            assert network(torch.empty(2, *space.input_shape)).shape == (2, space.n_classes)
        assert sum(parameter.numel() for parameter in network.parameters()) == counts.parameters


@pytest.mark.parametrize("seed", range(3))
def test_what_is_bred_takes_a_training_step(space: SearchSpace, seed: int) -> None:
    operators = [OPERATORS[n] for n in np.random.default_rng(seed).integers(len(OPERATORS), size=12)]
    network = build(space.repair(bred(space, operators, seed)).genome, space.input_shape, space.n_classes)
    x = torch.randn(3, *space.input_shape, generator=torch.Generator().manual_seed(seed))
    loss = functional.cross_entropy(network(x), torch.arange(3))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())

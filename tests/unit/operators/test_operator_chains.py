"""What holds for every operator and every chain of them: purity, determinism, networks that train.

The default run breeds 140 chains, four in each space. 20,000 take longer, and can be run in pieces:

    pytest -m slow tests/unit/operators/test_operator_chains.py -k seeds-0-999
"""

import json
import pickle
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from deap import tools
from torch.nn import functional

from evocnn.config import Experiment
from evocnn.config.operator_names import CROSSOVERS, MUTATIONS
from evocnn.config.parts import space_of
from evocnn.config.presets import preset_names
from evocnn.genotype import Chromosome, Limits, Link, SearchSpace, Shape
from evocnn.genotype.founders import PRIORS
from evocnn.genotype.pool_order import POOL_ORDERS
from evocnn.operators import DeapCrossover, DeapMutation
from evocnn.phenotype import build

SHAPES = {
    "grey-8": Shape(1, 8, 8),
    "grey-28": Shape(1, 28, 28),
    "rgb-32": Shape(3, 32, 32),
    "rgb-100": Shape(3, 100, 100),
    "strip-17": Shape(1, 1, 17),
}
LIMITS = {"parameters": 300_000, "flops": 20_000_000, "activations": 500_000}  # low, to be quick
BOTH = {name: kind() for name, kind in CROSSOVERS.items()} | {
    "deap:cxMessyOnePoint": DeapCrossover(tools.cxMessyOnePoint)
}
# Spaces here have no backbone; tests/unit/genotype/test_backbone.py has chains with one.
ONE = {name: kind() for name, kind in MUTATIONS.items() if name != "alter_backbone"} | {
    "deap:mutShuffleIndexes": DeapMutation(tools.mutShuffleIndexes, {"indpb": 0.3})
}
OPERATORS: dict[str, Any] = {**BOTH, **ONE}
NAMES = sorted(OPERATORS)

DEFAULT = [range(start, start + 20) for start in range(0, 140, 20)]
SLOW = [range(start, start + 1000) for start in range(0, 20_000, 1000)]
BLOCKS = [
    *(pytest.param(seeds, id=f"seeds-{seeds[0]}-{seeds[-1]}") for seeds in DEFAULT),
    *(
        pytest.param(
            seeds, id=f"seeds-{seeds[0]}-{seeds[-1]}", marks=[pytest.mark.slow, pytest.mark.timeout(3600)]
        )
        for seeds in SLOW
    ),
]


@pytest.fixture(scope="module")
def spaces(make_space: Callable[..., SearchSpace]) -> dict[str, SearchSpace]:
    """Return every preset, and a space with every gene and every word, for images of each shape."""
    found = {}
    for name in preset_names():
        space = {"preset": name, "limits": LIMITS}
        experiment = Experiment.from_dict({"name": "chains", "data": {"source": "digits"}, "space": space})
        found |= {f"{name} on {size}": space_of(experiment, shape, 10) for size, shape in SHAPES.items()}
    full = make_space().layers
    linked = tuple(replace(alleles, weight=12.0) if alleles.gene is Link else alleles for alleles in full)
    return found | {
        f"every gene on {size}": make_space(shape, layers=linked, founder_depth=(4, 8))
        for size, shape in SHAPES.items()
    }


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Let torch compute on one thread, quicker for networks as small as these."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


class Step(NamedTuple):
    """An operator of a chain, what it made, and what repair made of that."""

    operator: str
    before: list[Chromosome]
    raw: list[Chromosome]
    after: list[Chromosome]


def chain_of(space: SearchSpace, seed: int) -> list[Step]:
    """Return 3 to 10 operators, and what they make of two founders; a mutation changes one of the two."""
    rng = np.random.default_rng(seed)
    founding = replace(space, founder_prior=PRIORS[int(rng.integers(len(PRIORS)))])
    pair = [founding.sample(rng) for _ in range(2)]
    steps = []
    for number in rng.integers(len(NAMES), size=int(rng.integers(3, 11))):
        name, before = NAMES[int(number)], pair
        raw = applied(name, pair, space, rng)
        pair = [space.repair(chromosome).genome for chromosome in raw]
        steps.append(Step(name, before, raw, pair))
        pair = pair if rng.random() < 0.5 else pair[::-1]
    return steps


def applied(
    name: str, pair: list[Chromosome], space: SearchSpace, rng: np.random.Generator
) -> list[Chromosome]:
    if name in BOTH:
        return list(OPERATORS[name](*pair, space, rng))
    return [OPERATORS[name](pair[0], space, rng), pair[1]]


def chosen(spaces: dict[str, SearchSpace], seed: int) -> tuple[str, SearchSpace]:
    """Return a space and its name: all in turn, so that every 35 seeds meet each."""
    name = list(spaces)[seed % len(spaces)]
    return name, spaces[name]


def check_genome(chromosome: Chromosome, raw: Chromosome, space: SearchSpace) -> None:
    """Fail unless a repaired chromosome is legal and canonical, can be written and read, and stays."""
    shape = space.input_shape
    excess, measure = space.limits.excess(chromosome.counts(shape, space.n_classes))
    assert excess <= 1, measure
    assert len(chromosome.layers) <= space.limits.depth
    assert len(list(chromosome.trace(shape))) == len(chromosome.layers)  # nothing inert is left
    for written in (raw, chromosome):
        assert space.parse(written.text) == written
        assert space.from_json(json.loads(json.dumps(written.to_json()))) == written
    assert space.repair(chromosome) == (chromosome, {})
    assert space.repair(raw).genome == chromosome


def check_training_step(chromosome: Chromosome, space: SearchSpace, seed: int) -> None:
    """Fail unless the network is as large as counted, and takes a step in which every weight has its part."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pool_order = POOL_ORDERS[seed % len(POOL_ORDERS)]
        network = build(chromosome, space.input_shape, space.n_classes, pool_order=pool_order)
        parameters = list(network.parameters())
        optimizer = torch.optim.SGD(parameters, lr=0.001)
        loss = functional.cross_entropy(network(torch.randn(2, *space.input_shape)), torch.arange(2))
        loss.backward()
        optimizer.step()
    assert loss.isfinite()
    assert all(p.grad is not None and p.isfinite().all() for p in parameters)
    counted = chromosome.counts(space.input_shape, space.n_classes).parameters
    assert sum(p.numel() for p in parameters) == counted


@pytest.mark.parametrize("seeds", BLOCKS)
def test_any_chain_of_operators_gives_networks_that_train(
    spaces: dict[str, SearchSpace], seeds: range
) -> None:
    for seed in seeds:
        name, space = chosen(spaces, seed)
        try:
            for step in (steps := chain_of(space, seed)):
                for raw, genome in zip(step.raw, step.after, strict=True):
                    if raw not in step.before:
                        check_genome(genome, raw, space)
            check_training_step(steps[-1].after[0], space, seed)
        except Exception as error:
            error.add_note(f"in chain {seed}, over {name}")
            raise


def test_chains_reach_every_operator_and_gene_and_are_not_trivial(spaces: dict[str, SearchSpace]) -> None:
    changed: Counter[str] = Counter()
    genes: dict[str, Counter[str]] = {}
    depths = []
    for seed in range(5 * len(spaces)):
        name, space = chosen(spaces, seed)
        steps = chain_of(space, seed)
        changed.update(step.operator for step in steps if step.raw != step.before)
        seen = genes.setdefault(name.split(" on ")[0], Counter())
        seen.update(gene.name() for step in steps for genome in step.after for gene in genome.layers)
        depths += [len(genome.layers) for genome in steps[-1].after]
    assert min(changed[name] for name in NAMES) >= 3, changed
    for name, space in spaces.items():
        assert {gene.name() for gene in space.genes} == set(genes[name.split(" on ")[0]])
    assert np.median(depths) >= 4
    assert {0, 1} <= set(depths)  # and the extremes are there


def test_a_chain_is_a_function_of_its_seed(spaces: dict[str, SearchSpace]) -> None:
    def bred(seed: int) -> list[Step]:
        return chain_of(chosen(spaces, seed)[1], seed)

    first = [bred(seed) for seed in range(50)]
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    assert [bred(seed) for seed in reversed(range(50))] == first[::-1]


def test_repair_never_draws(spaces: dict[str, SearchSpace]) -> None:
    steps = [
        (space, step) for n in range(70) for space in [chosen(spaces, n)[1]] for step in chain_of(space, n)
    ]
    before = global_states()
    n_changes = sum(bool(space.repair(raw).changes) for space, step in steps for raw in step.raw)
    assert global_states() == before
    assert n_changes > 50


def global_states() -> str:
    return repr((random.getstate(), np.random.get_state(), torch.random.get_rng_state().sum()))  # noqa: NPY002


MOTHER = (
    "conv8k3 · res8k3 · pool2 · link2 · dws16k3 · inv16k3e6 · dense8k3 · neck16k3 · drop.1 · link1"
    " | flatten dense16 | adam lr=.01 batch=32"
)
FATHER = "conv16k5 silu · pool3 average · conv32k3s2 | gap drop.3 | sgd lr=.05 wd=.0005 flip=.1"


@pytest.mark.parametrize("name", NAMES)
def test_an_operator_is_pure_and_draws_from_its_stream_alone(
    make_space: Callable[..., SearchSpace], name: str
) -> None:
    space = make_space(limits=Limits(depth=16))  # with room for one gene more
    pair = [space.parse(MOTHER), space.parse(FATHER)]
    before = [parent.to_json() for parent in pair], repr(space), global_states()
    offspring = [applied(name, pair, space, np.random.default_rng(seed)) for seed in range(20)]
    assert ([parent.to_json() for parent in pair], repr(space), global_states()) == before
    again = [applied(name, pair, space, np.random.default_rng(seed)) for seed in range(20)]
    assert again == offspring  # what is drawn follows from the stream ...
    assert len(set(map(tuple, offspring))) > 1  # ... which is used


@pytest.mark.parametrize("name", NAMES)
def test_an_operator_is_a_value_that_crosses_a_process(name: str) -> None:
    operator = OPERATORS[name]
    assert pickle.loads(pickle.dumps(operator)) == operator
    assert repr(operator).startswith(type(operator).__name__ + "(")


@pytest.mark.parametrize("name", NAMES)
def test_an_operator_takes_parents_without_layers(make_space: Callable[..., SearchSpace], name: str) -> None:
    space = make_space()
    empty = replace(space.parse(MOTHER), layers=())
    for seed in range(10):
        for pair in ([empty, space.parse(FATHER)], [space.parse(FATHER), empty], [empty, empty]):
            for child in applied(name, pair, space, np.random.default_rng(seed)):
                assert space.parse(child.text) == child

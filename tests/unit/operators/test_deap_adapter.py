"""Any stock DEAP operator over a list acts on the layers, and draws from the stream it is given."""

import pickle
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from deap import tools

from evocnn.errors import ExperimentError
from evocnn.genotype import Chromosome, Conv, Head, LayerGene, Recipe, SearchSpace
from evocnn.operators import DeapCrossover, DeapMutation, deap_operator

GENES = tuple(Conv(n, 3) for n in range(1, 9))
MOTHER = Chromosome(GENES[:5], Head("gap"), Recipe("sgd"))
FATHER = Chromosome(GENES[5:], Head("flatten"), Recipe("adam"))
CROSSOVERS = [
    DeapCrossover(tools.cxOnePoint),
    DeapCrossover(tools.cxTwoPoint),
    DeapCrossover(tools.cxMessyOnePoint),
    DeapCrossover(tools.cxUniform, {"indpb": 0.5}),
]
MUTATIONS = [DeapMutation(tools.mutShuffleIndexes, {"indpb": 0.5}), DeapMutation(tools.mutInversion)]


@pytest.fixture
def any_space(make_space: Callable[..., SearchSpace]) -> SearchSpace:
    return make_space()


def of(*layers: LayerGene) -> Chromosome:
    return Chromosome(layers, Head(), Recipe())


@pytest.mark.parametrize("crossover", CROSSOVERS, ids=lambda c: c.operator.__name__)
def test_a_crossover_of_deap_splices_layers_and_nothing_else(any_space: SearchSpace, crossover: Any) -> None:
    found = set()
    for seed in range(40):
        daughter, son = crossover(MOTHER, FATHER, any_space, np.random.default_rng(seed))
        assert (daughter.head, daughter.recipe) == (MOTHER.head, MOTHER.recipe)
        assert (son.head, son.recipe) == (FATHER.head, FATHER.recipe)
        assert Counter(daughter.layers + son.layers) == Counter(GENES)
        assert isinstance(daughter.layers, tuple)
        found.add(daughter.layers)
    assert len(found) > 1
    assert MOTHER.layers == GENES[:5]


def test_a_messy_crossover_changes_depths(any_space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    depths = {
        len(DeapCrossover(tools.cxMessyOnePoint)(MOTHER, FATHER, any_space, rng)[0].layers) for _ in range(60)
    }
    assert depths >= {0, 1, 5, 7, 8}  # even without layers a chromosome decodes


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.operator.__name__)
def test_a_mutation_of_deap_reorders_layers_and_nothing_else(any_space: SearchSpace, mutation: Any) -> None:
    children = [mutation(MOTHER, any_space, np.random.default_rng(seed)) for seed in range(40)]
    assert {tuple(sorted(child.layers, key=MOTHER.layers.index)) for child in children} == {MOTHER.layers}
    assert {(child.head, child.recipe) for child in children} == {(MOTHER.head, MOTHER.recipe)}
    assert len({child.layers for child in children}) > 2


def test_what_deap_draws_follows_from_the_stream_as_deap_would_draw_it(any_space: SearchSpace) -> None:
    child = DeapMutation(tools.mutShuffleIndexes, {"indpb": 0.5})(MOTHER, any_space, np.random.default_rng(3))
    kept = random.getstate()
    random.seed(int(np.random.default_rng(3).integers(2**63)))
    (expected,) = tools.mutShuffleIndexes(list(MOTHER.layers), indpb=0.5)
    random.setstate(kept)
    assert child.layers == tuple(expected)


@pytest.mark.parametrize("crossover", CROSSOVERS, ids=lambda c: c.operator.__name__)
@pytest.mark.parametrize("short", [of(), of(GENES[0])])
def test_short_parents_pass_unchanged(any_space: SearchSpace, crossover: Any, short: Chromosome) -> None:
    rng = np.random.default_rng(0)
    assert crossover(short, FATHER, any_space, rng) == (short, FATHER)
    assert crossover(FATHER, short, any_space, rng) == (FATHER, short)
    for mutation in MUTATIONS:
        assert mutation(short, any_space, rng) == short


@pytest.mark.parametrize("crossover", CROSSOVERS, ids=lambda c: c.operator.__name__)
def test_two_genes_are_enough(any_space: SearchSpace, crossover: Any) -> None:
    for seed in range(30):
        daughter, son = crossover(of(*GENES[:2]), of(*GENES[2:4]), any_space, np.random.default_rng(seed))
        assert Counter(daughter.layers + son.layers) == Counter(GENES[:4])


def failing(*genes: list[LayerGene]) -> None:
    message = f"no place among {len(genes[0])} genes for {random.random()}"
    raise ValueError(message)


@pytest.mark.parametrize("parents", [(MOTHER,), (MOTHER, FATHER)])
def test_the_state_of_random_is_put_back_even_after_an_error(
    any_space: SearchSpace, parents: tuple[Chromosome, ...]
) -> None:
    adapter: Any = DeapMutation(failing) if len(parents) == 1 else DeapCrossover(failing)
    before = random.getstate()
    with pytest.raises(ValueError, match="no place among 5 genes"):
        adapter(*parents, any_space, np.random.default_rng(0))
    assert random.getstate() == before


def test_an_adapter_pickles_and_prints_its_operator() -> None:
    adapter = DeapMutation(tools.mutShuffleIndexes, {"indpb": 0.5})
    assert pickle.loads(pickle.dumps(adapter)) == adapter
    assert "mutShuffleIndexes" in repr(adapter)
    assert "0.5" in repr(adapter)


def test_operators_are_found_by_deaps_own_names() -> None:
    assert deap_operator("cxTwoPoint") is tools.cxTwoPoint
    assert deap_operator("mutShuffleIndexes") is tools.mutShuffleIndexes


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cxTwoPiont", r"a DEAP operator must be one of .* 'cxTwoPiont'; did you mean 'cxTwoPoint.?'\?"),
        ("selNSGA2", "a DEAP operator must be one of .* but it was 'selNSGA2'"),
        ("zzz", "but it was 'zzz'; see deap.tools"),
    ],
)
def test_what_is_no_operator_of_deap_is_refused(name: str, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        deap_operator(name)

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from deap import base, tools
from hypothesis import given
from hypothesis import strategies as st

from evocnn.evaluation import Fitness, Individual, nondominated_ranks

WEIGHTS = (1.0, -1.0)


class PlainFitness(base.Fitness):
    """DEAP's own, under the same weights."""

    weights = WEIGHTS


few = st.integers(0, 3).map(float)  # few values, so that ties are common
pairs = st.tuples(few, few)
fitnesses = st.builds(
    lambda values, violation: Fitness(WEIGHTS, values, violation), pairs, st.sampled_from([0.0, 0.5, 1.0])
)


@given(pairs, pairs)
def test_among_feasible_ones_everything_is_as_in_deap(
    mine: tuple[float, ...], other: tuple[float, ...]
) -> None:
    a, b = Fitness(WEIGHTS, mine), Fitness(WEIGHTS, other)
    plain_a, plain_b = PlainFitness(mine), PlainFitness(other)
    assert a.values == plain_a.values
    assert a.wvalues == plain_a.wvalues
    assert a.dominates(b) == plain_a.dominates(plain_b)
    assert a.dominates(b, slice(0, 1)) == plain_a.dominates(plain_b, slice(0, 1))
    assert (a < b, a <= b, a > b, a >= b) == (
        plain_a < plain_b,
        plain_a <= plain_b,
        plain_a > plain_b,
        plain_a >= plain_b,
    )
    assert (a == b, a != b) == (plain_a == plain_b, plain_a != plain_b)


def test_it_can_be_set_cleared_and_set_again() -> None:
    fitness = Fitness(WEIGHTS)
    assert not fitness.valid
    fitness.values = (0.5, 3.0)
    assert fitness.valid
    assert fitness.wvalues == (0.5, -3.0)
    del fitness.values
    assert not fitness.valid


def test_the_weights_belong_to_the_object_and_not_to_the_class() -> None:
    one, two = Fitness((1.0,), (5.0,)), Fitness((-1.0, 1.0), (5.0, 6.0))
    assert one.wvalues == (5.0,)
    assert two.wvalues == (-5.0, 6.0)
    assert base.Fitness.weights is None


def test_constrained_domination_follows_definition_1() -> None:
    good, bad = Fitness(WEIGHTS, (0.9, 1.0)), Fitness(WEIGHTS, (0.1, 9.0))
    slightly = Fitness(WEIGHTS, (0.9, 1.0), violation=0.1)
    badly = Fitness(WEIGHTS, (1.0, 0.0), violation=0.2)
    assert good.dominates(bad)
    assert bad.dominates(slightly)  # the feasible one, however bad
    assert not slightly.dominates(bad)
    assert slightly.dominates(badly)  # the smaller violation, whatever the values
    assert not badly.dominates(slightly)
    as_badly = Fitness(WEIGHTS, (0.5, 5.0), violation=0.2)
    assert not badly.dominates(as_badly)  # equal violations: neither
    assert not as_badly.dominates(badly)


@given(fitnesses, fitnesses)
def test_equal_ones_have_equal_hashes(a: Fitness, b: Fitness) -> None:
    same = (a.values, a.violation) == (b.values, b.violation)
    assert (a == b) is same
    assert (a != b) is not same
    assert len({a, b}) == (1 if same else 2)
    assert a != a.wvalues


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda f: pickle.loads(pickle.dumps(f))])
def test_copies_keep_everything(duplicate: object) -> None:
    fitness = Fitness(WEIGHTS, (0.5, 3.0), violation=0.25)
    fitness.rank, fitness.crowding_dist = 4, 1.5
    twin = duplicate(fitness)
    assert twin is not fitness
    assert twin == fitness
    assert (twin.values, twin.weights, twin.violation) == ((0.5, 3.0), WEIGHTS, 0.25)
    assert (twin.rank, twin.crowding_dist) == (4, 1.5)
    twin.values = (0.0, 0.0)
    assert fitness.values == (0.5, 3.0)


@given(st.lists(fitnesses, min_size=1, max_size=14))
def test_deap_sorts_by_constrained_domination(found: list[Fitness]) -> None:
    individuals = [Individual(ticket, None, fitness) for ticket, fitness in enumerate(found)]
    fronts = tools.sortNondominated(individuals, len(individuals))
    assert sorted(i.ticket for front in fronts for i in front) == list(range(len(found)))
    losses = np.array([-np.array(fitness.wvalues) for fitness in found])
    ranks = nondominated_ranks(losses, np.array([fitness.violation for fitness in found]))
    for rank, front in enumerate(fronts):
        assert {int(ranks[i.ticket]) for i in front} == {rank}
    for front, following in pairwise(fronts):
        for individual in following:
            assert any(i.fitness.dominates(individual.fitness) for i in front)


def test_an_individual_is_itself_only() -> None:
    a, b = (Individual(1, None, Fitness(WEIGHTS, (1.0, 1.0))) for _ in range(2))
    assert a != b
    assert [b, a].index(a) == 1

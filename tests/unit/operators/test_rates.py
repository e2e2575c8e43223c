"""How often operators are drawn: as given, as chromosomes carry it, or as it pays."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import exp, log, sqrt
from typing import Any

import numpy as np
import pytest

from evocnn.genotype import Chromosome, Conv, Head, Pool, Recipe, SearchSpace
from evocnn.operators import (
    RATES,
    CreditRates,
    FixedRates,
    Offspring,
    Rates,
    SelfAdaptiveRates,
    Variation,
    Weighted,
)

MOTHER = Chromosome((Conv(8, 3), Pool(), Conv(8, 5)), Head(), Recipe())
FATHER = Chromosome((Conv(16, 3), Pool(), Conv(16, 5)), Head("gap", (16,)), Recipe("adam"))


def change(parent: Chromosome, space: object, rng: object) -> Chromosome:
    recipe = parent.recipe
    rate = recipe.learning_rate * (2 if recipe.learning_rate < 0.001 else 0.7)
    return replace(parent, recipe=recipe.having(learning_rate=rate))


def mix(mother: Chromosome, father: Chromosome, space: object, rng: object) -> Any:
    return replace(mother, head=father.head), replace(father, head=mother.head)


MUTATIONS = [Weighted("rare", change, 1.0), Weighted("usual", change, 2.0), Weighted("frequent", change, 5.0)]


class Normal:
    """A random stream whose normal draws are given."""

    def __init__(self, *draws: float) -> None:
        self.draws = np.array(draws)

    def standard_normal(self, size: int) -> np.ndarray:
        assert size == len(self.draws)
        return self.draws


def inherited(rates: SelfAdaptiveRates, carried: dict[str, float], *draws: float) -> dict[str, float]:
    mother = replace(MOTHER, rates=tuple(carried.items()))
    return dict(rates.inherited(mother, MUTATIONS, Normal(*draws)))  # type: ignore[arg-type]


@pytest.fixture
def any_space(make_space: Callable[..., SearchSpace]) -> SearchSpace:
    return make_space()


@pytest.mark.parametrize("rates", [FixedRates(), CreditRates()])
def test_where_chromosomes_carry_no_weights_the_given_ones_hold(rates: Rates) -> None:
    rng = np.random.default_rng(0)
    assert rates.inherited(replace(MOTHER, rates=(("rare", 1.0),)), MUTATIONS, rng) == ()
    assert rng.random() == np.random.default_rng(0).random()  # and nothing is drawn
    assert rates.weights(MUTATIONS, ()) == [1.0, 2.0, 5.0]


def test_fixed_rates_learn_nothing() -> None:
    rates = FixedRates()
    for _ in range(10):
        rates.learn(["rare"], succeeded=True)
        rates.learn(["usual"], succeeded=False)
    assert rates.weights(MUTATIONS, ()) == [1.0, 2.0, 5.0]


def test_a_first_self_adaptive_weight_is_the_given_share() -> None:
    assert inherited(SelfAdaptiveRates(), {}, 0, 0, 0) == {"rare": 1 / 8, "usual": 2 / 8, "frequent": 5 / 8}


def test_a_self_adaptive_weight_changes_by_a_log_normal_factor() -> None:
    carried = {"frequent": 0.2, "rare": 0.3, "usual": 0.5}  # by name, in whatever order
    factors = [exp(z / sqrt(3)) for z in (0.5, -1.0, 0.1)]
    values = [weight * factor for weight, factor in zip((0.3, 0.5, 0.2), factors, strict=True)]
    expected = {
        name: value / sum(values) for name, value in zip(("rare", "usual", "frequent"), values, strict=True)
    }
    assert inherited(SelfAdaptiveRates(), carried, 0.5, -1.0, 0.1) == pytest.approx(expected)


@pytest.mark.parametrize(("least", "floor"), [(0.1, 0.1 / 3), (0.3, 0.3 / 3)])
def test_no_self_adaptive_weight_falls_below_its_floor(least: float, floor: float) -> None:
    found = inherited(SelfAdaptiveRates(least), {"rare": 1e-9, "usual": 0.5, "frequent": 0.5}, 0, 0, 0)
    assert found == pytest.approx({"rare": floor, "usual": 0.5, "frequent": 0.5})


def test_self_adaptive_factors_are_log_normal() -> None:
    # 3000 factors: mean and variance of their logarithms within 5 standard errors; a false alarm in
    # fewer than 1 of 800,000 seeds. Quotients take out what makes weights sum to 1.
    rng, logs = np.random.default_rng(0), []
    even = replace(MOTHER, rates=tuple((operator.name, 1 / 3) for operator in MUTATIONS))
    for _ in range(3000):
        drawn = dict(SelfAdaptiveRates(least=0.0).inherited(even, MUTATIONS, rng))
        logs.append(log(drawn["rare"] / drawn["usual"]))
    variance = 2 / 3  # of the difference of two normal values of variance 1/3
    assert abs(np.mean(logs)) < 5 * sqrt(variance / 3000)
    assert abs(np.var(logs) - variance) < 5 * variance * sqrt(2 / 3000)


def test_weights_that_are_carried_decide_the_draw_of_mutations_alone() -> None:
    strategy = (("rare", 0.7), ("usual", 0.1), ("frequent", 0.2))
    assert SelfAdaptiveRates().weights(MUTATIONS, strategy) == [0.7, 0.1, 0.2]
    assert SelfAdaptiveRates().weights([Weighted("cross", mix, 3.0)], strategy) == [3.0]
    assert SelfAdaptiveRates().weights(MUTATIONS, ()) == [1.0, 2.0, 5.0]


def descendants(variation: Variation, space: SearchSpace, n: int, seed: int = 0) -> list[Offspring]:
    """Return a line in which each offspring is the next one's mother."""
    rng, mother, line = np.random.default_rng(seed), MOTHER, []
    for _ in range(n):
        line.append(variation.breed(mother, FATHER, space, rng))
        mother = line[-1].genome
    return line


def adaptive(crossover_rate: float = 0.3) -> Variation:
    return Variation([Weighted("cross", mix)], MUTATIONS, crossover_rate, 0.7, SelfAdaptiveRates())


def test_offspring_carry_weights_of_their_own_that_follow_from_their_mothers(any_space: SearchSpace) -> None:
    line = descendants(adaptive(), any_space, 60)
    carried = [dict(child.genome.rates) for child in line]
    assert all(set(rates) == {"rare", "usual", "frequent"} for rates in carried)
    assert all(1 - 1e-9 <= sum(rates.values()) < 1.1 for rates in carried)
    assert len({tuple(rates.values()) for rates in carried}) == 60
    # A factor is exp(N(0, 1/3)), so weights of one generation to the next stay closer than those
    # of generations far apart: with odds of a false alarm below 1 of 1000, for this seed none.
    logs = np.log([list(rates.values()) for rates in carried])
    near, far = (np.abs(logs[gap:] - logs[:-gap]).mean() for gap in (1, 20))
    assert near < far


def test_a_mother_that_carries_weights_hands_them_on(any_space: SearchSpace) -> None:
    # The mutation with a weight of 0.98 loses half of it with odds far below 1e-3 each time, and is
    # drawn with about those of its weight: 5 standard deviations of 400 draws are 0.07.
    rates = (("rare", 0.98), ("usual", 0.01), ("frequent", 0.01))
    mother, rng = replace(MOTHER, rates=rates), np.random.default_rng(3)
    children = [adaptive(0.0).breed(mother, FATHER, any_space, rng) for _ in range(400)]
    assert min(dict(child.genome.rates)["rare"] for child in children) > 0.5
    drawn = Counter(child.operators for child in children)
    assert drawn["rare",] > 0.83 * 400


def test_each_of_two_offspring_carries_weights_of_its_own_parent(any_space: SearchSpace) -> None:
    rare_rates = (("rare", 0.98), ("usual", 0.01), ("frequent", 0.01))
    other_rates = (("rare", 0.01), ("usual", 0.01), ("frequent", 0.98))
    couple = replace(MOTHER, rates=rare_rates), replace(FATHER, rates=other_rates)
    rng = np.random.default_rng(3)
    for mother, father in (couple, couple[::-1]):
        pairs = [adaptive(1.0).breed_both(mother, father, any_space, rng) for _ in range(20)]
        carried = [[dict(child.genome.rates) for child in pair] for pair in pairs]
        rare = [[weights["rare"] > 0.5 for weights in pair] for pair in carried]
        assert rare == [[mother is couple[0], father is couple[0]]] * 20


def test_carried_weights_are_no_part_of_identity_and_survive_repair_and_json(any_space: SearchSpace) -> None:
    child = descendants(adaptive(), any_space, 5)[-1].genome
    bare = replace(child, rates=())
    assert child.rates
    assert (child.key, child.text) == (bare.key, bare.text)
    assert child == bare
    assert any_space.repair(child).genome.rates == child.rates
    assert any_space.from_json(child.to_json()).rates == child.rates
    assert "rates" not in bare.to_json()


@pytest.mark.parametrize("name", sorted(RATES))
def test_breeding_with_rates_follows_from_the_stream(any_space: SearchSpace, name: str) -> None:
    lines = [
        descendants(
            Variation([Weighted("cross", mix)], MUTATIONS, rates=RATES[name]()), any_space, 30, seed=4
        )
        for _ in range(2)
    ]
    assert lines[0] == lines[1]
    rates = [[child.genome.rates for child in line] for line in lines]  # which equality passes over
    assert rates[0] == rates[1]
    assert (rates[0][-1] == ()) == (name != "self-adaptive")


def test_credit_is_the_running_mean_of_successes() -> None:
    rates = CreditRates(learning_rate=0.5, least=0.1)
    rates.learn(["rare", "usual"], succeeded=False)  # 1/2 each
    rates.learn(["usual"], succeeded=False)  # 1/4
    assert rates.weights(MUTATIONS, ()) == pytest.approx([1 * (0.1 + 0.9 / 2), 2 * (0.1 + 0.9 / 4), 5.0])
    rates.learn(["usual"], succeeded=True)  # 5/8
    assert rates.weights(MUTATIONS, ())[1] == pytest.approx(2 * (0.1 + 0.9 * 5 / 8))
    assert rates.weights(MUTATIONS[:1], ()) == [1.0]  # only shares among those drawn from matter


def test_success_raises_an_operators_share_and_failure_lowers_it() -> None:
    rates = CreditRates()

    def share() -> float:
        weights = rates.weights(MUTATIONS, ())
        return weights[0] / sum(weights)

    shares = [share()]
    for succeeded in (False, False, False, True, True):
        rates.learn(["rare"], succeeded=succeeded)
        shares.append(share())
    assert shares[0] > shares[1] > shares[2] > shares[3] < shares[4] < shares[5]


def test_credit_keeps_a_floor_and_given_weights_where_all_fail_alike() -> None:
    rates = CreditRates(least=0.2)
    for _ in range(500):
        rates.learn(["rare"], succeeded=False)
    assert rates.weights(MUTATIONS, ()) == pytest.approx([0.2 * 1, 2, 5])
    for _ in range(20_000):
        rates.learn(["rare", "usual", "frequent"], succeeded=False)
    assert rates.weights(MUTATIONS, ()) == pytest.approx([1, 2, 5])


def test_an_operator_whose_offspring_survive_is_drawn_more_often(any_space: SearchSpace) -> None:
    # With equal shares 250 of 500, 5 standard deviations 56; after 60 failures of the other one its
    # weight is near the floor, 0.1 to 1: 455 of 500, 5 standard deviations 32.
    mutations = [Weighted("good", change), Weighted("bad", change)]
    variation = Variation([], mutations, crossover_rate=0.0, rates=CreditRates())

    def n_good(seed: int) -> int:
        rng = np.random.default_rng(seed)
        children = [variation.breed(MOTHER, FATHER, any_space, rng) for _ in range(500)]
        return sum(child.operators == ("good",) for child in children)

    assert abs(n_good(0) - 250) < 56
    for _ in range(60):
        variation.learn(("good",), succeeded=True)
        variation.learn(("bad",), succeeded=False)
    assert abs(n_good(1) - 455) < 32


def test_credit_reaches_crossovers_too(any_space: SearchSpace) -> None:
    crossovers = [Weighted("good", mix), Weighted("bad", mix)]
    variation = Variation(crossovers, [], crossover_rate=1.0, mutation_rate=0.0, rates=CreditRates())
    for _ in range(60):
        variation.learn(("bad",), succeeded=False)
    rng = np.random.default_rng(0)
    drawn = Counter(variation.breed(MOTHER, FATHER, any_space, rng).operators for _ in range(500))
    assert abs(drawn["good",] - 455) < 32

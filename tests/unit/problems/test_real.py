"""Vectors of real numbers: space, variation, and the problems' formulas and fronts."""

import pickle
from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
import pytest

from evocnn.errors import ExperimentError, GeneError
from evocnn.evaluation import EvaluationRequest, hypervolume, nondominated_ranks
from evocnn.problems import Problem, RealSpace, RealVariation, RealVector, dtlz, zdt

PROBLEMS = [zdt(number) for number in (1, 2, 3, 4, 6)] + [
    dtlz(number, m) for number in (1, 2) for m in (2, 3)
]
NAMES = [f"{problem.name}-{len(problem.objectives.items)}" for problem in PROBLEMS]


def losses(problem: Problem, values: Sequence[float]) -> list[float]:
    request = EvaluationRequest(RealVector(tuple(values)), problem.fidelity)
    return list(problem.evaluator(request).metrics.values())


def test_a_drawn_vector_lies_in_the_cube_and_survives_json() -> None:
    space = RealSpace(4)
    vector = space.draw(np.random.default_rng(0))
    assert len(vector.values) == 4
    assert all(0 <= value <= 1 for value in vector.values)
    assert space.from_json(vector.to_json()) == vector
    assert space.repair(vector) == (vector, {})


@pytest.mark.parametrize("value", [[0.5], [0.5, "x"], "ab", [0.1, True]])
def test_what_is_no_vector_of_the_space_is_refused(value: Any) -> None:
    with pytest.raises(GeneError, match="a vector must be a list of 2 numbers"):
        RealSpace(2).from_json(value)


def test_repair_clips_and_counts() -> None:
    repaired = RealSpace(3).repair(RealVector((-0.5, 0.5, 2.0)))
    assert repaired.genome.values == (0.0, 0.5, 1.0)
    assert repaired.changes == {"clipped": 2}


def test_decisions_and_descriptions_have_the_same_names() -> None:
    space, asked = RealSpace(3), list[str]()

    def choose(name: str, alleles: Any) -> float:
        asked.append(name)
        return float(alleles.at(0.25))

    vector = space.compose(choose)
    assert space.describe(vector) == dict.fromkeys(asked, 0.25)


def test_keys_tell_vectors_apart() -> None:
    one, other = RealVector((0.1, 0.2)), RealVector((0.1, 0.2000000001))
    assert one.key == RealVector((0.1, 0.2)).key != other.key


def test_offspring_lie_in_the_cube_and_follow_from_the_stream() -> None:
    space, variation = RealSpace(5), RealVariation()
    mother, father = RealVector((0.0, 0.1, 0.5, 0.9, 1.0)), RealVector((1.0, 0.9, 0.4, 0.0, 0.0))
    for seed in range(200):
        child = variation.breed(mother, father, space, np.random.default_rng(seed)).genome
        assert all(0 <= value <= 1 for value in child.values)
        assert child == variation.breed(mother, father, space, np.random.default_rng(seed)).genome


def test_one_parent_is_mutated_and_not_crossed() -> None:
    space, parent = RealSpace(30), RealVector((0.5,) * 30)
    children = [
        RealVariation().breed(parent, parent, space, np.random.default_rng(seed)) for seed in range(400)
    ]
    assert {child.n_parents for child in children} == {1}
    n_changed = sum(sum(value != 0.5 for value in child.genome.values) for child in children)
    assert abs(n_changed - 400) < 100  # one of 30 on average; 5 standard deviations, odds below 1e-6


def test_without_mutation_a_child_keeps_the_sum_of_its_parents_on_average() -> None:
    space, mother, father = RealSpace(2), RealVector((0.4, 0.5)), RealVector((0.6, 0.5))
    variation = RealVariation(crossover_rate=1.0, mutation_rate=0.0)
    children = [variation.breed(mother, father, space, np.random.default_rng(seed)) for seed in range(400)]
    assert {child.operators for child in children} == {("simulated_binary",)}
    assert {child.genome.values[1] for child in children} == {0.5}
    assert abs(np.mean([child.genome.values[0] for child in children]) - 0.5) < 0.03


def test_two_children_share_what_their_parents_have() -> None:
    """Far from the bounds, both lie as far from the middle of their parents, so no end of them is lost."""
    space, mother, father = RealSpace(3), RealVector((0.5, 0.5, 0.5)), RealVector((0.51, 0.48, 0.5))
    for rate, names, n_parents in ((1.0, ("simulated_binary",), 2), (0.0, (), 1)):
        variation = RealVariation(crossover_rate=rate, mutation_rate=0.0)
        for seed in range(50):
            pair = variation.breed_both(mother, father, space, np.random.default_rng(seed))
            assert [child[1:] for child in pair] == [(names, n_parents, {}, 0)] * 2
            sums = np.sum([child.genome.values for child in pair], axis=0)
            assert sums == pytest.approx([1.01, 0.98, 1.0])
            assert [child.genome for child in pair] == [mother, father] or rate


def test_both_children_are_mutated_each_for_itself() -> None:
    space, parent = RealSpace(30), RealVector((0.5,) * 30)
    pairs = [
        RealVariation().breed_both(parent, parent, space, np.random.default_rng(seed)) for seed in range(400)
    ]
    places = [
        [{n for n, value in enumerate(child.genome.values) if value != 0.5} for child in pair]
        for pair in pairs
    ]
    for child in (0, 1):
        assert abs(sum(len(pair[child]) for pair in places) - 400) < 100  # as above
    assert sum(first == second != set() for first, second in places) < 40  # by chance, 12 of 400


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_a_problem_pickles_and_computes_the_same(problem: Problem) -> None:
    copy = pickle.loads(pickle.dumps(problem))
    values = [0.3] * problem.space.n_variables
    assert losses(copy, values) == losses(problem, values)
    assert copy.evaluator.context == problem.evaluator.context


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_the_front_has_no_dominated_point_and_dominates_all_that_is_drawn(problem: Problem) -> None:
    rng = np.random.default_rng(1)
    vectors = [problem.space.draw(rng).values for _ in range(200)]
    on_front = len(problem.front)
    together = np.vstack([problem.front, [losses(problem, values) for values in vectors]])
    ranks = nondominated_ranks(together, np.zeros(len(together)))
    assert (ranks[:on_front] == 0).all()
    assert (ranks[on_front:] > 0).all()


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_the_true_hypervolume_is_that_of_points_along_the_front(problem: Problem) -> None:
    reference = problem.objectives.reference_losses
    sampled = hypervolume(problem.front, reference)
    coarse = 0.03 if len(reference) == 3 else 0.002  # what a lattice leaves out
    assert 0 < problem.best_hypervolume - sampled < coarse * problem.best_hypervolume
    assert problem.gap(problem.front) == pytest.approx(1 - sampled / problem.best_hypervolume)


@pytest.mark.parametrize(("number", "rest"), [(1, 0.0), (2, 0.0), (3, 0.0), (4, 0.5), (6, 0.0)])
def test_the_best_further_values_of_zdt_give_points_of_the_front(number: int, rest: float) -> None:
    problem = zdt(number)
    f1, f2 = losses(problem, [0.04, *[rest] * (problem.space.n_variables - 1)])
    curve = {1: 1 - sqrt(f1), 4: 1 - sqrt(f1), 2: 1 - f1**2, 6: 1 - f1**2}
    expected = curve.get(number, 1 - sqrt(f1) - f1 * np.sin(10 * np.pi * f1))
    assert f2 == pytest.approx(expected)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, [0.25, 5.5 * (1 - sqrt(0.25 / 5.5))]),
        (2, [0.25, 5.5 * (1 - (0.25 / 5.5) ** 2)]),
        (3, [0.25, 5.5 * (1 - sqrt(0.25 / 5.5) - 0.25 / 5.5)]),
    ],
)
def test_zdt_gives_values_worked_out_by_hand(number: int, expected: list[float]) -> None:
    assert losses(zdt(number, 3), [0.25, 0.25, 0.75]) == pytest.approx(expected)


def test_zdt4_maps_further_values_to_five_on_each_side() -> None:
    f1, f2 = losses(zdt(4, 2), [0.0, 0.6])  # 1, on the scale of the paper
    assert (f1, f2) == pytest.approx((0.0, 1 + 10 + 1 - 10))


def test_the_best_further_values_of_dtlz_give_points_of_the_front() -> None:
    rest = [0.5] * 10
    assert sum(losses(dtlz(1), [0.2, 0.7, *rest[:5]])) == pytest.approx(0.5)
    assert losses(dtlz(1), [0.2, 0.7, *rest[:5]]) == pytest.approx([0.07, 0.03, 0.4])
    assert np.linalg.norm(losses(dtlz(2), [0.2, 0.7, *rest])) == pytest.approx(1.0)
    assert losses(dtlz(2), [0.0, 1.0, *rest]) == pytest.approx([0.0, 1.0, 0.0], abs=1e-12)


def test_dtlz_off_the_front_is_farther_out() -> None:
    assert sum(losses(dtlz(1), [0.2, 0.7, 1.0, *[0.5] * 4])) == pytest.approx(0.5 * (1 + 100 * 0.25))
    assert np.linalg.norm(losses(dtlz(2), [0.2, 0.7, 1.0, *[0.5] * 9])) == pytest.approx(1.25)


def test_unknown_problems_are_refused() -> None:
    with pytest.raises(
        ExperimentError, match=r"a ZDT problem must be one of \[1, 2, 3, 4, 6\], but it was 5"
    ):
        zdt(5)
    with pytest.raises(ExperimentError, match="at least 2 variables"):
        zdt(1, 1)
    with pytest.raises(ExperimentError, match="a DTLZ problem must be one of"):
        dtlz(3)

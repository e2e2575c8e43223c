"""The synthetic landscape of CNNs: noise that repeats, and a front that is the whole truth."""

import pickle

import numpy as np
import pytest

from evocnn.errors import ExperimentError
from evocnn.evaluation import EvaluationRequest, nondominated_ranks
from evocnn.problems import landscape, true_accuracy, true_losses
from evocnn.problems.landscape import SPACE


def test_the_front_dominates_or_equals_every_chromosome_drawn() -> None:
    problem, rng = landscape(), np.random.default_rng(0)
    drawn = true_losses(SPACE.sample(rng) for _ in range(250))
    for point in drawn:
        assert (problem.front <= point + 1e-12).all(axis=1).any()


def test_each_point_of_the_front_can_be_bred() -> None:
    problem, rng = landscape(), np.random.default_rng(0)
    population = [SPACE.sample(rng) for _ in range(40)]
    for _ in range(20):  # climb along the front
        mothers = [population[int(n)] for n in rng.integers(len(population), size=40)]
        fathers = [population[int(n)] for n in rng.integers(len(population), size=40)]
        pairs = zip(mothers, fathers, strict=True)
        children = [problem.variation.breed(one, other, SPACE, rng).genome for one, other in pairs]
        population = list({one.key: one for one in [*population, *children]}.values())
        losses = true_losses(population)
        ranks = nondominated_ranks(losses, np.zeros(len(losses)))
        population = [population[int(index)] for index in np.argsort(ranks, kind="stable")[:40]]
    found = true_losses(population)
    assert 0 <= problem.gap(found) < 0.05
    assert sum(np.isclose(found, point).all(axis=1).any() for point in problem.front) >= 5


def test_noise_differs_between_replicates_and_repeats_in_each() -> None:
    chromosome = SPACE.sample(np.random.default_rng(3))
    problem = landscape(noise=0.01)
    requests = [EvaluationRequest(chromosome, problem.fidelity, replicate) for replicate in range(200)]
    found = [problem.evaluator(request).metrics["validation_accuracy"] for request in requests]
    again = pickle.loads(pickle.dumps(problem)).evaluator(requests[7]).metrics["validation_accuracy"]
    assert again == found[7]
    assert abs(np.mean(found) - true_accuracy(chromosome)) < 0.004  # 5 standard errors, odds below 1e-6
    assert 0.007 < np.std(found) < 0.013


def test_another_seed_is_another_noise() -> None:
    request = EvaluationRequest(SPACE.sample(np.random.default_rng(3)), landscape().fidelity)
    ours, theirs = (landscape(noise=0.01, seed=seed).evaluator for seed in (0, 1))
    assert ours(request).metrics != theirs(request).metrics
    assert ours.context != theirs.context


def test_without_noise_the_true_accuracy_is_told() -> None:
    chromosome = SPACE.sample(np.random.default_rng(3))
    metrics = landscape().evaluator(EvaluationRequest(chromosome, landscape().fidelity)).metrics
    assert metrics["validation_accuracy"] == true_accuracy(chromosome)
    assert true_losses([chromosome]).tolist() == [
        [-true_accuracy(chromosome), pytest.approx(np.log10(metrics["parameters"]))]
    ]


def test_negative_noise_is_refused() -> None:
    with pytest.raises(ExperimentError, match="noise must be at least 0, but it was -1"):
        landscape(noise=-1)

"""The predictor that learns from candidates told."""

import numpy as np
import pytest

from evocnn.search.predictor import Predictor

RNG = np.random.default_rng(0)
GENOMES = [tuple(row) for row in RNG.random((60, 3)) * (1.0, 100.0, 1.0)]  # units must not matter
ACCURACIES = np.array([0.3 * a + 0.006 * b for a, b, _ in GENOMES])


def described(genome: tuple[float, ...]) -> dict[str, float]:
    return dict(zip("abc", genome, strict=True))


def fitted(accuracies: np.ndarray = ACCURACIES) -> Predictor:
    predictor = Predictor(described)
    assert predictor.fit(GENOMES, accuracies)
    return predictor


def test_before_it_has_learned_it_says_nothing() -> None:
    assert Predictor(described)(GENOMES[0]) is None


def test_it_learns_what_makes_accuracy() -> None:
    predictor = fitted()
    along = [predictor((share, 100 * share, 0.5)) for share in (0.1, 0.4, 0.7, 0.9)]
    assert None not in along
    assert (np.diff(np.array(along, dtype=float)) > 0.15).all()
    assert predictor((0.5, 50.0, 0.1)) == pytest.approx(predictor((0.5, 50.0, 0.9)), abs=0.05)


def test_it_predicts_the_share_of_those_told_that_are_beaten() -> None:
    ranks = (np.argsort(np.argsort(ACCURACIES)) + 0.5) / len(ACCURACIES)
    predicted = [*map(fitted(), GENOMES)]
    assert np.mean(predicted) == pytest.approx(0.5)
    assert np.corrcoef(predicted, ranks)[0, 1] > 0.95


def test_only_the_order_of_accuracies_matters() -> None:
    assert fitted(ACCURACIES**9)(GENOMES[0]) == fitted()(GENOMES[0])


def test_equals_share_a_rank() -> None:
    predicted = [*map(fitted(np.full(60, 0.5)), GENOMES)]
    assert predicted == pytest.approx(np.full(60, 0.5))


def test_it_learns_anew_each_time() -> None:
    predictor = fitted()
    predictor.fit(GENOMES, -ACCURACIES)
    assert predictor(GENOMES[0]) == fitted(-ACCURACIES)(GENOMES[0])

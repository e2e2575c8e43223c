"""Gaussian process regression."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct

from evocnn.search.gaussian_process import LEARNED_FROM, GaussianProcess, Scales, likeliest, unlikeliness_of

RNG = np.random.default_rng(0)
ROWS = RNG.random((60, 3)) * (1.0, 100.0, 1e-4)  # units must not matter
UNITS = (ROWS - ROWS.mean(axis=0)) / ROWS.std(axis=0)
SMOOTH = np.sin(2 * UNITS[:, 0]) + UNITS[:, 1]


def _scales(length: float, slope: float = 0.0, noise: float = 1e-3) -> Scales:
    return Scales(np.full(3, length), slope, noise)


@pytest.mark.parametrize("slope", [1e-9, 0.6])
def test_it_agrees_with_scikit_learn(slope: float) -> None:
    lengths = np.array([0.7, 2.0, 5.0])
    mine = GaussianProcess(ROWS[:40], SMOOTH[:40], Scales(lengths, slope, noise=0.05))
    spread, center = ROWS[:40].std(axis=0), ROWS[:40].mean(axis=0)
    known, asked = (ROWS[:40] - center) / spread, (ROWS[40:] - center) / spread
    kernel = RBF(lengths) + ConstantKernel(slope / 3) * DotProduct(1e-6)
    theirs = GaussianProcessRegressor(kernel, alpha=0.05, optimizer=None)
    targets = (SMOOTH[:40] - SMOOTH[:40].mean()) / SMOOTH[:40].std()
    means, deviations = theirs.fit(known, targets).predict(asked, return_std=True)
    signal = targets @ np.linalg.solve(theirs.kernel_(known) + 0.05 * np.eye(40), targets) / 40
    own_means, own_deviations = mine.predict(ROWS[40:])
    assert own_means == pytest.approx(SMOOTH[:40].mean() + SMOOTH[:40].std() * means, rel=1e-6)
    assert own_deviations == pytest.approx(SMOOTH[:40].std() * np.sqrt(signal) * deviations, rel=1e-4)


def test_what_was_seen_without_noise_is_certain() -> None:
    means, deviations = GaussianProcess(ROWS, SMOOTH, _scales(0.8, slope=1.0, noise=1e-6)).predict(ROWS)
    assert means == pytest.approx(SMOOTH, abs=1e-3)
    assert deviations.max() < 0.05


def test_a_trend_goes_on_beyond_what_was_seen() -> None:
    rows = np.linspace(0, 1, 20)[:, None]
    for slope, least in ((1.0, 1.8), (0.0, 0.0)):
        process = GaussianProcess(rows, rows[:, 0], Scales(np.array([0.2]), slope, noise=1e-3))
        far = process.predict(np.array([[2.0]]))[0][0]
        assert (far > least) if slope else (far < 1.2)


@pytest.mark.parametrize("constant", [7.0, 0.1, np.log(3)])  # the spread of the last two is rounded, not 0
def test_a_feature_that_never_varied_says_nothing(constant: float) -> None:
    rows = np.column_stack([ROWS[:25, 0], np.full(25, constant), ROWS[:25, 1]])
    scales = likeliest(rows, SMOOTH[:25])
    assert np.isinf(scales.lengths).tolist() == [False, True, False]
    process = GaussianProcess(rows, SMOOTH[:25], Scales(scales.lengths, 0.0, scales.noise))
    elsewhere = rows + np.array([0.0, 5.0, 0.0])
    assert process.predict(elsewhere)[0] == pytest.approx(process.predict(rows)[0])


def test_the_features_that_vary_get_the_lengths_that_they_would_have_alone() -> None:
    rows = np.column_stack([ROWS[:, 0], np.full(60, 0.1), ROWS[:, 1]])
    alone = likeliest(ROWS[:, :2], SMOOTH)
    assert likeliest(rows, SMOOTH).lengths[[0, 2]] == pytest.approx(alone.lengths, rel=0.05)


def test_equal_targets_are_predicted_as_they_are() -> None:
    means, deviations = GaussianProcess(ROWS, np.full(60, 3.0), likeliest(ROWS, np.full(60, 3.0))).predict(
        ROWS
    )
    assert means == pytest.approx(np.full(60, 3.0))
    assert np.isfinite(deviations).all()


def test_the_gradient_is_that_of_the_likelihood() -> None:
    differences = (UNITS[:, None, :] - UNITS) ** 2
    trend = UNITS @ UNITS.T / 3
    values = (SMOOTH - SMOOTH.mean()) / SMOOTH.std()
    place = np.array([0.3, -0.2, 0.8, -2.0, -0.5])
    _, gradient = unlikeliness_of(place, differences, trend, values)
    numeric = approx_fprime(place, lambda at: unlikeliness_of(at, differences, trend, values)[0], 1e-6)
    assert gradient == pytest.approx(numeric, rel=1e-3)


def test_the_likelihood_is_that_of_scikit_learn() -> None:
    lengths, noise, slope = np.array([0.7, 2.0, 5.0]), 0.05, 0.4
    values = (SMOOTH - SMOOTH.mean()) / SMOOTH.std()
    kernel = ConstantKernel(1.0) * RBF(lengths) + ConstantKernel(slope / 3) * DotProduct(1e-6)
    covariance = kernel(UNITS) + noise * np.eye(60)
    signal = values @ np.linalg.solve(covariance, values) / 60
    expected = -multivariate_normal(np.zeros(60), signal * covariance).logpdf(values)
    logarithms = np.log([*lengths, noise, slope])
    found, _ = unlikeliness_of(logarithms, (UNITS[:, None, :] - UNITS) ** 2, UNITS @ UNITS.T / 3, values)
    assert found == pytest.approx(expected - 30 * (1 + np.log(2 * np.pi)))


def test_lengths_are_expected_to_be_longer_the_more_features_there_are() -> None:
    few, many = (
        np.log(likeliest(np.random.default_rng(2).random((4, n)), np.zeros(4)).lengths).mean()
        for n in (2, 32)
    )
    assert many - few == pytest.approx(0.5 * np.log(16), abs=0.3)


def test_scales_are_learned_from_the_last_points_in_units_of_all() -> None:
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.random((150, 2)) * 10, rng.random((LEARNED_FROM, 2))])
    early, late = rows[:150], rows[150:]
    targets = np.concatenate([np.sin(early[:, 0]), np.sin(8 * late[:, 1])])
    scales = likeliest(rows, targets)
    assert scales.lengths[1] < scales.lengths[0]
    in_raw_units = scales.lengths[1] * rows[:, 1].std()
    assert in_raw_units == pytest.approx(0.2, abs=0.15)  # of a sine with a period of 0.8


def test_the_likeliest_noise_is_near_the_true_one() -> None:
    assert likeliest(ROWS, SMOOTH).noise < 0.01
    noise = RNG.standard_normal(60)
    noisy = GaussianProcess(ROWS, noise, likeliest(ROWS, noise)).predict(ROWS)[0]
    assert noisy.std() < 0.5 * noise.std()


def test_a_feature_that_does_not_matter_is_told_from_those_that_do() -> None:
    lengths = likeliest(ROWS, SMOOTH).lengths
    assert lengths[2] > 5 * lengths[0]


def test_a_length_for_each_feature_predicts_better_than_one_for_all() -> None:
    rng = np.random.default_rng(1)
    rows = rng.random((120, 12))
    values = np.sin(6 * rows[:, 0]) + rows[:, 1] * rows[:, 2]
    known, asked = rows[:80], rows[80:]
    found = likeliest(known, values[:80])
    alike = Scales(np.full(12, np.exp(0.35) * np.sqrt(12)), 1.0, 0.01)
    errors = [
        np.abs(GaussianProcess(known, values[:80], scales).predict(asked)[0] - values[80:]).mean()
        for scales in (found, alike)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_scales_do_not_depend_on_the_units_of_what_is_learned() -> None:
    scales, others = likeliest(ROWS, SMOOTH), likeliest(ROWS * 1000, 5 - 0.01 * SMOOTH)
    assert others.lengths == pytest.approx(scales.lengths, rel=1e-3)
    assert others.noise == pytest.approx(scales.noise, rel=1e-3)

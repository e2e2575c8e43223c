"""Gaussian process regression."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from evocnn.search.gaussian_process import GaussianProcess, Scales, likeliest

RNG = np.random.default_rng(0)
ROWS = RNG.random((60, 3)) * (1.0, 100.0, 1e-4)  # units must not matter
UNITS = (ROWS - ROWS.mean(axis=0)) / ROWS.std(axis=0)
SMOOTH = np.sin(2 * UNITS[:, 0]) + UNITS[:, 1]


def _scales(length: float, slope: float = 0.0, noise: float = 1e-3) -> Scales:
    return Scales(np.full(3, length), slope, noise)


def test_it_agrees_with_scikit_learn() -> None:
    lengths = np.array([0.7, 2.0, 5.0])
    mine = GaussianProcess(ROWS[:40], SMOOTH[:40], Scales(lengths, slope=0.0, noise=0.05))
    spread, center = ROWS[:40].std(axis=0), ROWS[:40].mean(axis=0)
    known, asked = (ROWS[:40] - center) / spread, (ROWS[40:] - center) / spread
    theirs = GaussianProcessRegressor(RBF(lengths), alpha=0.05, optimizer=None)
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


def test_a_feature_without_spread_and_equal_targets_do_no_harm() -> None:
    rows = np.column_stack([ROWS, np.full(60, 7.0)])
    scales = likeliest(rows, np.full(60, 3.0))
    means, deviations = GaussianProcess(rows, np.full(60, 3.0), scales).predict(rows)
    assert means == pytest.approx(np.full(60, 3.0))
    assert np.isfinite(deviations).all()


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

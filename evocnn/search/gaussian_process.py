"""Gaussian process regression, small enough to be fitted anew for every few candidates."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

LENGTHS = (0.05, 0.15, 0.5, 1.5)  # of the kernel, squared, in mean squared distances
SLOPES = (0.0, 1.0)  # variance of a linear trend, in that of the rest
NOISES = (1e-4, 1e-2, 0.05, 0.2, 0.5)  # variance of the noise, likewise


@dataclass(frozen=True)
class Scales:
    """How a Gaussian process weighs distance, trend and noise.

    Attributes:
        length: Squared length of the kernel, in mean squared distances.
        slope: Variance of a linear trend.
        noise: Variance of the noise.
    """

    length: float = 0.4
    slope: float = 1.0
    noise: float = 0.05


class GaussianProcess:
    """Gaussian process regression with a squared exponential kernel and a linear trend.

    Rasmussen and Williams (2006), "Gaussian Processes for Machine Learning", algorithm 2.1; the
    signal's variance is the one of greatest likelihood.

    Args:
        rows: What describes each point, in any units, shape `(n_points, n_features)`.
        targets: Values, shape `(n_points,)`.
        scales: As found by `likeliest`.
    """

    def __init__(self, rows: np.ndarray, targets: np.ndarray, scales: Scales) -> None:
        self._center, self._spread = rows.mean(axis=0), rows.std(axis=0)
        self._scales = scales
        self._rows = self._standardized(rows)
        self._mean, self._unit = float(targets.mean()), float(targets.std()) or 1.0
        standardized = (targets - self._mean) / self._unit
        covariance = self._kernel(self._rows) + scales.noise * np.eye(len(rows))
        self._factor = np.linalg.cholesky(covariance)
        self._weights = cho_solve((self._factor, True), standardized)
        self._signal = float(standardized @ self._weights) / len(rows)

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the values without noise, each `(n_rows,)`."""
        rows = self._standardized(rows)
        covariance = self._kernel(rows)  # (n_rows, n_points)
        explained = solve_triangular(self._factor, covariance.T, lower=True)  # (n_points, n_rows)
        own = 1 + self._scales.slope * (rows**2).mean(axis=1)
        variance = np.maximum(own - (explained**2).sum(axis=0), 1e-12) * self._signal
        return self._mean + self._unit * (covariance @ self._weights), self._unit * np.sqrt(variance)

    def _standardized(self, rows: np.ndarray) -> np.ndarray:
        standardized: np.ndarray = (rows - self._center) / np.where(self._spread > 0, self._spread, 1.0)
        return standardized

    def _kernel(self, rows: np.ndarray) -> np.ndarray:
        near = np.exp(-_distances(rows, self._rows) / self._scales.length)
        covariance: np.ndarray = near + self._scales.slope * (rows @ self._rows.T) / rows.shape[1]
        return covariance


def likeliest(rows: np.ndarray, targets: np.ndarray) -> Scales:
    """Return the scales of greatest marginal likelihood on a grid.

    Args:
        rows: As in `GaussianProcess`.
        targets: As in `GaussianProcess`.
    """
    spread, unit = rows.std(axis=0), float(targets.std()) or 1.0
    rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    targets = (targets - targets.mean()) / unit
    distances, trend = _distances(rows, rows), rows @ rows.T / rows.shape[1]
    best, best_likelihood = Scales(), -np.inf
    for length, slope in product(LENGTHS, SLOPES):
        values, vectors = np.linalg.eigh(np.exp(-distances / length) + slope * trend)
        energies = (vectors.T @ targets) ** 2
        for noise in NOISES:
            variances = np.maximum(values, 0) + noise
            signal = max(float((energies / variances).mean()), 1e-12)
            likelihood = -0.5 * (len(targets) * np.log(signal) + np.log(variances).sum())
            if likelihood > best_likelihood:
                best, best_likelihood = Scales(length, slope, noise), likelihood
    return best


def _distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return squared distances of standardized rows, as shares of their mean, `(n_left, n_right)`."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    distances: np.ndarray = np.maximum(squares, 0) / (2 * left.shape[1])
    return distances

"""The mean difference of two arms that were run with the same seeds, with its interval, and as a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from scipy.stats import t

from evocnn.report.figures import Figure

ERRORS = 5  # standard errors that a repetition elsewhere may be away


@dataclass(frozen=True)
class PairedDifference:
    """What one arm has more than another, paired by seed (Student).

    Attributes:
        mean: The mean difference.
        error: Its standard error.
        n: How many pairs.
    """

    mean: float
    error: float
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds at 95 % confidence."""
        reach = float(t.ppf(0.975, self.n - 1)) * self.error
        return self.mean - reach, self.mean + reach

    @property
    def p(self) -> float:
        """How often chance alone makes a difference as large, either way."""
        if self.error == 0:
            return float(self.mean == 0)
        return float(2 * t.sf(abs(self.mean) / self.error, self.n - 1))

    def __str__(self) -> str:
        """Return it as `+0.0120 (-0.0010 to +0.0250)`."""
        low, high = self.interval
        return f"{self.mean:+.4f} ({low:+.4f} to {high:+.4f})"

    def figure(self, least: float) -> Figure:
        """Return it with a tolerance that its spread gives, and at least so large a one."""
        return Figure(self.mean, max(ERRORS * self.error, least), is_exact=True)


def paired_difference(ours: Sequence[float], others: Sequence[float]) -> PairedDifference:
    """Return what the first has more than the second, at least two of each, in the order of the seeds."""
    differences = [one - other for one, other in zip(ours, others, strict=True)]
    return PairedDifference(fmean(differences), stdev(differences) / sqrt(len(differences)), len(differences))


def mean_and_deviation(values: Sequence[float]) -> str:
    """Return mean and standard deviation as `0.8120 ± 0.0030`, of a single value itself."""
    spread = f" ± {stdev(values):.4f}" if len(values) > 1 else ""
    return f"{fmean(values):.4f}{spread}"

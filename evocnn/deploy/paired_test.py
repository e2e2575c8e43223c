"""McNemar's test: whether one of two networks finds more of the same images, or luck will do."""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from evocnn.genotype import JSON

LEVEL = 0.05  # of p, from which on no difference is claimed


@dataclass(frozen=True)
class PairedTest:
    """What the same images say of two networks; those that both find, or both miss, say nothing.

    Attributes:
        n_images: All images.
        n_first: Those that the first network alone finds.
        n_second: Those that the second alone finds.
    """

    n_images: int
    n_first: int
    n_second: int

    @property
    def p(self) -> float:
        """Probability of counts as uneven, either way, if neither network were the better one.

        McNemar (1947), "Note on the Sampling Error of the Difference between Correlated Proportions or
        Percentages", with the binomial distribution in place of its approximation.
        """
        n = self.n_first + self.n_second
        return float(binomtest(self.n_first, n, 0.5).pvalue) if n else 1.0

    @property
    def figures(self) -> dict[str, JSON]:
        """The test as plain data."""
        return {
            "test": "McNemar, exact, two-sided",
            "images": self.n_images,
            "first_alone": self.n_first,
            "second_alone": self.n_second,
            "p": self.p,
        }

    def lines(self, first: str, second: str) -> tuple[str, str]:
        """Return what was found and what may be claimed, given what the networks are called."""
        found = (
            f"of {self.n_images:,} test images {first} alone finds {self.n_first:,}, {second} alone "
            f"{self.n_second:,}: p = {self.p:.2g} (McNemar, exact)"
        )
        if self.p >= LEVEL:
            return found, f"so no difference between them may be claimed at the level {LEVEL:g}"
        better, other = (first, second) if self.n_first > self.n_second else (second, first)
        return found, (
            f"so {better} may be called more accurate than {other} at the level {LEVEL:g}, as they were "
            "trained here; other seeds may differ"
        )


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> PairedTest:
    """Return the test of two networks, given whether each of the same images was found, in one order."""
    pairs = list(zip(first, second, strict=True))
    return PairedTest(len(pairs), pairs.count((True, False)), pairs.count((False, True)))

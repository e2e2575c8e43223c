"""Alleles: permitted values, and how to move among them."""

from dataclasses import dataclass
from math import exp, log, log10

import numpy as np

from evocnn.errors import SpaceError
from evocnn.genotype.text_form import Value

STEP = 0.25  # a continuous allele's mutation, as a share of its range (standard deviation)


@dataclass(frozen=True, slots=True)
class Choice:
    """A list of values; numbers are neighbours in rising order, words have no order."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        """Put numbers in rising order."""
        if not self.values:
            message = "alleles must hold at least one value, but they were []; list the values to choose from"
            raise SpaceError(message)
        for value in self.values:
            if not _is_allele(value):
                message = f"an allele must be a number, a word or numbers, but it was {value!r}; correct it"
                raise SpaceError(message)
        distinct = tuple(dict.fromkeys(self.values))
        ordered = distinct if self.is_words else tuple(sorted(distinct, key=_size))
        object.__setattr__(self, "values", ordered)

    def __contains__(self, value: object) -> bool:
        """Return whether a value is one of these."""
        return value in self.values

    @property
    def is_words(self) -> bool:
        """Whether the values have no order."""
        return any(isinstance(value, str) for value in self.values)

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose."""
        return len(self.values) == 1

    def sample(self, rng: np.random.Generator) -> Value:
        """Return a value, each equally likely."""
        return self.values[int(rng.integers(len(self.values)))]

    def step(self, value: Value, rng: np.random.Generator) -> Value:
        """Return another value: a neighbour among numbers, any other among words."""
        if self.is_words or value not in self.values:
            others = [other for other in self.values if other != value]
        else:
            index = self.values.index(value)
            others = [*self.values[max(0, index - 1) : index], *self.values[index + 1 : index + 2]]
        return others[int(rng.integers(len(others)))] if others else value

    def nearest(self, value: Value) -> Value:
        """Return the value itself if it is one of these, else the nearest number or the first word."""
        if value in self.values or self.is_words:
            return value if value in self.values else self.values[0]
        return min(self.values, key=lambda other: abs(_size(other) - _size(value)))

    def smaller(self, value: Value) -> Value | None:
        """Return the next smaller value, or None where there is none."""
        below = [other for other in self.values if _size(other) < _size(value)]
        return below[-1] if below else None

    def larger(self, value: Value) -> Value | None:
        """Return the next larger value, or None where there is none."""
        return next((other for other in self.values if _size(other) > _size(value)), None)


@dataclass(frozen=True, slots=True)
class Range:
    """Real values between two bounds, rounded to three significant digits to stay readable.

    Attributes:
        low: Least value.
        high: Greatest value.
        log: Whether equal ratios, not equal differences, are equally likely.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        """Check the bounds."""
        if not self.low < self.high or (self.log and self.low <= 0):
            rule = "rise from low to high" + (", above 0 on a log scale" if self.log else "")
            message = (
                f"a range must {rule}, but it was [{self.low}, {self.high}]; exchange or correct the bounds"
            )
            raise SpaceError(message)

    def __contains__(self, value: object) -> bool:
        """Return whether a value is a number between the bounds."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose: never."""
        return False

    def sample(self, rng: np.random.Generator) -> Value:
        """Return a value, uniform on the range's scale."""
        return self.at(float(rng.random()))

    def step(self, value: Value, rng: np.random.Generator) -> Value:
        """Return the value after a normal step on the range's scale, reflected at the bounds."""
        position = self.position(float(value)) + STEP * float(rng.standard_normal())  # type: ignore[arg-type]
        folded = abs(position) % 2
        return self.at(2 - folded if folded > 1 else folded)

    def nearest(self, value: Value) -> Value:
        """Return the value, moved into the range."""
        return min(max(float(value), self.low), self.high)  # type: ignore[arg-type]

    def smaller(self, value: Value) -> Value | None:  # noqa: ARG002 - a continuous field is no width
        """Return None: a continuous field is no width."""
        return None

    def larger(self, value: Value) -> Value | None:  # noqa: ARG002 - as above
        """Return None: a continuous field is no width."""
        return None

    def position(self, value: float) -> float:
        """Return where a value lies on the range's scale: 0 at the least, 1 at the greatest."""
        if self.log:
            return log(max(value, 1e-300) / self.low) / log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, position: float) -> float:
        """Return the value at a position between 0 and 1, rounded."""
        if self.log:
            value = exp(log(self.low) + position * (log(self.high) - log(self.low)))
        else:
            value = self.low + position * (self.high - self.low)
        digits = 2 - int(np.floor(log10(abs(value)))) if value else 0
        return min(max(round(value, digits), self.low), self.high)


Alleles = Choice | Range


def _is_allele(value: object) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return all(type(part) in (int, float) for part in parts) or type(value) is str


def _size(value: Value) -> float:
    """Return what orders alleles: a number itself, the sum of a tuple."""
    return float(sum(value)) if isinstance(value, tuple) else float(value)

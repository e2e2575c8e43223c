"""Alleles: the permitted values of a gene's fields, and how to move among them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from itertools import combinations_with_replacement, product
from math import exp, log, log10
from typing import Any, Generic, TypeVar

import numpy as np

from evocnn.errors import GeneError, SpaceError, did_you_mean
from evocnn.genotype.gene import Gene
from evocnn.genotype.text_form import Value

GeneType = TypeVar("GeneType", bound=Gene)
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


@dataclass(frozen=True)
class GeneAlleles(Generic[GeneType]):
    """A gene type with the alleles of its fields.

    Attributes:
        gene: The gene type.
        fields: Alleles by field; a field without any is held at its default.
        weight: How often the type is drawn, relative to the others.
    """

    gene: type[GeneType]
    fields: Mapping[str, Alleles]
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Check that the gene accepts every allele, beside every allele of every other field."""
        if not 0 < self.weight < float("inf"):
            message = (
                f"weight of {self.gene.name()} must be a number above 0, but it was {self.weight}; "
                "leave the gene out instead"
            )
            raise SpaceError(message)
        known = {f.name: f for f in fields(self.gene)}
        for name, own in self.fields.items():
            if name not in known:
                hint = did_you_mean(name, known) or "; correct the name"
                message = (
                    f"a field of {self.gene.name()} must be one of {sorted(known)}, but it was '{name}'{hint}"
                )
                raise SpaceError(message)
            _check_kind(f"alleles of {self.gene.name()}.{name}", own, known[name].type)
        missing = [n for n, f in known.items() if f.default is MISSING and n not in self.fields]
        if missing:
            message = (
                f"{self.gene.name()} must have alleles for {missing}, but had none; list the values to "
                "choose from"
            )
            raise SpaceError(message)
        first = {name: _some(alleles)[0] for name, alleles in self.fields.items()}
        for other, name in combinations_with_replacement(self.fields, 2):
            for beside, value in product(_some(self.fields[other]), _some(self.fields[name])):
                try:
                    self.gene(**{**first, other: beside, name: value})
                except GeneError as error:
                    message = f"an allele is refused: {error}"
                    raise SpaceError(message) from error

    @cached_property
    def free(self) -> tuple[str, ...]:
        """The fields that have a choice."""
        return tuple(name for name, alleles in self.fields.items() if not alleles.is_fixed)

    @cached_property
    def width(self) -> str | None:
        """The field that holds the gene's width, if it has one."""
        return next((f.name for f in fields(self.gene) if f.metadata.get("width")), None)

    def sample(self, rng: np.random.Generator) -> GeneType:
        """Return a gene with every field drawn."""
        return self.gene(**{name: alleles.sample(rng) for name, alleles in self.fields.items()})

    def alter(
        self, gene: GeneType, rng: np.random.Generator, names: Collection[str] | None = None
    ) -> GeneType:
        """Return the gene with one free field moved a step; the same gene where none is free.

        Args:
            gene: The gene.
            rng: The stream of the draw.
            names: The fields to choose from; all if not given.
        """
        free = [name for name in self.free if names is None or name in names]
        if not free:
            return gene
        name = free[int(rng.integers(len(free)))]
        return replace(gene, **{name: self.fields[name].step(getattr(gene, name), rng)})

    def permits(self, gene: GeneType) -> bool:
        """Return whether every field holds one of its alleles, or its default where it has none."""
        return all(self.permits_value(name, getattr(gene, name)) for name in self._defaults)

    def permits_value(self, name: str, value: Value) -> bool:
        """Return whether a field may hold a value."""
        return value in self.fields[name] if name in self.fields else bool(value == self._defaults[name])

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return {f.name: f.default for f in fields(self.gene)}

    def nearest(self, gene: GeneType) -> GeneType:
        """Return the gene with each field at the nearest of its alleles, the first one among words."""
        own = {f.name: f.default for f in fields(self.gene)}
        alleles = self.fields.items()
        return self.gene(**{**own, **{n: a.nearest(getattr(gene, n)) for n, a in alleles}})

    def shrink(self, gene: GeneType) -> GeneType | None:
        """Return the gene at its next smaller width, or None where there is none."""
        if self.width is None or self.width not in self.fields:
            return None
        smaller = self.fields[self.width].smaller(getattr(gene, self.width))
        return None if smaller is None else replace(gene, **{self.width: smaller})

    def narrowest(self, gene: GeneType) -> GeneType:
        """Return the gene at its smallest width."""
        while (smaller := self.shrink(gene)) is not None:
            gene = smaller
        return gene

    def grow(self, gene: GeneType) -> GeneType | None:
        """Return the gene at its next larger width, or None where there is none."""
        if self.width is None or self.width not in self.fields:
            return None
        larger = self.fields[self.width].larger(getattr(gene, self.width))
        return None if larger is None else replace(gene, **{self.width: larger})

    def smallest(self) -> GeneType:
        """Return the gene with the first allele of every field: the narrowest."""
        return self.gene(**{name: _some(alleles)[0] for name, alleles in self.fields.items()})


def _check_kind(what: str, alleles: object, kind: object) -> None:
    if not isinstance(alleles, Choice | Range):
        message = (
            f"{what} must be a Choice or a Range, but they were {alleles!r}; write Choice((8, 16)) or "
            "Range(0.001, 0.1, log=True)"
        )
        raise SpaceError(message)
    if isinstance(alleles, Range) and kind in (int, "int"):
        message = (
            f"{what} must be whole numbers, but they were a range from {alleles.low:g} to {alleles.high:g}; "
            "list them, such as [3, 5, 7]"
        )
        raise SpaceError(message)


def drawn(alleles: Sequence[GeneAlleles[GeneType]], rng: np.random.Generator) -> GeneAlleles[GeneType]:
    """Return one of some gene types' alleles, drawn by weight."""
    cumulative = np.cumsum([one.weight for one in alleles])
    index = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
    return alleles[min(index, len(alleles) - 1)]


def _some(alleles: Alleles) -> tuple[Any, ...]:
    return alleles.values if isinstance(alleles, Choice) else (float(alleles.low), float(alleles.high))


def _is_allele(value: object) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return all(type(part) in (int, float) for part in parts) or type(value) is str


def _size(value: Value) -> float:
    """Return what orders alleles: a number itself, the sum of a tuple."""
    return float(sum(value)) if isinstance(value, tuple) else float(value)

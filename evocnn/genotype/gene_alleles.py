"""A gene type with the alleles of its fields."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from itertools import combinations_with_replacement, product
from typing import Any, Generic, TypeVar

import numpy as np

from evocnn.errors import GeneError, SpaceError, did_you_mean
from evocnn.genotype.alleles import Alleles, Choice, Range
from evocnn.genotype.gene import Gene
from evocnn.genotype.text_form import Value

GeneType = TypeVar("GeneType", bound=Gene)


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

    def by_width(self) -> tuple[GeneType, ...]:
        """Return the smallest gene at each of its widths, the narrowest first."""
        genes: list[GeneType] = []
        gene: GeneType | None = self.smallest()
        while gene is not None:
            genes.append(gene)
            gene = self.grow(gene)
        return tuple(genes)

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

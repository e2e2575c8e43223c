"""What search, store and clock know of a candidate: a `Genome` in a `Space`, nothing of layers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np

from evocnn.genotype.alleles import Alleles

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


class Genome(Protocol):
    """A candidate's heritable part: an immutable value."""

    @property
    def key(self) -> str:
        """Content hash: equal for equal genomes, in every process."""
        ...

    @property
    def text(self) -> str:
        """One line that a person can read."""
        ...

    def to_json(self) -> JSON:
        """Return the genome as plain JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How thoroughly a candidate is evaluated.

    Attributes:
        epochs: Passes over the training images in full training; schedules have this length.
        n_images: Training images in one pass.
        share: Share of the epochs after which training stops: the rung. 1 for full training.
    """

    epochs: int
    n_images: int
    share: float = 1.0

    @property
    def stop(self) -> int:
        """Epochs after which training stops, at least 1."""
        return max(1, round(self.share * self.epochs))

    @property
    def is_full(self) -> bool:
        """Whether it is full training; only such evaluations are selectable."""
        return self.share >= 1


GenomeType = TypeVar("GenomeType", bound=Genome)
Choose: TypeAlias = Callable[[str, Alleles], Any]  # from a decision and its alleles to one of them


class Repaired(NamedTuple, Generic[GenomeType]):
    """What repair gives.

    Attributes:
        genome: The genome, within the space's limits.
        changes: How often each kind of change was needed; empty where none was.
    """

    genome: GenomeType
    changes: Mapping[str, int]


class Space(Protocol[GenomeType]):
    """A set of genomes of one kind."""

    @property
    def founders(self) -> Sequence[GenomeType]:
        """Genomes that a search begins with, ahead of any that are drawn."""
        ...

    def draw(self, rng: np.random.Generator, /) -> GenomeType:
        """Return a random genome, before repair."""
        ...

    def compose(self, choose: Choose, /) -> GenomeType:
        """Return the genome that decisions lead to, before repair.

        Every genome of the space can be reached. What is asked may depend on what was answered, so the
        space is a tree of decisions: a grid walks all of it, and a sampler that knows named values,
        such as Optuna's, walks where it likes.

        Args:
            choose: Called with the name of each decision and its alleles; returns one of them. A name
                stands for the same alleles wherever it is asked.
        """
        ...

    def describe(self, genome: GenomeType, /) -> Mapping[str, float]:
        """Return numbers that describe a repaired genome, by name; the same names for each genome.

        They are what a surrogate learns from, and what importance is reported of.
        """
        ...

    def repair(self, genome: GenomeType, /) -> Repaired[GenomeType]:
        """Return the nearest genome that lies within the space's limits, in canonical form.

        Deterministic and idempotent: what was repaired needs no change.
        """
        ...

    def fidelity(self, genome: GenomeType, fidelity: Fidelity, /) -> Fidelity:
        """Return a fidelity with what a genome itself says of it, such as epochs of its own."""
        ...

    def cost(self, genome: GenomeType, fidelity: Fidelity, /) -> float:
        """Return the predicted seconds of evaluating a genome, above 0."""
        ...

    def from_json(self, value: JSON, /) -> GenomeType:
        """Return the genome that `to_json` wrote.

        Gene types resolve through the space alone, never by importing a name found in the data.
        """
        ...

"""What search, store and clock know of a candidate: a `Genome` in a `Space`, nothing of layers."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

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
        epochs: Passes over the training images.
        n_images: Training images in one pass.
    """

    epochs: int
    n_images: int


GenomeType = TypeVar("GenomeType", bound=Genome)


class Space(Protocol[GenomeType]):
    """A set of genomes of one kind."""

    def sample(self, rng: np.random.Generator, /) -> GenomeType:
        """Return a random genome, repaired."""
        ...

    def repair(self, genome: GenomeType, /) -> GenomeType:
        """Return the nearest genome that lies within the space's limits, in canonical form.

        Deterministic and idempotent: `repair(repair(g)) == repair(g)`.
        """
        ...

    def cost(self, genome: GenomeType, fidelity: Fidelity, /) -> float:
        """Return the predicted seconds of evaluating a genome, above 0."""
        ...

    def from_json(self, value: JSON, /) -> GenomeType:
        """Return the genome that `to_json` wrote.

        Gene types resolve through the space alone, never by importing a name found in the data.
        """
        ...

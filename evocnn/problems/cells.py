"""The cells of NAS-Bench-201: genome, space and variation; Dong and Yang (2020)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evocnn.errors import GeneError
from evocnn.genotype import JSON, Choice, Choose, Fidelity, Repaired
from evocnn.operators import Offspring

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ("0>1", "0>2", "1>2", "0>3", "1>3", "2>3")
_MILLION_FLOPS = {"nor_conv_1x1": 3.93216, "nor_conv_3x3": 35.3894}  # of the network; others have none
_MILLION_FLOPS_AROUND = 7.78305  # outside the cells
_SECONDS_PER_MILLION_FLOPS = 0.1  # an epoch; the virtual clock needs ratios, not seconds


@dataclass(frozen=True)
class Cell:
    """A genome: the operation on each edge between four nodes.

    Attributes:
        operations: On the edges 0>1, 0>2, 1>2, 0>3, 1>3, 2>3.

    Raises:
        GeneError: There are not six, or one is unknown.
    """

    operations: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the operations."""
        if len(self.operations) != len(EDGES) or not set(self.operations) <= set(OPERATIONS):
            message = (
                f"a cell must have {len(EDGES)} operations among {list(OPERATIONS)}, but it was "
                f"{list(self.operations)}; correct it"
            )
            raise GeneError(message)

    @property
    def key(self) -> str:
        """The text: it says everything."""
        return self.text

    @cached_property
    def text(self) -> str:
        """The benchmark's own form: `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...|`."""
        one, *others = self.operations
        nodes = ((one,), others[:2], others[2:])
        return "+".join("".join(f"|{op}~{n}" for n, op in enumerate(node)) + "|" for node in nodes)

    def to_json(self) -> JSON:
        """Return the operations as a list."""
        return list(self.operations)


@dataclass(frozen=True)
class CellSpace:
    """All 15,625 cells."""

    @property
    def founders(self) -> tuple[Cell, ...]:
        """None."""
        return ()

    def draw(self, rng: np.random.Generator, /) -> Cell:
        """Return a cell, each equally likely."""
        return Cell(tuple(OPERATIONS[n] for n in rng.integers(len(OPERATIONS), size=len(EDGES)).tolist()))

    def compose(self, choose: Choose, /) -> Cell:
        """Return the cell of one decision an edge: `0>1`, `0>2`, `1>2`, `0>3`, `1>3`, `2>3`."""
        return Cell(tuple(choose(edge, Choice(OPERATIONS)) for edge in EDGES))

    def describe(self, genome: Cell, /) -> dict[str, float]:
        """Return 1 for the operation on each edge and 0 for all others, such as `0>1=none`."""
        return {
            f"{edge}={operation}": float(operation == chosen)
            for edge, chosen in zip(EDGES, genome.operations, strict=True)
            for operation in OPERATIONS
        }

    def repair(self, genome: Cell, /) -> Repaired[Cell]:
        """Return the cell itself: there are no limits."""
        return Repaired(genome, {})

    def fidelity(self, genome: Cell, fidelity: Fidelity, /) -> Fidelity:
        """Return the fidelity itself."""
        del genome
        return fidelity

    def cost(self, genome: Cell, fidelity: Fidelity, /) -> float:
        """Return predicted seconds, in proportion to the FLOPs."""
        flops = _MILLION_FLOPS_AROUND + sum(_MILLION_FLOPS.get(op, 0.0) for op in genome.operations)
        return fidelity.stop * flops * _SECONDS_PER_MILLION_FLOPS

    def from_json(self, value: JSON, /) -> Cell:
        """Return the cell that `to_json` wrote.

        Raises:
            GeneError: It is no list of six known operations.
        """
        operations = tuple(str(one) for one in value) if isinstance(value, list) else (str(value),)
        return Cell(operations)


@dataclass(frozen=True)
class CellVariation:
    """Uniform crossover at a rate (Syswerda 1989), then mutation; no offspring equals a parent.

    A mutation puts another operation on one edge, and on each further one at the rate of 1 / 6.

    Attributes:
        crossover_rate: Probability that an offspring has two parents.
        mutation_rate: Probability that an offspring of two parents is mutated, too; one that equals a
            parent always is.
    """

    crossover_rate: float = 0.5
    mutation_rate: float = 0.7

    def breed(self, mother: Cell, father: Cell, space: CellSpace, rng: np.random.Generator, /) -> Offspring:
        """Return one offspring, with the operators that changed something."""
        del space
        parents, child, names = {mother, father}, mother, list[str]()
        if mother != father and rng.random() < self.crossover_rate:
            child = _crossed(mother, father, rng)
            names += ["uniform"] if child not in parents else []
        n_parents = 1 if child == mother else 2
        if child in parents or rng.random() < self.mutation_rate:
            crossed = child
            while child in parents or child == crossed:
                child = _mutated(crossed, rng)
            names.append("alter_edges")
        n_shared = sum(one == other for one, other in zip(child.operations, father.operations, strict=True))
        takes_after = int(n_parents == 2 and 2 * n_shared > len(EDGES))
        return Offspring(child, tuple(names), n_parents, {}, takes_after)

    def learn(self, operators: Sequence[str], *, succeeded: bool) -> None:
        """Learn nothing."""


def _crossed(mother: Cell, father: Cell, rng: np.random.Generator) -> Cell:
    from_mother = (rng.random(len(EDGES)) < 0.5).tolist()
    pairs = zip(from_mother, mother.operations, father.operations, strict=True)
    return Cell(tuple(one if is_mothers else other for is_mothers, one, other in pairs))


def _mutated(cell: Cell, rng: np.random.Generator) -> Cell:
    altered = rng.random(len(EDGES)) < 1 / len(EDGES)
    altered[rng.integers(len(EDGES))] = True
    operations = list(cell.operations)
    for edge in np.flatnonzero(altered).tolist():
        others = [operation for operation in OPERATIONS if operation != operations[edge]]
        operations[edge] = others[int(rng.integers(len(others)))]
    return Cell(tuple(operations))

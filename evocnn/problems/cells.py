"""The cells of NAS-Bench-201: genome, space and variation; Dong and Yang (2020)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import log

import numpy as np

from evocnn.errors import GeneError
from evocnn.genotype import JSON, Choice, Choose, Fidelity, Repaired
from evocnn.operators import Offspring

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ("0>1", "0>2", "1>2", "0>3", "1>3", "2>3")
_PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))  # edges from input to output, by their places
_AREAS = {"nor_conv_1x1": 1, "nor_conv_3x3": 9}  # of the kernels; each with two parameters of a norm
_CHANNELS, _N_CELLS = (16, 32, 64), 5  # of the three stages
_PARAMETERS_AROUND = 73_306  # outside the cells
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
        """Return what is known of a cell before it is trained: its size, what is in it, what the paths do.

        The logarithm of the network's parameters; by operation the number of edges that have it, of those
        on an open path from input to output, and summed over these paths; the number of such edges; of
        open paths by their number of convolutions, and of those that change nothing.
        """
        operations = genome.operations
        open_paths = [path for path in _PATHS if all(operations[edge] != "none" for edge in path)]
        paths = [[operations[edge] for edge in path] for path in open_paths]
        used = [operations[edge] for edge in set(chain.from_iterable(open_paths))]
        walked = [*chain.from_iterable(paths)]
        described = {"log parameters": log(_parameters(genome)), "edges": float(len(used))}
        for operation in OPERATIONS[1:]:
            described[operation] = float(operations.count(operation))
            described[f"{operation} used"] = float(used.count(operation))
            described[f"{operation} on paths"] = float(walked.count(operation))
        depths = [sum(operation in _AREAS for operation in path) for path in paths]
        for depth in range(4):
            described[f"paths of {depth} convolutions"] = float(depths.count(depth))
        described["identities"] = float(sum(set(path) == {"skip_connect"} for path in paths))
        return described

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

    A mutation puts another operation on one edge, as in Real et al. (2019).

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
        return self._finished(self._crossed(mother, father, rng)[0], mother, father, rng)

    def breed_both(
        self, mother: Cell, father: Cell, space: CellSpace, rng: np.random.Generator, /
    ) -> tuple[Offspring, Offspring]:
        """Return both offspring of a crossover, or one of each parent; the second has the father first."""
        del space
        first, second = self._crossed(mother, father, rng)
        return self._finished(first, mother, father, rng), self._finished(second, father, mother, rng)

    def learn(self, operators: Sequence[str], *, succeeded: bool) -> None:
        """Learn nothing."""

    def _crossed(self, mother: Cell, father: Cell, rng: np.random.Generator) -> tuple[Cell, Cell]:
        """Return what a crossover made; the parents themselves without one."""
        if mother == father or rng.random() >= self.crossover_rate:
            return mother, father
        stays = (rng.random(len(EDGES)) < 0.5).tolist()
        edges = [*zip(stays, mother.operations, father.operations, strict=True)]
        first = tuple(one if is_kept else other for is_kept, one, other in edges)
        second = tuple(other if is_kept else one for is_kept, one, other in edges)
        return Cell(first), Cell(second)

    def _finished(self, crossed: Cell, mother: Cell, father: Cell, rng: np.random.Generator) -> Offspring:
        """Return an offspring after mutation."""
        parents, child = {mother, father}, crossed
        names = ["uniform"] if child not in parents else []
        n_parents = 1 if child == mother else 2
        if child in parents or rng.random() < self.mutation_rate:
            while child in parents or child == crossed:
                child = _mutated(crossed, rng)
            names.append("alter_edge")
        n_shared = sum(one == other for one, other in zip(child.operations, father.operations, strict=True))
        takes_after = int(n_parents == 2 and 2 * n_shared > len(EDGES))
        return Offspring(child, tuple(names), n_parents, {}, takes_after)


def _parameters(cell: Cell) -> int:
    """Return the parameters of the network: three stages of five cells, and what is around them."""
    convolutions = [_AREAS[operation] for operation in cell.operations if operation in _AREAS]
    in_cells = sum(
        _N_CELLS * (area * channels**2 + 2 * channels) for area in convolutions for channels in _CHANNELS
    )
    return _PARAMETERS_AROUND + in_cells


def _mutated(cell: Cell, rng: np.random.Generator) -> Cell:
    edge = int(rng.integers(len(EDGES)))
    others = [operation for operation in OPERATIONS if operation != cell.operations[edge]]
    other = others[int(rng.integers(len(others)))]
    return Cell((*cell.operations[:edge], other, *cell.operations[edge + 1 :]))

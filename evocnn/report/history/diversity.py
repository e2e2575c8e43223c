"""How diverse the candidates of a search were: the edit distance between them, and how many were distinct.

The edit distance between two architectures is the number of genes to insert, delete or replace that turn
one into the other (Levenshtein 1966); here as a share of the genes of the longer. Its mean over pairs is a
common measure of genotypic diversity: Burke, Gustafson and Kendall (2004), "Diversity in Genetic
Programming: An Analysis of Measures and Correlation with Fitness", section III.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evocnn.genotype import JSON
from evocnn.report.history.asked import asked_of, windows
from evocnn.runs import Run

N_WINDOWS = 60
LEAST = 20  # candidates in a window
MOST = 60  # of a window that are compared, each with each


@dataclass(frozen=True)
class Diversity:
    """The diversity of the candidates asked, window by window.

    Attributes:
        window: Candidates in a window, about.
        tickets: The last ticket of each window.
        distances: Mean edit distance between two candidates of a window, from 0 to 1; None for a single one.
        n_asked: Candidates asked up to there.
        n_distinct: Distinct architectures among them.
        notes: How to read it.
    """

    window: int
    tickets: tuple[int, ...]
    distances: tuple[float | None, ...]
    n_asked: tuple[int, ...]
    n_distinct: tuple[int, ...]
    notes: tuple[str, ...]


def diversity_of(run: Run) -> Diversity:
    """Return how diverse the candidates were that a search asked for."""
    asked = asked_of(run)
    numbers: dict[str, int] = {}  # of each gene, in order of appearance
    sequences = {
        record.ticket: tuple(numbers.setdefault(gene, len(numbers)) for gene in architecture(record.genome))
        for record in asked
    }
    tickets, distances, n_asked, n_distinct = [], [], [], []
    seen: set[tuple[int, ...]] = set()
    total = 0
    for window in windows(asked, most=N_WINDOWS, least=LEAST):
        own = [sequences[record.ticket] for record in window]
        seen.update(own)
        total += len(own)
        chosen = [own[index] for index in np.linspace(0, len(own) - 1, min(len(own), MOST)).astype(int)]
        tickets.append(window[-1].ticket)
        distances.append(mean_distance(chosen))
        n_asked.append(total)
        n_distinct.append(len(seen))
    size = round(total / len(tickets)) if tickets else 0
    notes = (
        "The distance of two architectures is the share of genes to insert, delete or replace.",
        "Genes are the layers and the head; recipes of training do not count.",
        f"It is the mean over pairs among {min(size, MOST)} of the {size} candidates asked in each window.",
    )
    return Diversity(size, tuple(tickets), tuple(distances), tuple(n_asked), tuple(n_distinct), notes)


def architecture(genome: JSON) -> tuple[str, ...]:
    """Return the genes of a genome's architecture, each as text: layers and head; of another all values."""
    if isinstance(genome, dict) and isinstance(genome.get("layers"), list):
        values: list[JSON] = [*genome["layers"], genome.get("head")]  # type: ignore[misc]
    else:
        values = [*genome.items()] if isinstance(genome, dict) else [*genome]  # type: ignore[misc, list-item]
    return tuple(json.dumps(value, sort_keys=True) for value in values)


def mean_distance(sequences: Sequence[Sequence[int]]) -> float | None:
    """Return the mean over pairs of edit distance by the length of the longer; None for a single sequence."""
    if len(sequences) < 2:
        return None
    longest = max(map(len, sequences))
    padded = np.array([[*sequence, *[-1] * (longest - len(sequence))] for sequence in sequences])
    lengths = np.array([len(sequence) for sequence in sequences])
    first, second = np.triu_indices(len(sequences), 1)
    a, b = padded[first], padded[second]
    # one table of Wagner and Fischer (1974) for all pairs at a time
    table = np.zeros((longest + 1, longest + 1, len(first)), dtype=int)
    table[:, 0] = table[0, :] = np.arange(longest + 1)[:, None]
    for row in range(1, longest + 1):
        for column in range(1, longest + 1):
            replaced = table[row - 1, column - 1] + (a[:, row - 1] != b[:, column - 1])
            changed = np.minimum(table[row - 1, column], table[row, column - 1]) + 1
            table[row, column] = np.minimum(replaced, changed)
    edits = table[lengths[first], lengths[second], np.arange(len(first))]
    return float(np.mean(edits / np.maximum(1, np.maximum(lengths[first], lengths[second]))))

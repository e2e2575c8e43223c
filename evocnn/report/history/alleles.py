"""Which alleles won: the share of each among the candidates asked and on the front, over the search.

All is read from the genomes' JSON, so genes of the user's own count without their code.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt

import numpy as np

from evocnn.genotype import JSON
from evocnn.report.history.asked import asked_of, windows
from evocnn.runs import Run
from evocnn.store import GrowingFront, Record

N_WINDOWS = 20
LEAST = 20  # candidates in a window
MOST_ALLELES = 8  # of a gene; more numbers are put into ranges, of more words the rarest together
N_RANGES = 6
OTHER = "other"
DEPTH, KIND = "number of layers", "kind of layer"

Value = str | float  # of a gene, as it is counted
Shares = tuple[float, ...]


@dataclass(frozen=True)
class GeneShares:
    """The shares of a gene's alleles, window by window.

    Attributes:
        name: The gene's and where it is, such as `kernel (layers)`, `kind (pool)` or `optimizer (recipe)`.
        alleles: Their names; of numbers in ascending order.
        asked: Among the candidates asked in each window, a share for each allele; None where none has it.
        front: Among the members of the front at the end of each window; None where none has it.
        is_ordered: Whether the alleles are numbers.
        movement: Share that changed from the first window to the last: half the sum of the differences.
    """

    name: str
    alleles: tuple[str, ...]
    asked: tuple[Shares | None, ...]
    front: tuple[Shares | None, ...]
    is_ordered: bool
    movement: float


@dataclass(frozen=True)
class AlleleShares:
    """The shares of all genes that vary.

    Attributes:
        tickets: First and last ticket of each window.
        genes: Those with most movement first.
        notes: How to read it.
    """

    tickets: tuple[tuple[int, int], ...]
    genes: tuple[GeneShares, ...]
    notes: tuple[str, ...]


def alleles_of(run: Run) -> AlleleShares:
    """Return how the shares of alleles changed over a search."""
    pieces = list(windows(asked_of(run), most=N_WINDOWS, least=LEAST))
    fronts = _fronts(run, [piece[-1].ticket for piece in pieces])
    read: dict[str, list[tuple[str, Value]]] = {}  # by key: members of the front are there in many windows

    def counted(records: Iterable[Record]) -> dict[str, Counter[Value]]:
        pairs: Counter[tuple[str, Value]] = Counter()
        for record in records:
            if record.key not in read:
                read[record.key] = genes_of(record.genome)
            pairs.update(read[record.key])
        total: dict[str, Counter[Value]] = {}
        for (name, value), n in pairs.items():
            total.setdefault(name, Counter())[value] = n
        return total

    asked = [counted(piece) for piece in pieces]
    front = [counted(members) for members in fronts]
    names = dict.fromkeys(name for window in asked for name in window)
    shares = (
        _gene_shares(
            name,
            [window.get(name, Counter()) for window in asked],
            [window.get(name, Counter()) for window in front],
        )
        for name in names
    )
    owners = _owners(record.genome for piece in pieces for record in piece)
    varying = [
        replace(gene, name=owners.get(gene.name, gene.name).replace("_", " "))
        for gene in shares
        if len(gene.alleles) > 1
    ]
    spread = f" in each of {len(pieces)} windows of tickets" if len(pieces) > 1 else ""
    notes = (
        f"Shares are those among the candidates asked{spread}.",
        _chance(pieces),
        "On the front they are those of its members at the end of each. Genes of layers count once a layer.",
        "A share that grows was bred from more often; whether it is better by itself, evocnn sweep tells.",
    )
    tickets = tuple((piece[0].ticket, piece[-1].ticket) for piece in pieces)
    return AlleleShares(tickets, tuple(sorted(varying, key=lambda gene: -gene.movement)), notes)


def _chance(pieces: Sequence[Sequence[Record]]) -> str:
    """Return what of the shares may be chance: at 95 %, for a share of a half in windows of this size."""
    if len(pieces) < 2:
        return "The candidates are too few yet to see shares change."
    least = min(map(len, pieces))
    return f"From window to window they may differ by {1.96 * sqrt(0.5 / least):.2f} by chance alone."


def genes_of(genome: JSON) -> list[tuple[str, Value]]:
    """Return the alleles of a genome, each with its gene's name; a gene of layers has one for each of them.

    Fields of one name in several kinds of layers are one gene.
    """
    if not isinstance(genome, dict) or not isinstance(genome.get("layers"), list):
        items = genome.items() if isinstance(genome, dict) else enumerate(genome)  # type: ignore[arg-type]
        return [(str(name), _value(value)) for name, value in items]
    layers: list[dict[str, JSON]] = genome["layers"]  # type: ignore[assignment]
    found: list[tuple[str, Value]] = [(DEPTH, float(len(layers)))]
    for layer in layers:
        found += [(KIND if name == "gene" else f"{name} (layers)", _value(v)) for name, v in layer.items()]
    for part in ("head", "recipe"):
        found += [(f"{name} ({part})", _value(value)) for name, value in genome[part].items()]  # type: ignore[union-attr]
    return found


def _owners(genomes: Iterable[JSON]) -> dict[str, str]:
    """Return for each gene of layers that only one kind of layer has a name with that kind."""
    kinds: dict[str, set[str]] = {}
    for genome in genomes:
        for layer in genome.get("layers", ()) if isinstance(genome, dict) else ():  # type: ignore[union-attr]
            for name in layer:  # type: ignore[union-attr]
                kinds.setdefault(name, set()).add(layer["gene"])  # type: ignore[call-overload, index, arg-type]
    return {f"{name} (layers)": f"{name} ({min(own)})" for name, own in kinds.items() if len(own) == 1}


def _value(value: JSON) -> Value:
    if type(value) in (int, float):  # no truth value
        return float(value)  # type: ignore[arg-type]
    if isinstance(value, list):
        return " ".join(f"{item}" for item in value) or "none"
    return str(value)


def _fronts(run: Run, tickets: Sequence[int]) -> list[tuple[Record, ...]]:
    """Return the front's members once each of some tickets was evaluated."""
    growing, found, rest = GrowingFront(run.objectives), [], iter(run.records)
    record = next(rest, None)
    for ticket in tickets:
        while record is not None and record.ticket <= ticket:
            growing.add(record)
            record = next(rest, None)
        found.append(growing.front.members)
    return found


def _gene_shares(name: str, asked: Sequence[Counter[Value]], front: Sequence[Counter[Value]]) -> GeneShares:
    total: Counter[Value] = sum((Counter(window) for window in asked), Counter())
    numbers = [value for value in total if isinstance(value, float)]
    is_ordered = len(numbers) == len(total)
    alleles, labels = _ranges(numbers) if is_ordered else _words(total)
    own, of_front = (
        tuple(_shares(window, alleles, labels) for window in windows) for windows in (asked, front)
    )
    known = [row for row in own if row is not None]
    movement = 0.5 * sum(abs(a - b) for a, b in zip(known[0], known[-1], strict=True))
    return GeneShares(name, labels, own, of_front, is_ordered, movement)


def _shares(counts: Counter[Value], alleles: Mapping[Value, str], labels: Sequence[str]) -> Shares | None:
    total = counts.total()
    if not total:
        return None
    summed: Counter[str] = Counter()
    for value, n in counts.items():
        summed[alleles.get(value, OTHER)] += n
    return tuple(summed[label] / total for label in labels)


def _ranges(values: Sequence[float]) -> tuple[dict[Value, str], tuple[str, ...]]:
    """Return the label of each number, and all labels in order: its own, or that of a range for many."""
    ordered = sorted(values)
    if len(ordered) <= MOST_ALLELES:
        labels: dict[Value, str] = {value: f"{value:g}" for value in ordered}
        return labels, tuple(labels.values())
    low, high = ordered[0], ordered[-1]
    spread = np.geomspace if low > 0 and high > 10 * low else np.linspace
    edges = spread(low, high, N_RANGES + 1)
    names = [f"{start:.2g} to {end:.2g}" for start, end in pairwise(edges)]
    places = np.clip(np.searchsorted(edges, ordered, side="right") - 1, 0, N_RANGES - 1)
    used = sorted(set(places.tolist()))
    return (
        {value: names[place] for value, place in zip(ordered, places, strict=True)},
        tuple(names[place] for place in used),
    )


def _words(total: Counter[Value]) -> tuple[dict[Value, str], tuple[str, ...]]:
    """Return the label of each word, and all labels, the most frequent first: `other` for the rarest."""
    ranked = [value for value, _ in total.most_common()]
    kept = ranked if len(ranked) <= MOST_ALLELES else ranked[: MOST_ALLELES - 1]
    labels: dict[Value, str] = {
        value: f"{value:g}" if isinstance(value, float) else value.replace("_", " ") for value in kept
    }
    return labels, (*labels.values(), *([OTHER] if len(kept) < len(ranked) else []))

"""The family of a network: its ancestors, and the operators that led from one to the next."""

from collections.abc import Mapping
from dataclasses import dataclass

from evocnn.report.wording import counted
from evocnn.runs import Run
from evocnn.store import Record

MOST = 30  # ancestors; those nearest in generations are kept


@dataclass(frozen=True)
class Relative:
    """One network of a family.

    Attributes:
        ticket: Its ticket.
        parents: The tickets of all its parents, also of those that are left out.
        operators: What made it of them, in order of application; none where it was drawn anew.
        text: Its one-line form.
        figures: Its objectives by name, in their own units; none where it failed.
        status: How its evaluation ended.
        distance: Generations back, by the shortest way; 0 for the one chosen.
    """

    ticket: int
    parents: tuple[int, ...]
    operators: tuple[str, ...]
    text: str
    figures: Mapping[str, float]
    status: str
    distance: int

    @property
    def is_founder(self) -> bool:
        """Whether it was drawn anew or given, so that it has no parents."""
        return not self.parents


@dataclass(frozen=True)
class Family:
    """A network and its ancestors.

    Attributes:
        members: The oldest first, the chosen one last.
        n_left_out: Ancestors further back than those.
        objectives: Names of the objectives, in order.
        notes: How to read it.
    """

    members: tuple[Relative, ...]
    n_left_out: int
    objectives: tuple[str, ...]
    notes: tuple[str, ...]


def family_of(run: Run, record: Record, most: int = MOST) -> Family:
    """Return a network with its nearest ancestors.

    Args:
        run: The run.
        record: The network.
        most: Ancestors at the most.
    """
    by_ticket = {known.ticket: known for known in run.records} | {record.ticket: record}
    distances, generation, distance = {record.ticket: 0}, [record], 0
    while generation:
        distance += 1
        tickets = {parent for child in generation for parent in child.parents}
        generation = [
            by_ticket[ticket] for ticket in tickets if ticket not in distances and ticket in by_ticket
        ]
        distances.update((parent.ticket, distance) for parent in generation)
    nearest = sorted(distances, key=lambda ticket: (distances[ticket], -ticket))
    kept = sorted(nearest[: most + 1])
    n_left_out = len(distances) - len(kept)
    names = tuple(objective.name for objective in run.objectives.items)
    members = tuple(_relative(by_ticket[ticket], distances[ticket], names) for ticket in kept)
    notes = [_extent(record.ticket, distances)]
    if n_left_out:
        notes.append(
            f"{counted(n_left_out, 'ancestor')} further back {'is' if n_left_out == 1 else 'are'} left out."
        )
    return Family(members, n_left_out, names, tuple(notes))


def _relative(record: Record, distance: int, names: tuple[str, ...]) -> Relative:
    figures = {name: record.metrics[name] for name in names if name in record.metrics}
    status = record.evaluation.status.value
    return Relative(record.ticket, record.parents, record.operators, record.text, figures, status, distance)


def _extent(ticket: int, distances: Mapping[int, int]) -> str:
    if len(distances) == 1:
        return f"Ticket {ticket} has no ancestors: it was drawn anew or given."
    ancestors, back = (
        counted(len(distances) - 1, "ancestor"),
        counted(max(distances.values()), "generation"),
    )
    return f"Ticket {ticket} has {ancestors} over {back}."

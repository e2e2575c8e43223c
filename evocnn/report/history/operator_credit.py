"""What became of the offspring of each operator: how many were trained in full or improved the front."""

from collections import Counter
from dataclasses import dataclass

from scipy.stats import binomtest

from evocnn.evaluation import Status
from evocnn.report.history.asked import trainings_of
from evocnn.runs import Run
from evocnn.store import GrowingFront

DRAWN = "drawn anew"  # founders and newcomers, which no operator made
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """A share with its interval at 95 % confidence: Wilson (1927), JASA 22."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Credit:
    """What became of the offspring of an operator, or of a combination.

    Attributes:
        name: The operator's; of a combination, all in order of application.
        n_offspring: Candidates asked.
        n_full: Those trained in full without failure.
        n_front: Those that were on the front once they were told.
        n_stayed: Those on the front at the end.
        full: Share of the offspring trained in full.
        front: Share of the offspring that came to the front.
    """

    name: str
    n_offspring: int
    n_full: int
    n_front: int
    n_stayed: int
    full: Share
    front: Share


@dataclass(frozen=True)
class OperatorCredit:
    """The credit of all operators.

    Attributes:
        rows: Each operator, and what was drawn anew, the most offspring first.
        combinations: What was applied together, the most offspring first.
        notes: How to read it.
    """

    rows: tuple[Credit, ...]
    combinations: tuple[Credit, ...]
    notes: tuple[str, ...]


def operator_credit(run: Run) -> OperatorCredit:
    """Return what became of the offspring of each operator and of each combination.

    A repeat of a candidate that was looked at before counts as an offspring that came to nothing.
    """
    came, stayed = _came_to_the_front(run), {member.ticket for member in run.front.members}
    operators: Counter[tuple[str, str]] = Counter()  # by name and by what became of it
    combinations: Counter[tuple[str, str]] = Counter()
    for records in trainings_of(run).values():
        tickets = {record.ticket for record in records if record.reused_from is None}
        is_full = any(
            r.is_full and r.reused_from is None and r.evaluation.status is Status.OK for r in records
        )
        fates = ["offspring"]
        fates += ["full"] if is_full else []
        fates += ["front"] if tickets & came else []
        fates += ["stayed"] if tickets & stayed else []
        names = records[0].operators
        for name in dict.fromkeys(names or (DRAWN,)):
            operators.update((name, fate) for fate in fates)
        combinations.update((" + ".join(names) or DRAWN, fate) for fate in fates)
    notes = (
        "Bars are Wilson intervals at 95 % confidence; where they overlap widely, nothing can be told.",
        "An offspring of two operators counts for both.",
        "Operators had other parents at other times: this is what happened, not what one would do elsewhere.",
    )
    return OperatorCredit(_credits(operators), _credits(combinations), notes)


def _came_to_the_front(run: Run) -> set[int]:
    """Return the tickets that were on the front right after they were added, in order of tickets."""
    growing, came = GrowingFront(run.objectives), set()
    for record in run.records:
        if record.replicate == 0 and growing.add(record):
            came |= {record.ticket} & {member.ticket for member in growing.front.members}
    return came


def _credits(counts: Counter[tuple[str, str]]) -> tuple[Credit, ...]:
    found = []
    for name in dict.fromkeys(name for name, _ in counts):
        n, n_full, n_front, n_stayed = (
            counts[name, fate] for fate in ("offspring", "full", "front", "stayed")
        )
        credit = Credit(name, n, n_full, n_front, n_stayed, _share(n_full, n), _share(n_front, n))
        found.append(credit)
    return tuple(sorted(found, key=lambda credit: (-credit.n_offspring, credit.name)))


def _share(n: int, total: int) -> Share:
    interval = binomtest(n, total).proportion_ci(CONFIDENCE, method="wilson")
    return Share(n / total, float(interval.low), float(interval.high))

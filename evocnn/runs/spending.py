"""What a search has spent of its budget: counted here for every text, picture and check."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Self

from evocnn.search import Budget
from evocnn.store import Record


class Spending:
    """What records were charged, added in any order in which donors come ahead of their heirs.

    Every record that was committed counts, continuations among them; what is still trained does not.

    Attributes:
        n_trainings: As much training as this many full ones.
        n_epochs: Epochs.
        seconds: Seconds of search, over all sessions.
    """

    def __init__(self) -> None:
        self.n_trainings = Fraction(0)
        self.n_epochs = 0
        self.seconds = 0.0
        self._full_epochs: dict[int | None, int] = {}  # by ticket: those with which a line of donors began

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """Return what some records were charged together."""
        spending = cls()
        for record in records:
            spending.add(record)
        return spending

    def add(self, record: Record) -> None:
        """Count a record."""
        full = self._full_epochs.get(record.donor, record.epochs)
        self._full_epochs[record.ticket] = full
        self.n_trainings += Fraction(record.n_epochs, full)
        self.n_epochs += record.n_epochs
        self.seconds = max(self.seconds, record.elapsed)

    def uses_up(self, budget: Budget) -> bool:
        """Return whether nothing is left of a budget."""
        is_late = budget.seconds is not None and self.seconds >= budget.seconds
        return is_late or budget.is_spent(self.n_trainings, self.n_epochs)

"""What a search may cost, and why it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Ending(StrEnum):
    """Why a search ended."""

    FINISHED = "finished"  # the budget is spent
    COMPLETE = "complete"  # the algorithm has asked all that it had to ask
    EXHAUSTED = "exhausted"  # nothing new is found any more
    INTERRUPTED = "interrupted"  # somebody asked it to stop


@dataclass(frozen=True, slots=True)
class Budget:
    """What a search may cost; the ticket that spends the rest is still evaluated.

    Evaluations and epochs are part of the experiment, and are charged when a ticket is asked;
    seconds only cut the sequence. None stands for no limit.

    Attributes:
        evaluations: As much training as this many full trainings; one that stops at a rung, or is
            shorter because weights are inherited, counts as its share of the epochs.
        seconds: Wall-clock time over all sessions.
        epochs: Epochs of all candidates together, as their fidelities say.
    """

    evaluations: int | None = None
    seconds: float | None = None
    epochs: int | None = None

    def is_spent(self, n_trainings: Fraction, n_epochs: int) -> bool:
        """Return whether full trainings or epochs are used up."""
        limits = ((self.evaluations, n_trainings), (self.epochs, n_epochs))
        return any(limit is not None and spent >= limit for limit, spent in limits)

    def n_paid(self, n_epochs: Sequence[int]) -> int:
        """Return how many full trainings one after the other are paid for, in evaluations and epochs.

        Args:
            n_epochs: Of each.
        """
        spent = 0
        for n, own in enumerate(n_epochs):
            if self.is_spent(Fraction(n), spent):
                return n
            spent += own
        return len(n_epochs)

    def unpaid(self, n_epochs: Sequence[int]) -> str:
        """Return in words what of these trainings is not paid for; nothing where all are."""
        n = self.n_paid(n_epochs)
        return f"; the budget is for the first {n:,} of them alone" if n < len(n_epochs) else ""

"""What a search may cost, and why it ended."""

from collections.abc import Iterable
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

    def unpaid(self, n_epochs: Iterable[int]) -> str:
        """Return in words what of full trainings in a row is not paid for; nothing where all are.

        Args:
            n_epochs: Of each; no more of them are taken than tell it.
        """
        if self.evaluations is None and self.epochs is None:
            return ""
        spent = 0
        for n, own in enumerate(n_epochs):
            if self.is_spent(Fraction(n), spent):
                return f"; the budget is for the first {n:,} of them alone"
            spent += own
        return ""

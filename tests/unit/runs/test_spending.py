"""What a search has spent: one count for texts, pictures and checks."""

import pytest

from evocnn.evaluation import Evaluation, Status
from evocnn.runs.spending import Spending
from evocnn.search import Budget
from evocnn.store import Record


def record(ticket: int, epochs: int, n_epochs: int, donor: int | None = None, elapsed: float = 0.0) -> Record:
    fields = {name: name for name in ("identity", "key", "text")}
    return Record(
        ticket=ticket,
        **fields,
        reused_from=None,
        genome={},
        parents=(),
        operators=(),
        repairs={},
        epochs=epochs,
        n_images=100,
        share=1.0,
        replicate=0,
        continues=None,
        donor=donor,
        cost=1.0,
        n_epochs=n_epochs,
        evaluation=Evaluation(Status.OK, {}),
        state=None,
        elapsed=elapsed,
    )


def test_each_record_counts_as_its_share_of_full_training_wherever_others_are_missing() -> None:
    spending = Spending.of([record(0, 10, 1), record(4, 10, 9), record(2, 3, 3, donor=4, elapsed=7.5)])
    assert (float(spending.n_trainings), spending.n_epochs, spending.seconds) == (1.3, 13, 7.5)


@pytest.mark.parametrize(
    ("budget", "is_spent"),
    [
        (Budget(evaluations=1), True),
        (Budget(evaluations=2), False),
        (Budget(epochs=13), True),
        (Budget(epochs=14), False),
        (Budget(seconds=7.5), True),
        (Budget(seconds=8.0), False),
        (Budget(), False),
    ],
)
def test_a_budget_is_used_up_in_its_own_unit(budget: Budget, is_spent: bool) -> None:
    spending = Spending.of([record(0, 10, 10, elapsed=7.5), record(1, 10, 3)])
    assert spending.uses_up(budget) is is_spent

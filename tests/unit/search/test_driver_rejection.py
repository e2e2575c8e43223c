"""Rejected offspring on the virtual clock, in the journal and in the algorithms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evocnn.errors import ReplayError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.search import Ending, Rejection
from evocnn.store import Journal
from evocnn.workers import SerialExecutor, SimulatedExecutor

BUDGETS = {"steady": 60, "generational": 60, "steady with rungs": 20, "generational with rungs": 12}


@dataclass
class Refusal:
    """Rejects what it is told to, and keeps what it is asked and told.

    Attributes:
        refuses: Which texts.
    """

    refuses: Callable[[str], bool] = lambda text: text.endswith("1")
    judged: list[str] = field(default_factory=list)
    learned: list[tuple[str, Status]] = field(default_factory=list)

    def objection(self, genome: Any, rng: np.random.Generator) -> str:
        del rng
        self.judged.append(genome.text)
        return "it ends with 1" if self.refuses(genome.text) else ""

    def learn(self, request: EvaluationRequest, evaluation: Evaluation) -> None:
        self.learned.append((request.genome.text, evaluation.status))


@dataclass
class Ones:
    """A score that says nothing but how many ones there are."""

    name: str = "ones"

    def __call__(self, genome: Any) -> float:
        return genome.text.count("1")

    def fit(self, genomes: Sequence[Any], accuracies: Sequence[float]) -> bool:
        del genomes, accuracies
        return False


def judging() -> Rejection:
    return Rejection(Ones(), lambda genome: 100)


@pytest.fixture(params=BUDGETS)
def algorithm(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_what_is_rejected_is_recorded_and_costs_nothing(
    toy: SimpleNamespace, journal: Journal, algorithm: str
) -> None:
    refusal = Refusal()
    outcome = toy.search(journal, algorithm, rejection=refusal, evaluations=30)
    rejected = [record for record in outcome.records if record.evaluation.status is Status.REJECTED]
    assert outcome.ending is Ending.FINISHED
    assert len(rejected) > 5
    assert {(r.cost, r.n_epochs, r.evaluation.reason) for r in rejected} == {(0, 0, "it ends with 1")}
    assert all(record.parents and record.text.endswith("1") for record in rejected)
    assert not {record.text for record in rejected} & {call.split()[0] for call in outcome.calls}
    assert 29.5 < sum(record.n_epochs / record.epochs for record in outcome.records) < 31  # the whole budget
    assert [record.ticket for record in outcome.records] == list(range(len(outcome.records)))
    assert len(outcome.told) == len(outcome.records)
    assert {status for _, status in refusal.learned} == {Status.OK, Status.REJECTED}


def test_founders_continuations_and_duplicates_are_not_judged(
    toy: SimpleNamespace, journal: Journal, algorithm: str
) -> None:
    refusal = Refusal()
    outcome = toy.search(journal, algorithm, rejection=refusal, space=toy.BitSpace(n_bits=5), evaluations=20)
    offspring = [
        r.text for r in outcome.records if r.parents and r.continues is None and r.reused_from is None
    ]
    assert sorted(refusal.judged) == sorted(offspring)


def test_a_generation_is_as_large_as_without(toy: SimpleNamespace, journal: Journal) -> None:
    outcome = toy.search(journal, "generational", rejection=Refusal(), evaluations=32, window=32)
    # With a window that holds a generation, it waits only once all of it is in flight.
    n_asked = [0]
    for line in outcome.log:
        if line.startswith("ask") and line.endswith("-") and n_asked[-1]:
            n_asked.append(0)
        n_asked[-1] += line.startswith("ask") and not line.endswith("-")
        n_asked[-1] -= line.endswith("rejected")
    assert n_asked[:4] == [8, 8, 8, 8]


def test_the_sequence_is_the_same_on_any_workers(
    toy: SimpleNamespace, new_journal: Callable[[], Journal], algorithm: str
) -> None:
    def executor(table: Any) -> SimulatedExecutor:
        return SimulatedExecutor(table, 3, lambda ticket, request: float(len(request.genome.text.strip("0"))))

    one = toy.search(new_journal(), algorithm, rejection=judging(), evaluations=BUDGETS[algorithm])
    many = toy.search(new_journal(), algorithm, executor, rejection=judging(), evaluations=BUDGETS[algorithm])
    assert many.log == one.log


def test_resuming_rejects_the_same_again(
    toy: SimpleNamespace, new_journal: Callable[[], Journal], algorithm: str
) -> None:
    whole = toy.search(new_journal(), algorithm, rejection=judging(), evaluations=BUDGETS[algorithm])
    assert "rejected" in {line.split()[-1] for line in whole.log}
    journal = new_journal()
    toy.search(
        journal,
        algorithm,
        lambda table: toy.Recorder(SerialExecutor(table), crash_after=40),
        rejection=judging(),
        evaluations=BUDGETS[algorithm],
    )
    resumed = toy.search(journal, algorithm, rejection=judging(), evaluations=BUDGETS[algorithm])
    assert resumed.log == whole.log
    assert toy.timeless(resumed.records) == toy.timeless(whole.records)


@pytest.mark.parametrize("before", [True, False])
def test_another_judgement_than_the_journals_is_another_search(
    toy: SimpleNamespace, journal: Journal, before: bool
) -> None:
    """At the first ticket that it tells, not where the search has gone elsewhere."""
    first, second = Refusal(), Refusal(lambda text: False)
    records = toy.search(journal, rejection=first if before else second, evaluations=40).records
    judged = next(r.ticket for r in records if r.parents and r.text.endswith("1") and r.continues is None)
    with pytest.raises(ReplayError, match=rf"^ticket {judged} must ask again what the journal holds"):
        toy.search(journal, rejection=second if before else first, evaluations=40)

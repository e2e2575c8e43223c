"""The virtual clock: what is asked and told in which order, whatever the machines do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evocnn.evaluation import EvaluationRequest, Status
from evocnn.search import Ending
from evocnn.store import Journal, front_of
from evocnn.workers import Executor, SerialExecutor, SimulatedExecutor

ALGORITHMS = ("generational", "steady", "random", "generational with rungs", "steady with rungs")


def simulated(n_workers: int, seed: int) -> Callable[[Any], Executor]:
    """Return what makes an executor whose durations have nothing to do with the predicted costs."""
    durations = np.random.default_rng(seed).lognormal(0, 2, size=10_000)
    return lambda table: SimulatedExecutor(table, n_workers, lambda ticket, request: float(durations[ticket]))


def order(log: list[str]) -> list[str]:
    """Return a spy's log without the texts."""
    return [" ".join(line.split()[:2]) for line in log]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_any_number_of_workers_gives_the_same_search(
    toy: Any, new_journal: Callable[[], Journal], algorithm: str
) -> None:
    def search(executor: Callable[[Any], Executor]) -> tuple[Any, ...]:
        table = toy.Table(fails=lambda text: text.count("1") == 6)
        n = 15 if "rungs" in algorithm else 80
        outcome = toy.search(new_journal(), algorithm, executor, table=table, window=11, evaluations=n)
        front = front_of(outcome.records, toy.OBJECTIVES)
        return outcome.ending, outcome.log, outcome.told, toy.timeless(outcome.records), front

    *alone, front = search(SerialExecutor)
    records = alone[3]
    assert {record.evaluation.status for record in records} == {Status.OK, Status.OUT_OF_MEMORY}
    assert len(records) >= 50
    for n_workers in (1, 2, 7, 64):
        *several, same = search(simulated(n_workers, seed=n_workers))
        assert several == alone
        assert toy.timeless(same.members) == toy.timeless(front.members)
        assert same.hypervolume == front.hypervolume


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_seed_and_window_make_another_search(
    toy: Any, new_journal: Callable[[], Journal], algorithm: str
) -> None:
    def log(seed: int, window: int) -> Any:
        return toy.search(new_journal(), algorithm, seed=seed, window=window, evaluations=12).log

    first = log(seed=1, window=5)
    assert log(seed=1, window=5) == first
    assert log(seed=2, window=5) != first
    assert log(seed=1, window=6) != first


# Text: cost. One letter stands for one genome; `BitSpace.costs` takes any text.
COSTS = {"a": 3.0, "b": 1.0, "c": 1.0, "d": 4.0, "e": 2.0}


@pytest.mark.parametrize("executor", [SerialExecutor, simulated(1, 0), simulated(2, 1), simulated(9, 2)])
def test_a_window_of_two_by_hand(toy: Any, journal: Journal, executor: Callable[[Any], Executor]) -> None:
    space = toy.BitSpace(costs=COSTS)
    outcome = toy.search(journal, toy.Script("abcde"), executor, space=space, window=2, evaluations=5)
    assert order(outcome.log) == [
        "ask 0",  # at 0, ends at 3
        "ask 1",  # at 0, ends at 1
        "tell 1",  # at 1
        "ask 2",  # at 1, ends at 2
        "tell 2",  # at 2
        "ask 3",  # at 2, ends at 6
        "tell 0",  # at 3
        "ask 4",  # at 3, ends at 5; the budget is spent
        "tell 4",  # at 5
        "tell 3",  # at 6
    ]
    assert [record.cost for record in outcome.records] == [3.0, 1.0, 1.0, 4.0, 2.0]
    assert outcome.ending is Ending.FINISHED


def test_a_window_of_one_is_one_after_the_other(toy: Any, journal: Journal) -> None:
    space = toy.BitSpace(costs=COSTS)
    outcome = toy.search(journal, toy.Script("abc"), simulated(5, 0), space=space, window=1, evaluations=3)
    assert order(outcome.log) == ["ask 0", "tell 0", "ask 1", "tell 1", "ask 2", "tell 2"]


def test_what_ends_together_is_told_in_the_order_of_tickets(toy: Any, journal: Journal) -> None:
    space = toy.BitSpace(costs=dict.fromkeys("abcd", 2.0))
    script = toy.Script("abcd")
    outcome = toy.search(journal, script, simulated(3, 1), space=space, window=3, evaluations=4)
    assert order(outcome.log) == [
        *("ask 0", "ask 1", "ask 2"),  # all end at 2
        "tell 0",
        "ask 3",  # at 2, ends at 4: the free worker does not wait for the others of that instant
        *("tell 1", "tell 2", "tell 3"),
    ]


def test_a_duplicate_costs_nothing_and_is_told_with_its_source(toy: Any, journal: Journal) -> None:
    space = toy.BitSpace(costs=COSTS)
    script = toy.Script("abbcadb")
    outcome = toy.search(journal, script, simulated(2, 1), space=space, window=2, evaluations=4)
    assert order(outcome.log) == [
        "ask 0",  # a at 0, ends at 3
        "ask 1",  # b at 0, ends at 1
        "tell 1",  # at 1
        "ask 2",  # b again: it is known
        "tell 2",  # so it is told at once, before anything else is asked
        "ask 3",  # c at 1, ends at 2; the free worker of ticket 1 has still been free
        "tell 3",  # at 2
        "ask 4",  # a again, which ends at 3
        "ask 5",  # d at 2, ends at 6: the duplicate took no worker; the budget of 4 is spent
        "tell 0",  # at 3
        "tell 4",  # at 3
        "tell 5",  # at 6
    ]
    assert outcome.calls == ["b", "a", "c", "d"]
    assert [record.reused_from for record in outcome.records] == [None, None, 1, None, 0, None]
    assert [record.cost for record in outcome.records] == [3.0, 1.0, 0.0, 1.0, 0.0, 4.0]
    assert outcome.records[4].evaluation == replace(outcome.records[0].evaluation, seconds=0.0)
    assert outcome.records[4].identity == outcome.records[0].identity


def test_a_duplicate_of_a_duplicate_names_the_one_that_was_evaluated(toy: Any, journal: Journal) -> None:
    space = toy.BitSpace(costs=COSTS)
    outcome = toy.search(journal, toy.Script("aaaab"), space=space, window=2, evaluations=2)
    assert [record.reused_from for record in outcome.records] == [None, 0, 0, 0, None]
    assert outcome.calls == ["b", "a"]


def test_not_yet_leaves_workers_idle_until_more_is_told(toy: Any, journal: Journal) -> None:
    space = toy.BitSpace(costs=COSTS)
    script = toy.Script(["a", "b", None, None, "c", "d"])
    outcome = toy.search(journal, script, space=space, window=3, evaluations=4)
    assert order(outcome.log) == [
        *("ask 0", "ask 1", "ask 2"),  # a ends at 3, b at 1; the third says "not yet"
        "tell 1",  # at 1
        "ask 2",  # "not yet" again
        "tell 0",  # at 3
        *("ask 2", "ask 3"),  # c at 3, ends at 4; d at 3, ends at 7
        *("tell 2", "tell 3"),
    ]


def test_another_replicate_fidelity_or_donor_is_no_duplicate(toy: Any, journal: Journal) -> None:
    plain = EvaluationRequest(toy.Bits("a"), toy.FIDELITY, saves_state=True)
    other = replace(plain, genome=toy.Bits("b"))
    lines = [
        plain,
        other,
        replace(plain, replicate=1),
        replace(plain, fidelity=replace(toy.FIDELITY, epochs=2)),
        replace(plain, donor=1),
        plain,  # 5: a duplicate of 0
        replace(other, donor=0),
        replace(other, donor=5),  # 7: the donors are one, so it is a duplicate of 6
    ]
    script = toy.Script(lines, needed=(0, 1))
    outcome = toy.search(journal, script, space=toy.BitSpace(costs=COSTS), window=1, evaluations=6)
    assert [r.reused_from for r in outcome.records] == [None, None, None, None, None, 0, None]
    assert [(r.replicate, r.epochs, r.donor) for r in outcome.records[2:5]] == [
        (1, 1, None),
        (0, 2, None),
        (0, 1, 1),
    ]
    more = toy.search(
        journal, toy.Script([*lines, "c"]), space=toy.BitSpace(costs=COSTS), window=1, evaluations=7
    )
    assert [r.reused_from for r in more.records[7:]] == [6, None]


def test_soonest_needed_is_dispatched_first(toy: Any, journal: Journal) -> None:
    space = toy.BitSpace(costs={"a": 4.0, "b": 1.0, "c": 3.0, "d": 2.0, "e": 2.5, "f": 9.0})
    recorders = []

    def executor(table: Any) -> Any:
        recorders.append(toy.Recorder(SerialExecutor(table)))
        return recorders[0]

    outcome = toy.search(journal, toy.Script("abcdef"), executor, space=space, window=4, evaluations=6)
    # Ends: a 4, b 1, c 3, d 2; then e, asked when b ends, 3.5; f, asked when d ends, 11.
    assert recorders[0].submitted == [1, 3, 2, 4, 0, 5]
    assert [int(line.split()[1]) for line in outcome.log if "tell" in line] == [1, 3, 2, 4, 0, 5]


def test_with_several_workers_too_soonest_needed_is_dispatched_first(toy: Any, journal: Journal) -> None:
    space = toy.BitSpace(costs={"a": 4.0, "b": 1.0, "c": 3.0, "d": 2.0})
    recorders = []

    def executor(table: Any) -> Any:
        slow_first = SimulatedExecutor(table, 2, lambda ticket, request: 9.0 if ticket == 1 else 1.0)
        recorders.append(toy.Recorder(slow_first))
        return recorders[0]

    outcome = toy.search(journal, toy.Script("abcd"), executor, space=space, window=4, evaluations=4)
    assert recorders[0].submitted == [1, 3, 2, 0]  # while 1 takes its time, the other worker goes on
    assert order(outcome.log)[4:] == ["tell 1", "tell 3", "tell 2", "tell 0"]


def test_longest_is_dispatched_first_where_all_are_needed(toy: Any, journal: Journal) -> None:
    space = toy.BitSpace(costs={"a": 4.0, "b": 1.0, "c": 3.0, "d": 2.0, "e": 3.0})
    script = toy.Script([*"abcde", *[None] * 5, "f"])
    recorders = []

    def executor(table: Any) -> Any:
        recorders.append(toy.Recorder(SerialExecutor(table)))
        return recorders[0]

    outcome = toy.search(journal, script, executor, space=space, window=8, evaluations=6)
    assert recorders[0].submitted == [0, 2, 4, 3, 1, 5]  # equals in the order of tickets
    told = [int(line.split()[1]) for line in outcome.log if "tell" in line]
    assert told == [1, 3, 2, 4, 0, 5]  # the clock does not change with the order of dispatch


def test_no_more_than_the_window_is_in_flight(toy: Any, journal: Journal) -> None:
    recorders = []

    def executor(table: Any) -> Any:
        recorders.append(toy.Recorder(SimulatedExecutor(table, 64, lambda ticket, request: 1.0)))
        return recorders[0]

    outcome = toy.search(journal, "steady", executor, window=5, evaluations=50)
    evaluated = {record.ticket for record in outcome.records if record.reused_from is None}
    in_flight = most = 0
    for line in outcome.log:
        act, ticket, _ = line.split()
        in_flight += (1 if act == "ask" else -1) * (int(ticket) in evaluated)
        most = max(most, in_flight)
    assert most == 5
    assert sorted(recorders[0].submitted) == sorted(evaluated)  # each once


def test_a_record_says_where_a_candidate_comes_from(toy: Any, journal: Journal) -> None:
    outcome = toy.search(journal, "steady", evaluations=40)
    space = toy.BitSpace()
    founders, offspring = outcome.records[:8], outcome.records[13:]
    assert {(record.parents, record.operators) for record in founders} == {((), ())}
    assert {record.operators for record in offspring} == {("mix", "flip")}
    for record in offspring:
        assert 1 <= len(set(record.parents)) == len(record.parents) <= 2
        assert all(parent < record.ticket for parent in record.parents)
    for record in outcome.records:
        assert record.genome == record.text == record.key
        assert (record.epochs, record.n_images, record.replicate) == (1, 10, 0)
        if record.reused_from is None:
            assert record.cost == space.cost(toy.Bits(record.text), toy.FIDELITY)
    assert [record.ticket for record in outcome.records] == list(range(len(outcome.records)))
    assert sorted(outcome.told) == list(range(len(outcome.records)))

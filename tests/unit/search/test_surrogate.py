"""The surrogate that proposes among offspring."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evocnn.evaluation import Fitness, Individual
from evocnn.search.surrogate import LEAST_GAINS, LEAST_TOLD, TRUSTED, Surrogate

SPACE_BITS = 8


def individual(toy: SimpleNamespace, text: str, values: tuple[float, ...], ticket: int = 0) -> Individual:
    return Individual(ticket, toy.Bits(text), Fitness((1.0,) * len(values), values))


def texts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(map(str, rng.integers(2, size=SPACE_BITS))) for _ in range(n)]


def taught(toy: SimpleNamespace, value: Any, n: int = 40) -> Surrogate:
    surrogate = Surrogate(toy.BitSpace().describe, np.full(len(value("0")), 1.0))
    for text in texts(n):
        surrogate.tell(individual(toy, text, value(text)), 1.0)
    return surrogate


def test_with_little_told_the_first_is_proposed(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text.count("1"),), LEAST_TOLD - 1)
    assert len(set(texts(LEAST_TOLD - 1))) == LEAST_TOLD - 1
    assert surrogate.propose([toy.Bits("00000000"), toy.Bits("11111111")]) == 0


def test_it_proposes_what_was_better_before(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text.count("1"),))
    assert surrogate.propose([toy.Bits(t) for t in ("00000001", "11111111", "00110011")]) == 1


def test_it_proposes_what_widens_the_front_where_there_are_two_objectives(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text[:4].count("1"), text[4:].count("1")))
    offspring = [toy.Bits(t) for t in ("11110000", "00001111", "11111111", "00000000")]
    assert surrogate.propose(offspring) == 2


def test_of_two_alike_the_one_unlike_those_in_flight_is_proposed(toy: SimpleNamespace) -> None:
    def ends(text: str) -> tuple[float, float]:
        return (text.count("1"), text.count("0"))

    surrogate = Surrogate(toy.BitSpace().describe, np.ones(2))
    for text in dict.fromkeys(texts(40)):
        if 2 <= text.count("1") <= 6:
            surrogate.tell(individual(toy, text, ends(text)), 1.0)
    offspring = [toy.Bits("11111111"), toy.Bits("00000000")]
    first = surrogate.propose(offspring)
    again = surrogate.propose([offspring[first], toy.Bits("00000000" if first == 0 else "11111111")])
    assert again == 1


def test_a_share_of_the_training_is_told_from_the_whole(toy: SimpleNamespace) -> None:
    """Half-trained ones look worse than they are; what was trained in full says how good they will be."""
    surrogate = Surrogate(toy.BitSpace().describe, np.ones(1))
    for number, text in enumerate(dict.fromkeys(texts(60))):
        share = 1.0 if number % 2 else 0.1
        surrogate.tell(individual(toy, text, (text.count("1") + 20 * share,)), share)
    assert surrogate.propose([toy.Bits("00000111"), toy.Bits("01111111")]) == 1


def test_it_chooses_few_once_others_widen_the_front_more(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text.count("1"),), 40)
    unseen = [format(number, "08b") for number in range(256) if format(number, "08b") not in texts(40)]
    for number, text in enumerate(unseen[: 2 * LEAST_GAINS]):
        is_chosen = number % 2 == 0
        if is_chosen:
            surrogate.propose([toy.Bits(text)])
        assert surrogate.share == TRUSTED
        surrogate.tell(individual(toy, text, (0.0 if is_chosen else 10.0 + number,)), 1.0)
    assert surrogate.share == 1 - TRUSTED


def test_at_a_rung_it_is_judged_by_what_was_halted_there(toy: SimpleNamespace) -> None:
    """The chosen ones are better than the others of their rung, and worse than any trained in full."""
    surrogate = taught(toy, lambda text: (50.0 + text.count("1"),), 40)
    unseen = [format(number, "08b") for number in range(256) if format(number, "08b") not in texts(40)]
    for number, text in enumerate(unseen[: 4 * LEAST_GAINS]):
        is_chosen = number % 2 == 0
        if is_chosen:
            surrogate.propose([toy.Bits(text)])
        surrogate.tell(individual(toy, text, (20.0 + number if is_chosen else 10.0,)), 0.1)
    assert surrogate.share == TRUSTED


def test_a_failed_candidate_is_no_longer_in_flight(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text[:4].count("1"), text[4:].count("1")))
    offspring = [toy.Bits("11111111"), toy.Bits("00000000")]
    assert surrogate.propose(offspring) == 0
    surrogate.forget(offspring[0])
    assert surrogate.propose(offspring) == 0


@pytest.mark.parametrize("n", [1, 3])
def test_it_proposes_for_any_number_of_objectives(toy: SimpleNamespace, n: int) -> None:
    surrogate = taught(toy, lambda text: tuple(float(text.count("1")) for _ in range(n)))
    assert surrogate.propose([toy.Bits("00000000"), toy.Bits("11111111")]) == 1

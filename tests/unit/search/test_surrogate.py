"""The surrogate that proposes among offspring."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evocnn.evaluation import Fitness, Individual, Objective, Objectives
from evocnn.search.surrogate import GREEDY, LEAST_GAINS, LEAST_TOLD, MOST_TOLD, TRUSTED, Surrogate

SPACE_BITS = 8


def objectives(n: int, floor: float | None = None) -> Objectives:
    """Return objectives to be maximized, of which what is above -1 counts."""
    return Objectives(tuple(Objective(f"o{i}", 1.0, floor=floor, reference=-1.0) for i in range(n)))


def individual(toy: SimpleNamespace, text: str, values: tuple[float, ...], ticket: int = 0) -> Individual:
    return Individual(ticket, toy.Bits(text), Fitness((1.0,) * len(values), values))


def texts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(map(str, rng.integers(2, size=SPACE_BITS))) for _ in range(n)]


def taught(toy: SimpleNamespace, value: Any, n: int = 40) -> Surrogate:
    surrogate = Surrogate(toy.BitSpace().describe, objectives(len(value("0"))))
    for text in texts(n):
        surrogate.tell(individual(toy, text, value(text)), 1.0)
    return surrogate


def promises(surrogate: Surrogate, genomes: list[Any]) -> np.ndarray:
    """Return what each promises, without taking one."""
    return surrogate._promises(*surrogate._predicted(genomes))


def test_with_little_told_the_first_is_proposed(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text.count("1"),), LEAST_TOLD - 1)
    assert len(set(texts(LEAST_TOLD - 1))) == LEAST_TOLD - 1
    assert surrogate.choose([toy.Bits("00000000"), toy.Bits("11111111")]) == 0


def test_it_proposes_what_was_better_before(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text.count("1"),))
    assert surrogate.choose([toy.Bits(t) for t in ("00000001", "11111111", "00110011")]) == 1


def test_it_proposes_what_widens_the_front_where_there_are_two_objectives(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text[:4].count("1"), text[4:].count("1")))
    offspring = [toy.Bits(t) for t in ("11110000", "00001111", "11111111", "00000000")]
    assert surrogate.choose(offspring) == 2


def test_of_two_alike_the_one_unlike_those_in_flight_is_proposed(toy: SimpleNamespace) -> None:
    def ends(text: str) -> tuple[float, float]:
        return (text.count("1"), text.count("0"))

    surrogate = Surrogate(toy.BitSpace().describe, objectives(2))
    for text in dict.fromkeys(texts(40)):
        if 2 <= text.count("1") <= 6:
            surrogate.tell(individual(toy, text, ends(text)), 1.0)
    offspring = [toy.Bits("11111111"), toy.Bits("00000000")]
    first = surrogate.choose(offspring)
    again = surrogate.choose([offspring[first], toy.Bits("00000000" if first == 0 else "11111111")])
    assert again == 1


def test_each_third_proposal_goes_by_what_is_expected_alone(
    toy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is surely a little better than the best; the other perhaps much better, perhaps much worse."""
    surrogate = taught(toy, lambda text: (text.count("1"),))
    best = max(text.count("1") for text in texts(40))
    predicted = -best + np.array([[-0.5], [0.0]]), np.array([[0.0], [5.0]])
    monkeypatch.setattr(surrogate, "_predicted", lambda _: predicted)
    offspring = [toy.Bits(text) for text in unseen(2)]
    assert [surrogate.choose(offspring) for _ in range(GREEDY)] == [1, 1, 0]


def test_a_share_of_the_training_is_told_from_the_whole(toy: SimpleNamespace) -> None:
    """Half-trained ones look worse than they are; what was trained in full says how good they will be."""
    surrogate = Surrogate(toy.BitSpace().describe, objectives(1))
    for number, text in enumerate(dict.fromkeys(texts(60))):
        share = 1.0 if number % 2 else 0.1
        surrogate.tell(individual(toy, text, (text.count("1") + 20 * share,)), share)
    assert surrogate.choose([toy.Bits("00000111"), toy.Bits("01111111")]) == 1


def unseen(n: int) -> list[str]:
    """Return texts that `taught` does not tell."""
    told = set(texts(40))
    return [text for text in (format(number, "08b") for number in range(256)) if text not in told][:n]


def test_it_chooses_few_once_others_widen_the_front_more(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text.count("1"),))
    for number, text in enumerate(unseen(2 * LEAST_GAINS)):
        is_chosen = number % 2 == 0
        surrogate.choose([toy.Bits(text)]) if is_chosen else surrogate.pass_by(toy.Bits(text))
        assert surrogate.share == TRUSTED
        surrogate.tell(individual(toy, text, (0.0 if is_chosen else 10.0 + number,)), 1.0)
    assert surrogate.share == 1 - TRUSTED


def test_who_is_told_without_having_been_bred_is_no_evidence(toy: SimpleNamespace) -> None:
    """Founders may still be in flight when the first offspring are bred."""
    surrogate = taught(toy, lambda text: (text.count("1"),))
    surrogate.choose([toy.Bits(unseen(1)[0])])
    for number, text in enumerate(unseen(3 * LEAST_GAINS)[1:]):
        surrogate.tell(individual(toy, text, (10.0 + number,)), 1.0)
    assert surrogate.share == TRUSTED


def test_at_a_rung_it_is_judged_by_what_was_halted_there(toy: SimpleNamespace) -> None:
    """The others are better than anything of their rung, and worse than any trained in full."""
    surrogate = taught(toy, lambda text: (100.0 + text.count("1"),))
    for number, text in enumerate(unseen(2 * LEAST_GAINS)):
        is_chosen = number % 2 == 0
        surrogate.choose([toy.Bits(text)]) if is_chosen else surrogate.pass_by(toy.Bits(text))
        surrogate.tell(individual(toy, text, (0.0 if is_chosen else 10.0 + number,)), 0.1)
    assert surrogate.share == 1 - TRUSTED


def test_what_was_told_long_ago_is_still_on_the_front(toy: SimpleNamespace) -> None:
    space = toy.BitSpace(n_bits=10)
    surrogate = Surrogate(space.describe, objectives(1))
    surrogate.tell(individual(toy, "1111111111", (50.0,)), 1.0)
    for number in range(MOST_TOLD + 5):
        text = format(number, "010b")
        surrogate.tell(individual(toy, text, (float(text.count("1")),)), 1.0)
    promised = promises(surrogate, [toy.Bits("1111111110"), toy.Bits("0000000000")])
    assert (promised < 0).all()  # nothing comes near the best that was ever told
    assert promised[0] > promised[1]


def test_where_half_of_them_are_best_the_rest_still_teaches(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (0.0 if text[0] == "1" else -0.5 * text.count("0") / 8,))
    promised = promises(surrogate, [toy.Bits("00000000"), toy.Bits("01111111")])
    assert promised[1] > promised[0]


def test_nothing_is_promised_below_a_floor(toy: SimpleNamespace) -> None:
    for floor, sign in ((None, 1), (20.0, -1)):
        surrogate = Surrogate(toy.BitSpace().describe, objectives(1, floor))
        for text in texts(40):
            if text.count("1") < 6:
                surrogate.tell(individual(toy, text, (float(text.count("1")),)), 1.0)
        assert np.sign(promises(surrogate, [toy.Bits("11111111")])[0]) == sign


def test_a_failed_candidate_is_no_longer_in_flight(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text[:4].count("1"), text[4:].count("1")))
    best = toy.Bits("11111111")
    before = promises(surrogate, [best])[0]
    surrogate.choose([best])
    assert promises(surrogate, [best])[0] < 0.5 * before
    surrogate.forget(best)
    assert promises(surrogate, [best])[0] == pytest.approx(before)


def test_what_is_told_changes_what_is_promised(toy: SimpleNamespace) -> None:
    surrogate = taught(toy, lambda text: (text.count("1"),))
    before = promises(surrogate, [toy.Bits("11111110")])[0]
    surrogate.tell(individual(toy, "11111111", (0.0,)), 1.0)
    assert promises(surrogate, [toy.Bits("11111110")])[0] < before


@pytest.mark.parametrize("n", [1, 3])
def test_it_proposes_for_any_number_of_objectives(toy: SimpleNamespace, n: int) -> None:
    surrogate = taught(toy, lambda text: tuple(float(text.count("1")) for _ in range(n)))
    assert surrogate.choose([toy.Bits("00000000"), toy.Bits("11111111")]) == 1

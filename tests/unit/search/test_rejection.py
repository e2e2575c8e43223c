"""Offspring rejected by a score, and the score held against what training finds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Fidelity
from evocnn.search import rejection as rejection_module
from evocnn.search.rejection import LEAST_PAIRS, MOST_IN_A_ROW, N_PEERS, UNSEEN, Rejection

LOOKS_AWAY, LOOKS = UNSEEN - 1e-9, UNSEEN  # draws for which the score is not and is looked at


@dataclass(frozen=True)
class Thing:
    """A genome that says what it will be found to be."""

    key: str
    score: float | None
    accuracy: float = 0.5
    size: float = 1000.0
    text: str = "thing"

    def to_json(self) -> str:
        return self.key


@dataclass
class Draw:
    """A stream of one number."""

    number: float
    n_drawn: int = 0

    def random(self) -> float:
        self.n_drawn += 1
        return self.number


@dataclass
class Written:
    """A score that is written on the genome, plus what it has learned.

    Attributes:
        rise: By how much each fit raises all scores.
        fits: The accuracies that it was given to learn from.
    """

    name: str = "written"
    rise: float = 0.0
    fits: list[tuple[float, ...]] = field(default_factory=list)

    def __call__(self, genome: Any) -> float | None:
        return None if genome.score is None else genome.score + self.rise * len(self.fits)

    def fit(self, genomes: Sequence[Any], accuracies: Sequence[float]) -> bool:
        assert [genome.accuracy for genome in genomes] == list(accuracies)
        self.fits.append(tuple(accuracies))
        return self.rise > 0


def new(score: Written | None = None) -> Rejection:
    return Rejection(score or Written(), lambda genome: genome.size)


def judged(rejection: Rejection, thing: Thing, number: float = LOOKS) -> str:
    draw = Draw(number)
    reason = rejection.objection(thing, draw)  # type: ignore[arg-type]
    assert draw.n_drawn == 1  # whatever comes of it, or later draws of the ticket would change
    return reason


def tell(rejection: Rejection, thing: Thing, share: float = 1.0, status: Status = Status.OK) -> None:
    metrics = {"validation_accuracy": thing.accuracy} if status is Status.OK else {}
    rejection.learn(EvaluationRequest(thing, Fidelity(10, 100, share)), Evaluation(status, metrics))


def things(n: int, slope: float = 1.0, start: int = 0, size: float = 1000.0) -> list[Thing]:
    """Return things whose accuracy goes with their score, or against it; no two have the same."""
    numbers = range(start, start + n)
    return [Thing(f"{size:g}/{k}", float(k), 0.5 + slope * k / 1000, size) for k in numbers]


def shown(rejection: Rejection, many: Sequence[Thing], share: float = 1.0) -> Rejection:
    """Return a rejection that has considered things and heard of them, without looking at scores."""
    for thing in many:
        assert not judged(rejection, thing, LOOKS_AWAY)
        tell(rejection, thing, share)
    return rejection


def proven(score: Written | None = None) -> Rejection:
    """Return a rejection by a score that has been found right."""
    return shown(new(score), things(10))  # 45 pairs


def test_what_is_below_the_median_of_its_size_is_rejected() -> None:
    rejection = proven()
    assert rejection.is_on
    # among 0..9, then among the ten and 4.4
    assert judged(rejection, Thing("a", 4.4)) == (
        "its written score was 4.4, below 4.5, the median of 10 offspring of about its size"
    )
    assert judged(rejection, Thing("b", 4.4)) == ""  # the median itself
    assert judged(rejection, Thing("c", 4.3))
    assert judged(rejection, Thing("d", 9.0)) == ""


def test_a_quarter_is_accepted_whatever_the_score() -> None:
    rejection = proven()
    assert judged(rejection, Thing("a", -5.0), LOOKS_AWAY) == ""
    assert judged(rejection, Thing("b", -5.0), LOOKS)


def test_nothing_is_rejected_while_the_correlation_is_unknown() -> None:
    rejection = shown(new(), things(8))  # 28 pairs
    assert judged(rejection, Thing("a", -5.0)) == ""
    assert rejection.report().n_pairs == 28 < LEAST_PAIRS
    assert rejection.report().correlation == 1
    tell(rejection, Thing("a", -5.0, 0.1))  # 36 pairs
    assert judged(rejection, Thing("b", -5.0))


@pytest.mark.parametrize("slope", [-1.0, 0.0])
def test_a_score_that_says_nothing_rejects_nothing(slope: float) -> None:
    rejection = shown(new(), things(10, slope))
    assert not rejection.is_on
    assert judged(rejection, Thing("a", -5.0)) == ""


def test_it_turns_itself_off_once_the_correlation_is_not_above_zero_and_on_again() -> None:
    rejection = proven()
    shown(rejection, things(20, slope=-1.0, start=100))
    assert not rejection.is_on
    assert judged(rejection, Thing("a", -5.0)) == ""
    shown(rejection, things(60, start=200))
    assert rejection.is_on
    assert judged(rejection, Thing("b", -5.0))


def test_a_score_that_only_follows_size_rejects_nothing() -> None:
    sizes = [100.0 * 2**k for k in range(12)]
    growing = [Thing(f"{k}", float(k), 0.5 + k / 100, size) for k, size in enumerate(sizes)]
    assert not shown(new(), growing).is_on


def test_other_sizes_are_no_peers() -> None:
    rejection = proven()
    assert judged(rejection, Thing("far", -5.0, size=1501.0)) == ""
    assert judged(rejection, Thing("near", -5.0, size=1499.0))


def test_with_few_of_its_size_an_offspring_is_accepted() -> None:
    rejection = proven()
    few = [Thing(f"{k}", 5.0, size=9000.0) for k in range(4)]
    assert all(judged(rejection, thing) == "" for thing in few)
    assert judged(rejection, Thing("fifth", -5.0, size=9000.0)) == ""
    assert judged(rejection, Thing("sixth", -5.0, size=9000.0))


def test_rejections_in_a_row_end() -> None:
    rejection = proven()
    worse = [bool(judged(rejection, Thing(f"{k}", -1.0 - k))) for k in range(2 * MOST_IN_A_ROW + 2)]
    assert worse == 2 * ([True] * MOST_IN_A_ROW + [False])
    assert rejection.report().n_rejected == 2 * MOST_IN_A_ROW


def test_peers_are_those_considered_last() -> None:
    rejection = proven()
    for k in range(N_PEERS):
        judged(rejection, Thing(f"{k}", 100.0), LOOKS_AWAY)
    assert "100 offspring" in judged(rejection, Thing("a", 50.0))


def test_only_those_accepted_whatever_their_score_are_measured() -> None:
    """Those that passed for their scores differ less in them: they would hide what a score says."""
    rejection = proven()
    before = rejection.report()
    passed = Thing("passed", 8.0, 0.0)
    assert judged(rejection, passed) == ""
    tell(rejection, passed)
    tell(rejection, Thing("founder", 8.0, 0.0))
    assert rejection.report().n_pairs == before.n_pairs == 45
    unseen = Thing("unseen", 8.5, 0.0)
    judged(rejection, unseen, LOOKS_AWAY)
    tell(rejection, unseen)
    assert rejection.report().n_pairs == 55
    assert rejection.report().correlation == pytest.approx((45 + 1 - 9) / 55)


def test_the_score_measured_is_the_one_from_before_training() -> None:
    rejection = new(Written(rise=1000.0))
    shown(rejection, things(15))
    late = Thing("late", 20.0, 0.99)
    judged(rejection, late, LOOKS_AWAY)
    shown(rejection, things(5, start=15))  # and learn: scores rise
    tell(rejection, late)
    assert rejection.report().correlation == 1


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.REJECTED])
def test_what_failed_teaches_nothing(status: Status) -> None:
    rejection = proven()
    judged(rejection, Thing("a", 3.0), LOOKS_AWAY)
    tell(rejection, Thing("a", 3.0), status=status)
    assert rejection.report().n_pairs == 45


def test_an_offspring_without_a_score_is_accepted_and_left_out() -> None:
    rejection = proven()
    assert judged(rejection, Thing("none", None)) == ""
    tell(rejection, Thing("none", None))
    assert rejection.report().n_considered == 10
    assert rejection.report().n_pairs == 45


def test_the_highest_rung_with_enough_pairs_is_measured() -> None:
    many = things(20)
    rejection = shown(new(), many, share=0.1)
    against = [Thing(t.key, t.score, 1 - t.accuracy) for t in many]
    for thing in against[:8]:
        tell(rejection, thing, share=1.0)
    assert (rejection.report().n_pairs, rejection.report().correlation) == (190, 1)
    tell(rejection, against[8], share=1.0)
    assert (rejection.report().n_pairs, rejection.report().correlation) == (36, -1)


def test_what_was_told_long_ago_is_measured_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejection_module, "N_MEASURED", 12)
    rejection = shown(proven(), things(12, slope=-1.0, start=100))
    assert (rejection.report().n_pairs, rejection.report().correlation) == (66, -1)


def test_the_score_learns_from_all_that_was_told_whenever_it_has_doubled() -> None:
    score = Written()
    rejection = new(score)
    for thing in things(90):
        tell(rejection, thing)
    assert [len(fit) for fit in score.fits] == [20, 40, 80]
    assert score.fits[0] == tuple(thing.accuracy for thing in things(20))


def test_the_score_learns_from_the_highest_rung_with_enough() -> None:
    score = Written()
    rejection = new(score)
    for number, thing in enumerate(things(90)):
        tell(rejection, thing, share=0.1)
        if number % 3 == 0:
            tell(rejection, Thing(thing.key, thing.score, 0.9), share=1.0)
    assert [len(fit) for fit in score.fits] == [20, 40, 27]  # the last one from the 27 trained in full
    assert set(score.fits[2]) == {0.9}


def test_peers_are_scored_anew_when_scores_change() -> None:
    rejection = shown(new(Written(rise=1000.0)), things(20))
    reason = judged(rejection, Thing("a", 9.0))
    assert reason.startswith("its written score was 1009, below 1010, the median of 20 offspring")


def test_what_it_does_follows_from_what_it_was_asked_and_told() -> None:
    def history() -> list[str]:
        rng = np.random.default_rng(7)
        rejection, reasons = new(Written(rise=1.0)), []
        for k in range(150):
            score = float(rng.normal())
            thing = Thing(f"{k}", score, score + float(rng.normal()), float(rng.uniform(500, 2000)))
            reasons.append(rejection.objection(thing, np.random.default_rng(k)))
            if not reasons[-1]:
                tell(rejection, thing)
        return reasons

    reasons = history()
    assert 20 < sum(map(bool, reasons)) < 75
    assert history() == reasons


def test_the_report_says_what_was_found() -> None:
    rejection = new()
    assert rejection.report().text == (
        "written rejected 0 of 0 offspring and is off; its rank correlation with validation accuracy within "
        "equal sizes is unknown, over 0 of at least 30 pairs"
    )
    shown(rejection, things(10))
    judged(rejection, Thing("a", -1.0))
    assert rejection.report().text == (
        "written rejected 1 of 11 offspring and is on; its rank correlation with validation accuracy within "
        "equal sizes is +1.00, over 45 pairs"
    )

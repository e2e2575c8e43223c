"""The error of the cost model: what it is of known times."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.stats import spearmanr

from evocnn.evaluation import Evaluation, Status
from evocnn.report.cost_error import CostError, cost_error
from evocnn.store import Record

Make = Callable[..., Record]


def records_of(make: Make, real: Sequence[float], predicted: Sequence[float]) -> list[Record]:
    return [
        make(ticket, cost=cost, evaluation=Evaluation(Status.OK, seconds=seconds))
        for ticket, (seconds, cost) in enumerate(zip(real, predicted, strict=True))
    ]


def test_a_constant_factor_is_no_error(make_record: Make) -> None:
    """The clock needs ratios."""
    found = cost_error(records_of(make_record, [2, 4, 8, 16], [1, 2, 4, 8]))
    assert found == pytest.approx(CostError(4, 1.0, 2.0, 1.0))


def test_half_of_the_trainings_lie_within_the_factor(make_record: Make) -> None:
    found = cost_error(records_of(make_record, [1, 30, 100, 300, 100_000], [10, 100, 100, 100, 1000]))
    assert found is not None
    assert found.ratio == pytest.approx(1.0)
    assert found.factor == pytest.approx(10 / 3)  # of 1, 3, 10/3, 10 and 100


def test_the_rank_correlation_is_spearmans_with_ties(make_record: Make) -> None:
    rng = np.random.default_rng(0)
    real = rng.lognormal(size=40).tolist()
    predicted = rng.integers(1, 5, 40).astype(float).tolist()
    found = cost_error(records_of(make_record, real, predicted))
    assert found is not None
    assert found.rank_correlation == pytest.approx(spearmanr(real, predicted).statistic)
    back = cost_error(records_of(make_record, [4, 2, 1], [1, 2, 4]))
    assert back is not None
    assert back.rank_correlation == pytest.approx(-1)


def test_equal_predictions_have_no_order(make_record: Make) -> None:
    found = cost_error(records_of(make_record, [1, 2, 3], [5, 5, 5]))
    assert found is not None
    assert found.rank_correlation == 0


def test_only_successes_that_were_trained_count(make_record: Make) -> None:
    good = records_of(make_record, [2, 4, 8], [1, 2, 4])
    failed = make_record(3, cost=1.0, evaluation=Evaluation(Status.TIMED_OUT, seconds=3600.0))
    reused = make_record(4, cost=0.0, reused_from=0, evaluation=Evaluation(Status.OK, seconds=0.0))
    assert cost_error([*good, failed, reused]) == cost_error(good)
    assert cost_error([*good[:2], failed, reused]) is None


def test_continuations_have_another_ratio_and_do_not_count(make_record: Make) -> None:
    """Each is charged with what it adds, without the start that it takes all the same."""
    first = records_of(make_record, [2, 4, 8], [1, 2, 4])
    rest = [
        make_record(3 + n, continues=n, cost=1.0, evaluation=Evaluation(Status.OK, seconds=90.0))
        for n in range(3)
    ]
    assert cost_error([*first, *rest]) == cost_error(first)
    assert cost_error(rest) is None


def test_it_reads_as_a_sentence() -> None:
    assert str(CostError(40, 0.956, 1.312, 1.164)) == (
        "40 trainings took 1.3 times the predicted seconds, half of them within a factor of 1.16 of that; "
        "rank correlation 0.96"
    )

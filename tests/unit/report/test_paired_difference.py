"""Differences paired by seed."""

import pytest
from scipy.stats import ttest_rel

from evocnn.report.paired_difference import mean_and_deviation, paired_difference

OURS, OTHERS = (0.81, 0.84, 0.80, 0.86), (0.80, 0.80, 0.79, 0.81)


def test_interval_and_p_are_those_of_the_paired_t_test() -> None:
    found = paired_difference(OURS, OTHERS)
    test = ttest_rel(OURS, OTHERS)
    assert found.mean == pytest.approx(0.0275)
    assert found.interval == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert found.p == pytest.approx(test.pvalue)
    assert str(found) == "+0.0275 (-0.0053 to +0.0603)"


@pytest.mark.parametrize(("others", "p"), [((0.5, 0.75), 1.0), ((0.25, 0.5), 0.0)])
def test_equal_differences_have_no_spread(others: tuple[float, float], p: float) -> None:
    found = paired_difference((0.5, 0.75), others)
    assert (found.error, found.p) == (0, p)


def test_the_tolerance_follows_from_the_spread() -> None:
    found = paired_difference(OURS, OTHERS)
    assert found.figure(0.001).tolerance == pytest.approx(5 * found.error)
    assert found.figure(0.3).tolerance == 0.3


def test_mean_and_deviation_of_one_value_is_the_value() -> None:
    assert mean_and_deviation([0.5]) == "0.5000"
    assert mean_and_deviation([0.4, 0.6]) == "0.5000 ± 0.1414"

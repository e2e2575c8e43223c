import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evocnn.training.data.apportion import apportion


@pytest.mark.parametrize(
    ("weights", "total", "expected"),
    [
        ([50, 30, 20], 10, [5, 3, 2]),
        ([21, 8, 5], 10, [6, 2, 2]),  # quotas 6.18, 2.35, 1.47: the last has the largest remainder
        ([1, 1, 1], 2, [1, 1, 0]),  # ties go to the lower index
        ([0, 4], 3, [0, 3]),
        ([5], 0, [0]),
    ],
)
def test_largest_remainders(weights: list[int], total: int, expected: list[int]) -> None:
    sizes = np.array(weights)
    unbounded = np.full_like(sizes, total)
    assert apportion(sizes, total, np.zeros_like(sizes), unbounded).tolist() == expected


def test_bounds_are_kept_at_the_expense_of_the_others() -> None:
    sizes = np.array([96, 2, 2])
    assert apportion(sizes, 10, np.ones_like(sizes), sizes - 1).tolist() == [8, 1, 1]
    assert apportion(np.array([9, 1]), 4, np.zeros(2, dtype=np.int64), np.array([2, 9])).tolist() == [2, 2]


@given(data=st.data())
def test_shares_are_exact_bounded_and_proportional(data: st.DataObject) -> None:
    sizes = np.array(data.draw(st.lists(st.integers(1, 1000), min_size=1, max_size=12)))
    least = np.array([data.draw(st.integers(0, int(size))) for size in sizes])
    total = data.draw(st.integers(int(least.sum()), int(sizes.sum())))
    shares = apportion(sizes, total, least, sizes)
    assert shares.sum() == total
    assert np.all((least <= shares) & (shares <= sizes))
    # Only a lower bound lifts anybody above the quota rounded up.
    assert np.all((shares == least) | (shares < sizes * total / sizes.sum() + 1))
    free = apportion(sizes, total, np.zeros_like(sizes), sizes)
    assert np.all(np.abs(free - sizes * total / sizes.sum()) < 1)

"""McNemar's test of two networks on the same images."""

import pytest

from evocnn.deploy.paired_test import PairedTest, mcnemar


def test_only_images_that_one_network_alone_finds_count() -> None:
    first = [True, True, True, False, False, True]
    second = [True, False, False, True, False, True]
    assert mcnemar(first, second) == PairedTest(n_images=6, n_first=2, n_second=1)


@pytest.mark.parametrize(
    ("n_first", "n_second", "p"),
    [(0, 0, 1.0), (3, 3, 1.0), (5, 0, 2 / 2**5), (0, 6, 2 / 2**6), (7, 1, 2 * 9 / 2**8)],
)
def test_p_is_that_of_a_fair_coin(n_first: int, n_second: int, p: float) -> None:
    assert PairedTest(100, n_first, n_second).p == pytest.approx(p)


@pytest.mark.parametrize(
    ("n_first", "n_second", "claim"),
    [
        (5, 0, "so no difference between them may be claimed at the level 0.05"),
        (6, 0, "so the pair may be called more accurate than its best at the level 0.05"),
        (1, 9, "so its best may be called more accurate than the pair at the level 0.05"),
    ],
)
def test_what_may_be_claimed_follows_from_p(n_first: int, n_second: int, claim: str) -> None:
    found, said = PairedTest(1000, n_first, n_second).lines("the pair", "its best")
    assert f"of 1,000 test images the pair alone finds {n_first}, its best alone {n_second}: p = " in found
    assert said.startswith(claim)

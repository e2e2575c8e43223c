"""How unlike the candidates of a search are, in figures worked out by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from evocnn.report.history.diversity import diversity_of, mean_distance
from evocnn.runs import Run
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 1, 2), (0, 1, 2), 0),
        ((0, 1, 2), (1, 2), 1 / 3),
        ((0, 1), (2, 3, 4, 5), 1),
        ((5, 0, 1, 2), (0, 1, 2, 6), 2 / 4),
        ((), (), 0),
    ],
)
def test_the_distance_is_edits_over_the_longer(
    first: tuple[int, ...], second: tuple[int, ...], expected: float
) -> None:
    assert mean_distance([first, second]) == pytest.approx(expected)
    assert mean_distance([first, second, second]) == pytest.approx(2 * expected / 3)
    assert mean_distance([first]) is None


def test_architectures_are_distinct_whatever_their_recipes(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    conv, head = {"gene": "conv", "filters": 8}, {"pooling": "gap"}
    genomes: list[dict[str, Any]] = [
        {"layers": [conv], "head": head, "recipe": {"rate": 0.1}},
        {"layers": [conv], "head": head, "recipe": {"rate": 0.2}},
        {"layers": [conv, {"gene": "pool"}], "head": head, "recipe": {}},
    ]
    records = [make_record(n, 0.5, 10, genome=each) for n, each in enumerate(genomes)]
    repeat = make_record(3, 0.5, 10, genome=genomes[2], continues=2)
    found = diversity_of(make_run(*records, repeat))
    assert (found.tickets, found.n_asked, found.n_distinct) == ((2,), (3,), (2,))
    assert found.distances == pytest.approx((2 / 3 * 1 / 3,))

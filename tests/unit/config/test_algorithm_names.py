"""Algorithms by name, and what they must be given."""

from pathlib import Path
from typing import Any

import pytest

from evocnn import Experiment
from evocnn.config.algorithm_names import algorithm_named
from evocnn.errors import ExperimentError


class Own:
    """Nothing but a constructor."""

    def __init__(self, breeding: Any, *more: Any, pace: int, rest: int = 3, **others: Any) -> None: ...


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "gene-sweep",
            r"must be given gene and values, but it was given no options; .*gene = \.\.\., values = \.\.\. }",
        ),
        ({"use": "gene-sweep", "gene": "head.dropout"}, "must be given values, but it was given gene; write"),
        (Own, "must be given pace, but it was given no options; write"),
        ({"use": Own, "rest": 2}, "must be given pace, but it was given rest; write"),
    ],
)
def test_options_that_are_missing_are_named(value: object, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        algorithm_named(value, None)


def test_an_experiment_without_them_is_refused_as_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="must be given gene and values"):
        Experiment.from_dict({"search": {"algorithm": "gene-sweep"}}, folder=tmp_path)


def test_what_is_given_suffices() -> None:
    assert algorithm_named({"use": Own, "pace": 2}, None).options == {"pace": 2}


def test_a_mistake_in_an_option_names_the_algorithm() -> None:
    choice = algorithm_named({"use": "aging", "sample": 0}, None)
    with pytest.raises(ExperimentError, match="algorithm 'aging': sample must be at least 1, but it was 0"):
        choice.made(breeding=None, objectives=None, population=8)

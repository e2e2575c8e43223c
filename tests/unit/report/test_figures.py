"""Figures of a study: what counts as the same, here and on another machine, and the file that holds them."""

from pathlib import Path

import pytest

from evocnn.errors import ExperimentError
from evocnn.report.figures import FILE_NAME, Figure, Outcome, compare_outcomes, read_outcomes, write_outcome

HERE = {"processor": "one", "torch": "2", "commit": "a"}
ELSEWHERE = {"processor": "another", "torch": "2", "commit": "a"}


def outcome(environment: dict[str, str] = HERE, **figures: Figure) -> Outcome:  # type: ignore[assignment]
    return Outcome(figures, "evocnn reproduce experiments/one", 1.5, environment)


def test_what_repeats_to_the_bit_may_differ_on_another_machine_alone() -> None:
    expected = outcome(accuracy=Figure(0.9, 0.01, is_exact=True))
    near = Figure(0.905, 0.01, is_exact=True)
    assert not compare_outcomes(expected, outcome(accuracy=near))[0].is_same
    assert compare_outcomes(expected, outcome(ELSEWHERE, accuracy=near))[0].is_same
    far = outcome(ELSEWHERE, accuracy=Figure(0.92, 1, is_exact=True))  # the expected tolerance counts
    assert not compare_outcomes(expected, far)[0].is_same


def test_another_commit_is_no_excuse() -> None:
    expected = outcome(accuracy=Figure(0.9, 0.01, is_exact=True))
    later = outcome({**HERE, "commit": "b"}, accuracy=Figure(0.905, 0.01, is_exact=True))
    assert not compare_outcomes(expected, later)[0].is_same


def test_a_figure_that_is_new_or_missing_does_not_repeat_and_a_time_always_does() -> None:
    expected = outcome(gone=Figure(1, None), took=Figure(3, None, "s"))
    found = outcome(new=Figure(1, 5), took=Figure(900, None, "s"))
    verdicts = {one.name: one.is_same for one in compare_outcomes(expected, found)}
    assert verdicts == {"gone": False, "took": True, "new": False}


def test_writing_one_form_leaves_the_other(tmp_path: Path) -> None:
    full = outcome(accuracy=Figure(0.9, 0.01, "points", is_exact=True))
    write_outcome(tmp_path, "full", full)
    write_outcome(tmp_path, "quick", outcome(accuracy=Figure(0.5, 0.1)))
    write_outcome(tmp_path, "quick", outcome(accuracy=Figure(0.6, 0.1)))
    assert read_outcomes(tmp_path) == {"full": full, "quick": outcome(accuracy=Figure(0.6, 0.1))}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_was_not_measured_is_refused(value: float) -> None:
    with pytest.raises(ExperimentError, match="must be finite"):
        Figure(value, 0.1)


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"full": {"figures": 3}}', '{"full": {"figures": {}, "seconds": 1}}'], ids=str
)
def test_a_damaged_file_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ExperimentError, match="must hold the figures of a study"):
        read_outcomes(tmp_path)

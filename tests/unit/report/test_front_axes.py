"""Which two objectives a picture shows, in the terminal, in files and in the page."""

import pytest

from evocnn.evaluation import Objective
from evocnn.report.front_axes import front_axes


@pytest.mark.parametrize(
    ("names", "across", "up"),
    [
        (["validation_accuracy", "parameters", "gap"], "parameters", "validation_accuracy"),
        (["gap", "validation_accuracy"], "gap", "validation_accuracy"),
        (["validation_accuracy", "gap"], "gap", "validation_accuracy"),
        (["gap", "parameters"], "parameters", "gap"),
        (["gap", "flops", "loss"], "gap", "flops"),
        (["validation_accuracy"], "validation_accuracy", "validation_accuracy"),
        (["parameters"], "parameters", "parameters"),
        (["gap"], "gap", "gap"),
    ],
)
def test_axes_follow_from_the_objectives(names: list[str], across: str, up: str) -> None:
    found = front_axes([Objective(name, 1.0) for name in names])
    assert tuple(objective.name for objective in found) == (across, up)

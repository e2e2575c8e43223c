"""`evocnn verify`: it says no more than what it tried."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.fault
def test_a_run_none_of_which_can_be_trained_again_is_not_said_to_repeat(
    evocnn: Callable[..., Any], finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see it fail: do not ask for `retrainable` where it is said that the run repeats."""
    monkeypatch.setattr("evocnn.runs.verification.REPEATABLE", ())  # as if all had run out of time
    said = evocnn("verify", finished)
    assert said.code == 0, said.err
    assert "training 0 of 0 candidates again" in said.out
    assert said.out.endswith("its search repeats as far as its journal goes; nothing was trained again\n")

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from evocnn.evaluation import Evaluation, Status
from evocnn.store import Record


@dataclass(frozen=True)
class Word:
    """A genome that is a text."""

    text: str

    @property
    def key(self) -> str:
        return self.text

    def to_json(self) -> str:
        return self.text


class WordSpace:
    """What the front needs of a space."""

    def from_json(self, value: Any) -> Word:
        return Word(value)


@pytest.fixture(scope="session")
def word_space() -> WordSpace:
    return WordSpace()


@pytest.fixture(scope="session")
def record() -> Callable[..., Record]:
    """Return a function that makes records; metrics and status may be given in place of an evaluation."""

    def make(ticket: int, *, status: Status = Status.OK, metrics: Any = None, **changes: Any) -> Record:
        fields: dict[str, Any] = {
            "identity": f"identity {ticket}",
            "reused_from": None,
            "key": f"key {ticket}",
            "text": f"text {ticket}",
            "genome": f"genome {ticket}",
            "parents": (),
            "operators": (),
            "repairs": {},
            "epochs": 3,
            "n_images": 100,
            "share": 1.0,
            "replicate": 0,
            "continues": None,
            "donor": None,
            "cost": 1.5,
            "n_epochs": 3,
            "evaluation": Evaluation(status, metrics or {}),
            "state": None,
            "elapsed": 10.0,
        }
        return Record(ticket, **(fields | changes))

    return make

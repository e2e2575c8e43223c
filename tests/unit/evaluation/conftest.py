from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Word:
    """A genome that is a text."""

    text: str

    @property
    def key(self) -> str:
        return f"key of {self.text}"

    def to_json(self) -> str:
        return self.text


@pytest.fixture(scope="session")
def word() -> type[Word]:
    return Word

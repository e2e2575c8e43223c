"""Pages without what takes most of their time."""

import pytest


@pytest.fixture
def without_pictures_of_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the pictures of the search out of pages, for tests of what else is in them."""
    monkeypatch.setattr("evocnn.report.page.topics_of", lambda _: ())

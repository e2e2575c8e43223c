"""Reading a journal while a process begins or ends to write to it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from evocnn.errors import JournalError
from evocnn.store import Journal, Record
from evocnn.store.reading import read_journal

pytestmark = pytest.mark.fault
N_RECORDS = 50  # enough that a session moves pages of the file


@pytest.fixture
def folder(tmp_path: Path, record: Callable[..., Record]) -> Path:
    """Return the folder of a journal that nobody writes to."""
    Journal.create(tmp_path, {}, [record(ticket) for ticket in range(N_RECORDS)]).__exit__()
    return tmp_path


def test_what_does_not_fit_together_because_a_session_passed_is_read_again(
    folder: Path, record: Callable[..., Record]
) -> None:
    """To see it fail: read but once."""
    n_read = []

    def read(journal: Journal) -> list[Record]:
        n_read.append(1)
        if len(n_read) == 1:
            journal.manifest()
            with Journal.open(folder) as writer:
                for ticket in range(N_RECORDS, 2 * N_RECORDS):
                    writer.commit(record(ticket))
        return list(journal.records())

    assert [found.ticket for found in read_journal(folder, read)] == list(range(2 * N_RECORDS))
    assert len(n_read) == 2


def test_damage_is_told_at_once(folder: Path) -> None:
    """Fails where the digests of rows are not compared."""
    path, n_read = folder / "run.sqlite", []
    path.write_bytes(path.read_bytes().replace(b"text 7", b"TEXT 7"))

    def read(journal: Journal) -> list[Record]:
        n_read.append(1)
        return list(journal.records())

    with pytest.raises(JournalError, match="the row of ticket 7 was altered"):
        read_journal(folder, read)
    assert len(n_read) == 1

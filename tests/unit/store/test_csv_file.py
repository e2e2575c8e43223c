"""Tables of numbers as files."""

import os
from pathlib import Path

import pytest

from evocnn.errors import DataError
from evocnn.store.csv_file import write_csv


def test_rows_come_back_with_their_commas_and_letters(tmp_path: Path) -> None:
    write_csv(tmp_path / "new" / "table.csv", [("class", "n"), ("Sägefisch, jung", 3)])
    assert (tmp_path / "new" / "table.csv").read_bytes() == 'class,n\r\n"Sägefisch, jung",3\r\n'.encode()


def test_a_disk_that_is_full_leaves_the_old_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"table '.*table\.csv' must be writable, but: No space left"):
        write_csv(path, [("a",), (1,)])
    assert path.read_text() == "old"

"""Tables of numbers as CSV files."""

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from evocnn.errors import DataError
from evocnn.store.durable import write_durably


def write_csv(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write rows, the titles first; whoever looks sees all of them or the file as it was.

    Raises:
        DataError: The file cannot be written.
    """
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    try:
        write_durably(path, text.getvalue().encode())
    except OSError as error:
        message = f"table '{path}' must be writable, but: {error.strerror}; make room or give rights"
        raise DataError(message) from error

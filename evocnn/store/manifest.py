"""The manifest in SQLite: entries with a digest each, the first of them a list of the others.

The list says how often an entry was written, too: see `committed`.
"""

import json
from collections.abc import Iterable, Mapping

from evocnn.genotype import JSON
from evocnn.store.record import digest_of

LIST = "list of entries"
ENTER = "INSERT INTO manifest VALUES (?, ?, ?)"
# Two entries at once, each in the place that it had: the list stays first, ahead of damage further on.
SET = f"{ENTER}, (?, ?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value, digest = excluded.digest"


def entry(name: str, value: JSON) -> tuple[str, str, str]:
    """Return an entry as SQLite is given it."""
    text = json.dumps(value)
    return name, text, digest_of(name, text)


def list_of(names: Iterable[str], written: int) -> tuple[str, str, str]:
    """Return the list of entries as SQLite is given it."""
    return entry(LIST, {"names": [*sorted(names)], "written": written})


def n_written(entries: Mapping[str, JSON]) -> int:
    """Return how often an entry was written, as the list says; 0 where it says nothing."""
    found = entries.get(LIST)
    number = found.get("written") if isinstance(found, dict) else None
    return number if isinstance(number, int) else 0


def names_missing(entries: Mapping[str, JSON]) -> list[str]:
    """Return the names that are on the list and have no entry; the list's own where that is missing."""
    found = entries.get(LIST)
    names = found.get("names") if isinstance(found, dict) else None
    if not isinstance(names, list):
        return [LIST]
    return sorted(str(name) for name in names if str(name) not in entries)

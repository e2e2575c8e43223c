"""Networks of a run that were trained in full and tested after the search, as their files describe them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from evocnn.runs import Run
from evocnn.runs.folder import MODELS

ENTRY = "evocnn"  # of a model file's metadata; see evocnn.deploy.model


@dataclass(frozen=True)
class Trained:
    """A model file of a run.

    Attributes:
        ticket: Of the network that was picked.
        name: Its file, below the run's folder.
        did: What was done, first to last: `train`, `test`, `prune`.
        accuracy: Share of test images classified rightly; None where it was not tested.
        interval: Its bounds at 95 % confidence; empty where it was not tested.
        n_images: Test images.
        reading: How many times the run's test split had been read then.
        n_shared: Test images that are training images, too, as far as they were counted.
    """

    ticket: int
    name: str
    did: tuple[str, ...]
    accuracy: float | None = None
    interval: tuple[float, ...] = ()
    n_images: int = 0
    reading: int = 0
    n_shared: int = 0


def trained_models(run: Run) -> tuple[Trained, ...]:
    """Return the models of a run by ticket, from the descriptions in their files; no code of theirs is run.

    A file that cannot be read is left out.
    """
    paths = sorted((run.folder / MODELS).glob("*/*.safetensors"))
    return tuple(sorted(_read(run.folder, paths), key=lambda one: (one.ticket, one.name)))


def _read(folder: Path, paths: list[Path]) -> Iterator[Trained]:
    for path in paths:
        try:
            with safe_open(path, framework="numpy") as file:
                description = json.loads((file.metadata() or {})[ENTRY])
            yield _trained(str(path.relative_to(folder)), description)
        except (OSError, SafetensorError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue  # it is being written, or is no model of evocnn


def _trained(name: str, description: Mapping[str, Any]) -> Trained:
    steps = description["steps"]
    ticket, did = int(description["origin"]["ticket"]), tuple(step["step"] for step in steps)
    if not steps or steps[-1]["step"] != "test":
        return Trained(ticket, name, did)
    last = steps[-1]
    return Trained(
        ticket,
        name,
        did,
        last["accuracy"],
        tuple(last["interval"]),
        last["images"],
        last["reading"],
        int(last.get("also_in_training") or 0),
    )

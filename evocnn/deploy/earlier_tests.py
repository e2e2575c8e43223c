"""What tests said before: as steps of models hold it, and the manifest of a run from the reading on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evocnn.deploy.judgement import JUDGEMENTS, Judgement, judgement_in, recorded
from evocnn.deploy.model import Model
from evocnn.runs import Run
from evocnn.runs.folder import READINGS
from evocnn.store import Journal


def earlier_judgements(run: Run, digests: Sequence[str]) -> list[Judgement]:
    """Return what the first reading that judged all of some weights said of them; nothing where none did.

    The manifest holds it from the moment of reading on, whatever became of the process then.

    Args:
        run: The run.
        digests: Of the weights, as they were given to `judge`.
    """
    with Journal.open(run.folder, read_only=True) as journal:
        entries: Any = journal.get(READINGS) or []
    for entry in entries:
        known = entry.get(JUDGEMENTS, {})
        if all(digest in known for digest in digests):
            return [judgement_in(known[digest]) for digest in digests]
    return []


def earlier_tests(run: Run, models: Mapping[str, Model]) -> dict[str, Judgement]:
    """Return what tests said of models before, as their own steps or the run's manifest say, by name."""
    found = {
        name: recorded(model.steps) or next(iter(earlier_judgements(run, [model.digest])), None)
        for name, model in models.items()
    }
    return {name: judgement for name, judgement in found.items() if judgement is not None}


def with_test(model: Model, judgement: Judgement, path: Path) -> Model:
    """Return a model whose steps say what its test said, saved where they did not say so yet.

    Raises:
        DataError: Its file cannot be written.
    """
    if recorded(model.steps) is not None:
        return model
    tested = model.after(judgement.step)
    tested.save(path)
    return tested

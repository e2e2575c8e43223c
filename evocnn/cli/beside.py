"""What lies beside a model and comes of the same training: what it was, and what was made of it."""

import json
from collections.abc import Iterator
from glob import escape
from pathlib import Path

from evocnn.deploy.model import SUFFIX, Model, load_model
from evocnn.deploy.predict import METADATA_KEY, open_onnx
from evocnn.deploy.pruning import Pruning
from evocnn.deploy.steps import PruneStep, TestStep
from evocnn.errors import DataError, EvocnnError, ExperimentError


def known_pruning(model: Model, pruning: Pruning, path: Path) -> Model:
    """Return what an earlier command left in a file: this model after this pruning.

    Args:
        model: The model as it was before.
        pruning: What is asked for.
        path: The file.

    Raises:
        ExperimentError: The file holds another model, which may be the better one.
        DataError: It cannot be read.
    """
    known = load_model(path, is_trusted=model.is_trusted)
    last = last_pruning(known)
    if last is None or not _is_pruned(known, model, pruning.kind):
        found = "another model"
    elif (last.sparsity, last.epochs) == (pruning.sparsity, pruning.epochs):
        return known
    else:
        found = f"it pruned to {last.sparsity:g} with --epochs {last.epochs}"
    message = (
        f"'{path}' must be missing, or hold this model pruned to {pruning.sparsity:g} with --epochs "
        f"{pruning.epochs}, but it held {found}; ask for the same, or rename the file"
    )
    raise ExperimentError(message)


def prunings_beside(model: Model, source: Path, kind: str) -> dict[Path, Model]:
    """Return a model after each pruning of a kind that lies beside it under its name.

    Args:
        model: The model.
        source: Its file.
        kind: Of the prunings.
    """
    files = source.parent.glob(f"{escape(source.stem)}-{kind}-*{SUFFIX}")
    return {
        path: other
        for path, other in _readable(sorted(files), is_trusted=model.is_trusted)
        if _is_pruned(other, model, kind)
    }


def trained_beside(pruned: Model, source: Path) -> tuple[Path, Model] | None:
    """Return the model that another was before any pruning, with its file; None where none lies there.

    Args:
        pruned: The model, pruned once or more.
        source: Its file.
    """
    before = pruned.changes[: [step["step"] for step in pruned.changes].index("prune")]
    files = sorted(source.parent.glob(f"*{SUFFIX}"), key=lambda file: (len(file.name), file))
    for path, other in _readable(files, is_trusted=pruned.is_trusted):
        if other.changes == before and other.chromosome.key == pruned.chromosome.key:
            return path, other
    return None


def is_quantized(path: Path, model: Model) -> bool:
    """Return whether an exported file has the weights of a model, as 8-bit integers."""
    try:
        about = json.loads(open_onnx(path).session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    except DataError:
        return False
    return (about.get("weights"), about.get("weights_digest")) == ("int8", model.digest)


def last_pruning(model: Model) -> PruneStep | None:
    """Return the pruning that a model is left by; None where nothing was pruned since its training."""
    last = next((step for step in reversed(model.done) if not isinstance(step, TestStep)), None)
    return last if isinstance(last, PruneStep) else None


def _is_pruned(known: Model, model: Model, kind: str) -> bool:
    """Return whether a model is another one after one pruning of a kind."""
    last = last_pruning(known)
    is_it = known.changes[:-1] == model.changes and known.chromosome.key == model.chromosome.key
    return is_it and last is not None and last.kind == kind


def _readable(files: list[Path], *, is_trusted: bool) -> Iterator[tuple[Path, Model]]:
    """Yield the models of files; what is none, or names code that is not trusted, is passed over."""
    for path in files:
        try:
            yield path, load_model(path, is_trusted=is_trusted)
        except EvocnnError:
            continue

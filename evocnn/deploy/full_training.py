"""Training networks of a run in full: from scratch, to the end of their schedule, with several seeds.

A training goes in pieces, each of which leaves a durable state. Continuing equals never having
stopped, so a kill costs a piece and changes nothing.
"""

import hashlib
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import NamedTuple

from evocnn.deploy.description import Origin
from evocnn.deploy.model import Model, load_model, versions
from evocnn.deploy.terms import FullTraining, Terms
from evocnn.deploy.trained_state import model_of_state
from evocnn.errors import DataError, JournalError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status, identity
from evocnn.genotype import JSON, Fidelity
from evocnn.runs import Run, Workers
from evocnn.runs.workers import executor_of
from evocnn.store import Record, States, check_links, locked
from evocnn.store.states import FOLDER_NAME
from evocnn.training.state import load_weights

PIECE_SECONDS = 10.0  # of training between two saved states, or an epoch where that is longer
POLL_SECONDS = 0.2
DIGEST_BYTES = 32  # SHA-256, ahead of each state: a bit that flipped in one may leave it readable


class Piece(NamedTuple):
    """What an observer sees.

    Attributes:
        training: Index of the training.
        n_epochs: How far it is.
        evaluation: What was found of it so far; None for what an earlier session did.
    """

    training: int
    n_epochs: int
    evaluation: Evaluation | None


def train_in_full(
    terms: Terms,
    trainings: Sequence[FullTraining],
    workers: Workers,
    *,
    on_piece: Callable[[Piece], None],
    should_stop: Callable[[], bool],
) -> list[Model | None]:
    """Train what has not been trained before, going on where an earlier session ended, and return models.

    Args:
        terms: The terms.
        trainings: What to train; where two have one file, as one network has under two names, the first is.
        workers: Where.
        on_piece: Hears of each piece, those of earlier sessions first.
        should_stop: Asked often; once true, nothing new starts and what runs is finished and saved.

    Returns:
        The models, each saved into its file; None for a training that failed or was stopped.

    Raises:
        DataError: A model's file cannot be written, or holds the model of another training.
        JournalError: A state cannot be written, or another process trains the same network.
    """
    numbers: dict[Path, int] = {}
    for number, training in enumerate(trainings):
        numbers.setdefault(training.path, number)
    models: dict[Path, Model] = {}
    waiting: deque[tuple[int, EvaluationRequest]] = deque()
    with ExitStack() as cleanup:
        check_links(terms.run.folder)
        for folder in dict.fromkeys(path.parent for path in numbers):
            _make(folder)
            cleanup.enter_context(locked(folder))
        for path, number in numbers.items():
            training = trainings[number]
            if (known := _known(terms, training)) is not None:
                models[path] = known
                on_piece(Piece(number, training.epochs, None))
            else:
                state, n_epochs = _saved(terms, training)
                waiting.append((number, _request(terms, training, state, n_epochs, n_more=1)))
                on_piece(Piece(number, n_epochs, None))
        for number, evaluation in _evaluated(terms, waiting, workers, should_stop, cleanup):
            training, state = trainings[number], evaluation.state
            n_epochs = len(evaluation.curves.get("training_loss", ()))
            if evaluation.status is Status.OK and state is not None and n_epochs < training.epochs:
                States(training.path.parent).save(_name(terms, training), _digest(state) + state)
                pace = evaluation.metrics["training_seconds"] / n_epochs
                n_more = max(1, int(PIECE_SECONDS / pace))
                waiting.appendleft((number, _request(terms, training, state, n_epochs, n_more)))
            elif evaluation.status is Status.OK:
                models[training.path] = _finished(terms, training, evaluation)
            on_piece(Piece(number, n_epochs, evaluation))
    return [models.get(training.path) for training in trainings]


def _evaluated(
    terms: Terms,
    waiting: deque[tuple[int, EvaluationRequest]],
    workers: Workers,
    should_stop: Callable[[], bool],
    cleanup: ExitStack,
) -> Iterator[tuple[int, Evaluation]]:
    """Yield each piece's evaluation as it is finished; the caller adds those that follow from it."""
    if not waiting:
        return  # and start no worker
    executor = executor_of(terms.parts, workers, lambda *_: None)
    cleanup.enter_context(closing(executor))
    while executor.n_running or (waiting and not should_stop()):
        while waiting and executor.n_idle and not should_stop():
            executor.submit(*waiting.popleft())
        yield from executor.wait(POLL_SECONDS)


def _request(
    terms: Terms, training: FullTraining, state: bytes | None, n_epochs: int, n_more: int
) -> EvaluationRequest:
    """Return the request of the next piece: some epochs more."""
    stop = min(training.epochs, n_epochs + n_more)
    fidelity = Fidelity(training.epochs, len(terms.training), stop / training.epochs)
    return EvaluationRequest(
        training.chromosome, fidelity, replicate=training.seed, saves_state=True, state=state
    )


def _name(terms: Terms, training: FullTraining) -> str:
    """Return what the state is saved under; that of other data or another protocol has another name."""
    whole = _request(terms, training, None, 0, training.epochs)
    return identity(whole, terms.parts.evaluator.context)


def _state_path(terms: Terms, training: FullTraining) -> Path:
    return training.path.parent / FOLDER_NAME / _name(terms, training)


def _saved(terms: Terms, training: FullTraining) -> tuple[bytes | None, int]:
    """Return the state that an earlier session left, and its epochs; None and 0 where there is none."""
    path = _state_path(terms, training)
    if not path.exists():
        return None, 0
    content = path.read_bytes()
    digest, state = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    with suppress(JournalError):
        if digest == _digest(state):
            return state, load_weights(state)[1]
    warnings.warn(f"saved state '{path}' is damaged; seed {training.seed} is trained anew", stacklevel=2)
    return None, 0


def _digest(state: bytes) -> bytes:
    return hashlib.sha256(state).digest()


def _known(terms: Terms, training: FullTraining) -> Model | None:
    """Return the model that an earlier session saved; None where there is none, or it is damaged.

    Raises:
        DataError: The model of another training lies there.
    """
    if not training.path.exists():
        return None
    try:
        model = load_model(training.path, is_trusted=True)
    except DataError as error:
        warnings.warn(f"{error}; seed {training.seed} is trained anew", stacklevel=2)
        return None
    _check_own(terms, training, model)
    return model


def _check_own(terms: Terms, training: FullTraining, model: Model) -> None:
    """Raise where a model is not what a training ends with: somebody put it there, or changed it.

    Raises:
        DataError: It is not.
    """
    step = model.steps[0] if model.steps else {}
    facts = {
        "network": (training.chromosome.key, model.chromosome.key),
        "data digest": (terms.run.manifest["data"]["digest"], model.origin.data["digest"]),
        "seed": (training.seed, step.get("seed")),
        "epochs": (training.epochs, step.get("epochs")),
        "all_data": (terms.all_data, step.get("all_data")),
        "changes": (["train"], [change["step"] for change in model.changes]),
    }
    for name, (own, found) in facts.items():
        if found != own:
            message = (
                f"model '{training.path}' must be of this training, its {name} {own}, but it holds another "
                f"training, its {name} {found}; move it elsewhere"
            )
            raise DataError(message)


def _finished(terms: Terms, training: FullTraining, evaluation: Evaluation) -> Model:
    """Save the model that a training ended with, drop the training's state, and return the model."""
    model = _model(terms, training, evaluation)
    model.save(training.path)
    path = _state_path(terms, training)
    path.unlink(missing_ok=True)
    with suppress(OSError):  # other seeds have states there, or there were none
        path.parent.rmdir()
    return model


def _model(terms: Terms, training: FullTraining, evaluation: Evaluation) -> Model:
    """Return the model that a training ended with."""
    run, images = terms.run, terms.training
    origin = Origin(
        experiment=run.manifest["experiment"],
        experiment_folder=run.manifest["experiment_folder"],
        data_path=None if terms.data_path is None else str(terms.data_path),
        data=run.manifest["data"],
        run=str(run.folder.resolve()),
        ticket=training.record.ticket,
        pick=training.pick,
        lineage=_lineage(run, training.record),
    )
    measured = ["training_loss"] if terms.all_data else list(evaluation.curves)
    figures = ["training_accuracy", *([] if terms.all_data else ["validation_accuracy"])]
    step: dict[str, JSON] = {
        "step": "train",
        "seed": training.seed,
        "epochs": training.epochs,
        "images": len(images),
        "all_data": terms.all_data,
        "seconds": evaluation.metrics["training_seconds"],
        "parameters": int(evaluation.metrics["parameters"]),
        **{name: evaluation.metrics[name] for name in figures},
        "curves": {name: list(evaluation.curves[name]) for name in measured},
        "versions": versions(),
    }
    evaluator, state = terms.parts.evaluator, evaluation.state or b""
    fit = run.experiment.data.framing.fit
    return model_of_state(evaluator, training.chromosome, state, origin, fit=fit, steps=(step,))


def _lineage(run: Run, record: Record) -> tuple[str, ...]:
    """Return the operators that led to a network along its first parents, the founder's first."""
    by_ticket = {known.ticket: known for known in run.records}
    operators = record.operators
    while record.parents and record.parents[0] in by_ticket:  # of what was rescued, some may be missing
        record = by_ticket[record.parents[0]]
        operators = (*record.operators, *operators)
    return operators


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"folder '{folder}' must be writable, but: {error.strerror}; make room or give rights"
        raise JournalError(message) from error

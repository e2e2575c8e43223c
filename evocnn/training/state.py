"""The saved state of a training: what a continuation needs, as bytes."""

import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from evocnn.errors import JournalError
from evocnn.training.loop import Epoch, Trained
from evocnn.training.step import Step


def save_state(step: Step, trained: Trained, training: str) -> bytes:
    """Return the state of a training as bytes.

    Randomness is addressed, so no generator has a state, and what a schedule or early stopping needs
    follows from the epochs.

    Args:
        step: Holds the network and its optimizer.
        trained: How far it came.
        training: Names what is trained and how, all but where it stops.
    """
    buffer = io.BytesIO()
    state = {
        "training": training,
        "step": step.state_dict(),
        "epochs": [tuple(epoch) for epoch in trained.epochs],
        "seconds": trained.seconds,
        "n_inherited": trained.n_inherited,
    }
    torch.save(state, buffer)
    return buffer.getvalue()


def load_state(state: bytes, step: Step, training: str, stop: int) -> Trained:
    """Put a step where a saved state has it, and return how far the training came.

    Args:
        state: What `save_state` returned.
        step: A new one, changed in place.
        training: Names what is trained and how, as for `save_state`.
        stop: Epochs that training is to stop after.

    Raises:
        JournalError: The bytes are no state, that of another training, or one that went further.
    """
    saved = _read(state)
    found = saved["training"]
    if found != training:
        message = (
            f"a saved state must be of the training that goes on, {training}, but it was of {found}; "
            "leave it out to train anew"
        )
        raise JournalError(message)
    if len(saved["epochs"]) > stop:
        message = (
            f"a saved state must be of at most the {stop} epochs that are asked for, but it was of "
            f"{len(saved['epochs'])}; leave it out to train anew"
        )
        raise JournalError(message)
    step.load_state_dict(saved["step"])
    return Trained(
        epochs=tuple(Epoch(*epoch) for epoch in saved["epochs"]),
        seconds=saved["seconds"],
        n_inherited=saved["n_inherited"],
    )


def load_weights(state: bytes) -> tuple[Mapping[str, Tensor], int]:
    """Return the weights of a saved training, and the epochs along its line of donors, its own included.

    The weights are those whose figures count: the averaged ones where the recipe keeps an average.

    Args:
        state: What `save_state` returned.

    Raises:
        JournalError: The bytes are no state.
    """
    saved = _read(state)
    step = saved["step"]
    weights: Mapping[str, Tensor] = step["average"]["network"] if "average" in step else step["network"]
    return weights, saved["n_inherited"] + len(saved["epochs"])


def _read(state: bytes) -> dict[str, Any]:
    try:
        saved: dict[str, Any] = torch.load(io.BytesIO(state), map_location="cpu", weights_only=True)
        saved["training"]
    except Exception as error:
        message = (
            f"a saved state must be what a training saved, but it was {len(state)} bytes that cannot be read "
            f"({type(error).__name__}); leave it out to train anew"
        )
        raise JournalError(message) from error
    return saved

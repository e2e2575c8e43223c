"""What was done to a model, step by step, as far as anyone reads it: a file must hold this much of each.

A step may hold more: figures that are shown as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, TypeAdapter

Count = Annotated[int, Field(strict=True, ge=0)]
Positive = Annotated[int, Field(strict=True, ge=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Versions = Mapping[str, str]


@dataclass(frozen=True)
class TrainStep:
    """A training from scratch.

    Attributes:
        seed: Of the training.
        epochs: Its length.
        images: How many there were to train on.
        all_data: Whether the validation images were among them.
        seconds: How long it took.
        parameters: Of the network.
        versions: With what it was done.
    """

    step: Literal["train"]
    seed: Count
    epochs: Positive
    images: Positive
    all_data: StrictBool
    seconds: Number
    parameters: Count
    versions: Versions | None = None


@dataclass(frozen=True)
class TestStep:
    """A test; see `evocnn.deploy.judgement.Judgement`.

    Attributes:
        images: How many there were.
        accuracy: Share of them whose class was found.
        interval: Its bounds.
        class_accuracies: By class; None where there were no images.
        confusion: How many images of a class (row) were taken for which (column).
        reading: How many times the test split had been read then.
        when: The time of that.
        also_in_training: Images that are training images, too; None where nobody counted.
    """

    step: Literal["test"]
    images: Positive
    accuracy: Share
    interval: tuple[Number, Number]
    class_accuracies: tuple[Share | None, ...]
    confusion: tuple[tuple[Count, ...], ...]
    reading: Positive
    when: str
    also_in_training: Count | None = None


@dataclass(frozen=True)
class PruneStep:
    """A pruning and the training after it; see `evocnn.deploy.pruning.Pruning`.

    Attributes:
        kind: What went.
        sparsity: Share of it.
        epochs: Length of the training.
        widths: Of the modules, where channels went.
        versions: With what it was done.
    """

    step: Literal["prune"]
    kind: Literal["channels", "weights"]
    sparsity: Share
    epochs: Positive
    widths: Mapping[str, tuple[Positive, ...]] | None = None
    versions: Versions | None = None


Step = TrainStep | TestStep | PruneStep
_STEPS: TypeAdapter[tuple[Step, ...]] = TypeAdapter(tuple[Annotated[Step, Field(discriminator="step")], ...])


def read_steps(steps: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Return the steps of a model, first to last.

    Args:
        steps: As tables.

    Raises:
        ValueError: One is of no kind, or lacks something.
    """
    return _STEPS.validate_python(steps)

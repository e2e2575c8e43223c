"""What a model's file says of its network besides the weights: images, origin and steps, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from evocnn.deploy.steps import TestStep, read_steps
from evocnn.errors import printable
from evocnn.training.data import Framing
from evocnn.training.data.framing import MAX_SIDE

MAX_SIZE = 3 * MAX_SIDE**2  # values of an image


@dataclass(frozen=True)
class Input:
    """The images that a network takes.

    Attributes:
        shape: Channels, height and width.
        framing: How image files are brought to it.
        mean: Of the training images by channel, in units of 0 to 255; subtracted from what comes in.
        deviation: Likewise the standard deviation, by which the difference is divided.
    """

    shape: tuple[int, int, int]
    framing: Framing
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


class Normalization(nn.Module):
    """From pixels to what a network takes.

    Args:
        form: The images that the network takes.
    """

    def __init__(self, form: Input) -> None:
        super().__init__()
        for name, figures in (("mean", form.mean), ("deviation", form.deviation)):
            self.register_buffer(name, torch.tensor(figures, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return float32 images of uint8 pixels, `(n, channels, height, width)`."""
        normalized: Tensor = (pixels.float() - self.mean) / self.deviation
        return normalized


@dataclass(frozen=True)
class Origin:
    """Where a model comes from.

    Attributes:
        experiment: The run's experiment, as plain tables.
        experiment_folder: Where its relative paths start.
        data_path: Images in place of the experiment's own; None for none.
        data: Name, digest and counts of the training images, as in the manifest of the run.
        run: The run folder.
        ticket: Of the evaluation that was picked.
        pick: What was asked for.
        lineage: Operators that led to the chromosome, founder first.
    """

    experiment: Mapping[str, Any]
    experiment_folder: str
    data_path: str | None
    data: Mapping[str, Any]
    run: str
    ticket: int
    pick: str
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """What the metadata of a file say of its model.

    Attributes:
        chromosome: As JSON.
        input: See `evocnn.deploy.model.Model`, also below.
        class_names: Likewise.
        origin: Likewise.
        steps: Likewise.
        digest: SHA-256 of the weights and of all that the file says besides.
    """

    chromosome: dict[str, Any]
    input: Input
    class_names: tuple[str, ...]
    origin: Origin
    steps: tuple[dict[str, Any], ...]
    digest: str

    def check(self) -> None:
        """Check what types do not tell.

        Raises:
            ValueError: Something contradicts the rest.
        """
        form, data, n_classes = self.input, self.origin.data, len(self.class_names)
        if not all(isinstance(data.get(name), str) for name in ("name", "digest")):
            message = "origin.data: name or digest is missing"
            raise ValueError(message)
        notes = data.get("notes", [])
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            message = "origin.data.notes: not a list of texts"
            raise ValueError(message)
        steps = read_steps(self.steps)
        tests = [step for step in steps if isinstance(step, TestStep)]
        told = (*self.class_names, self.origin.run, self.origin.pick, *self.origin.lineage, data["name"])
        if hidden := [text for text in (*told, *(test.when for test in tests)) if printable(text) != text]:
            message = f"control characters: {hidden[0]!r}"
            raise ValueError(message)
        counts = {len(form.mean), len(form.deviation), form.shape[0]}
        figures = (*form.mean, *form.deviation)
        is_image = min(form.shape) > 0 and prod(form.shape) <= MAX_SIZE
        if len(counts) > 1 or not all(map(isfinite, figures)) or min(form.deviation) <= 0 or not is_image:
            message = f"input: no images have {form}"
            raise ValueError(message)
        for test in tests:
            rows = (test.class_accuracies, test.confusion, *test.confusion)
            if {len(row) for row in rows} != {n_classes}:
                message = f"steps: a test has other than the {n_classes} classes"
                raise ValueError(message)
            if sum(map(sum, test.confusion)) != test.images:
                message = f"steps: a test of {test.images} images counts others"
                raise ValueError(message)


DESCRIPTION = TypeAdapter(Description)

"""Showing data from the command line: what is in them, what was left out, what stands there twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.config import Experiment, load_experiment
from evocnn.config.data import DataSettings
from evocnn.config.parts import load_split
from evocnn.config.toml import explain
from evocnn.errors import DataError, ExperimentError, did_you_mean
from evocnn.training.data import ImageSet, split
from evocnn.training.data.duplicates import count_duplicates
from evocnn.training.data.sources import SOURCES, detect

MANY_CLASSES = 30  # more are shown by the smallest and the largest


@dataclass(frozen=True)
class Asked:
    """What the command line asks to be shown.

    Attributes:
        source: A source, a path, `module:function` or an experiment file.
        path: Where the data lie.
        size: `64` or `48x64`.
        fit: As `data.fit`.
        channels: As `data.channels`.
        settings: Changes of an experiment file.
    """

    source: str
    path: Path | None = None
    size: str | None = None
    fit: str | None = None
    channels: str | None = None
    settings: Sequence[str] = ()


def show_data(asked: Asked, out: Path | None) -> None:
    """Show the data of a source or of an experiment file; draw examples of the training split into `out`.

    Raises:
        ExperimentError: An option is wrong.
        DataError: The data cannot be used.
    """
    if out is not None:
        from evocnn.report.picture import check_ending

        check_ending(out)
    experiment = _experiment(asked)
    settings = settings_of(asked) if experiment is None else experiment.data
    folder = None if experiment is None else experiment.folder
    data_path = None if experiment is None else asked.path
    training = load_split(settings, "train", folder, data_path)
    try:
        test, missing = (
            load_split(settings, "test", folder, data_path, class_names=training.class_names),
            None,
        )
    except DataError as error:
        test, missing = None, str(error)
    parts = {"training": training}
    if experiment is not None:
        own = split(training, validation=settings.validation, seed=experiment.seed, n_images=settings.images)
        parts |= dict(zip(("to train", "to validate"), own, strict=True))
    if test is not None:
        parts["test"] = test
    _print(training, test, parts)
    if missing is not None:
        typer.echo(f"no test split: {missing}")
    if out is not None:
        from evocnn.report.contact_sheet import plot_contact_sheet

        plot_contact_sheet(training, out)
        typer.echo(f"wrote {out}")


def _experiment(asked: Asked) -> Experiment | None:
    """Return the experiment that is asked for, None where it is a source."""
    if not asked.source.endswith(".toml"):
        if asked.settings:
            message = (
                f"--set must go with an experiment file, but it was given with {asked.source!r}; drop it"
            )
            raise ExperimentError(message)
        return None
    values = {"size": _size(asked.size), "fit": asked.fit, "channels": asked.channels}
    changes = [f"data.{name}={value}" for name, value in values.items() if value is not None]
    return load_experiment(asked.source, [*asked.settings, *changes])


def settings_of(asked: Asked) -> DataSettings:
    """Return the table of data that an experiment file would have.

    Raises:
        ExperimentError: An option is wrong, or there is no such source.
        DataError: Nothing can read the path.
    """
    source, path = asked.source, asked.path
    if source not in SOURCES and ":" not in source and (path is not None or Path(source).exists()):
        path = path or Path(source)
        source = source if path != Path(source) else detect(path)
    if source not in SOURCES and ":" not in source:
        near = did_you_mean(source, [*SOURCES, *_neighbours(Path(source))])
        message = (
            f"a source must be a path, one of {', '.join(SOURCES)} or module:function, but nothing lies at "
            f"'{source}'{near or '; check the path'}"
        )
        raise ExperimentError(message)
    values: dict[str, Any] = {
        "source": source,
        "path": None if path is None else str(path),
        "size": _size(asked.size),
        "fit": asked.fit,
        "channels": asked.channels,
    }
    try:
        return DataSettings.model_validate(
            {name: value for name, value in values.items() if value is not None},
            context={"folder": Path.cwd()},
        )
    except ValidationError as error:
        raise ExperimentError(explain(error, "options", {}, {"": list(values)})) from error


def _neighbours(path: Path) -> list[str]:
    """Return the paths beside one that is missing."""
    return [str(one) for one in path.parent.iterdir()] if path.parent.is_dir() else []


def _size(text: str | None) -> Any:
    """Return a size as an experiment file has it: `64` as a number, `48x64` as a list."""
    if text is None:
        return None
    sides = text.lower().replace("×", "x").split("x")
    if not all(side.isdecimal() for side in sides) or len(sides) not in (1, 2):
        message = f"--size must be a number of pixels or HEIGHTxWIDTH, but it was {text!r}; write 64 or 48x64"
        raise ExperimentError(message)
    return int(text) if len(sides) == 1 else [int(side) for side in sides]


def _print(training: ImageSet, test: ImageSet | None, parts: dict[str, ImageSet]) -> None:
    """Print shapes, classes, counts, statistics, duplicates and notes."""
    console = Console(emoji=False)
    channels, height, width = training.shape
    _say(
        console,
        f"{training.name}: images of {channels}×{height}×{width}, {training.n_classes} classes; "
        + ", ".join(f"{len(images):,} {part}" for part, images in parts.items()),
    )
    _print_classes(console, parts)
    counts = training.counts
    _say(
        console,
        f"imbalance of training: {counts.max() / counts.min():.2f} (largest class {counts.max():,}, smallest "
        f"{counts.min():,}); always guessing the largest is right in {training.majority_share:.1%}",
    )
    mean, deviation = _statistics(training)
    for name, values in (("mean", mean), ("deviation", deviation)):
        _say(console, f"{name} per channel of training, 0 to 255: {', '.join(f'{v:.2f}' for v in values)}")
    found = count_duplicates(training, test)
    contradictory = f", {found.contradictory:,} of them under another class" if found.repeated else ""
    _say(console, f"exact duplicates: {found.repeated:,} within training{contradictory}")
    if test is not None and found.shared is not None:
        _say(console, f"exact duplicates: {found.shared:,} of {len(test):,} test images are in training")
    _say(console, f"digest of training: {training.digest}")
    for note in dict.fromkeys([*training.notes, *(test.notes if test is not None else ())]):
        _say(console, f"note: {note}")


def _print_classes(console: Console, parts: dict[str, ImageSet]) -> None:
    """Print the number of images of each class; of many classes, those with the fewest and the most."""
    training = parts["training"]
    order = np.arange(training.n_classes)
    if training.n_classes > MANY_CLASSES:
        ranked = np.argsort(-training.counts, kind="stable")
        order = np.concatenate([ranked[: MANY_CLASSES // 2], ranked[-MANY_CLASSES // 2 :]])
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("class")
    for part in parts:
        table.add_column(part, justify="right")
    table.add_column("share", justify="right")
    for place, label in enumerate(order.tolist()):
        if place == MANY_CLASSES // 2 and training.n_classes > MANY_CLASSES:
            table.add_row(f"... {training.n_classes - len(order)} more")
        counts = [f"{images.counts[label]:,}" for images in parts.values()]
        share = f"{training.counts[label] / len(training):.1%}"
        table.add_row(Text(training.class_names[label]), *counts, share)
    console.print(table)


def _statistics(images: ImageSet) -> tuple[list[float], list[float]]:
    """Return mean and deviation of each channel."""
    histograms = [
        np.bincount(images.images[:, channel].ravel(), minlength=256) for channel in range(images.shape[0])
    ]
    levels = np.arange(256)
    means = [float((own * levels).sum() / own.sum()) for own in histograms]
    deviations = [
        float(np.sqrt((own * (levels - mean) ** 2).sum() / own.sum()))
        for own, mean in zip(histograms, means, strict=True)
    ]
    return means, deviations


def _say(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)

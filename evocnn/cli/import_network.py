"""Importing a network of one's own from the command line: as lines of an experiment file."""

from pathlib import Path

import typer

from evocnn.deploy.sequential import import_network, network_named, space_lines
from evocnn.errors import ExperimentError

_DIMS = 3  # channels, height, width


def show_import(name: str, shape: str | None) -> None:
    """Print the `[space]` in which a network is a founder, and as comments what is otherwise.

    Args:
        name: `module:factory` of the network.
        shape: Channels, height and width of an image, such as `3,32,32`; seen where it is not given.

    Raises:
        ExperimentError: There is no such network, or its images' shape is unknown.
        GeneError: A layer cannot be expressed.
    """
    image = None if shape is None else _shape(shape)
    found = import_network(network_named(name, Path.cwd()), image)
    n_parameters = found.chromosome.counts(found.shape, found.n_classes).parameters
    typer.echo(f"# {name}: {found.n_classes} classes, {n_parameters:,} parameters, for images of")
    typer.echo(f"# {'x'.join(map(str, found.shape))}{'' if shape else ' (no other usual size passes)'}")
    for line in space_lines(found):
        typer.echo(line)
    typer.echo("\n# What differs from the network:")
    for text in (*found.differences, "recipe: your network has none; this one trains most"):
        typer.echo(f"# - {text}")
    verdict = "both compute the same" if found.network is not None else "another function"
    typer.echo(
        f"# With its weights, scores differ by at most {found.deviation:.1e} for random images: {verdict}."
    )


def _shape(text: str) -> tuple[int, ...]:
    """Return the shape that a text gives.

    Raises:
        ExperimentError: It is none.
    """
    parts = text.split(",")
    if len(parts) != _DIMS or not all(part.strip().isdecimal() and int(part) for part in parts):
        message = f"--shape must be channels, height and width, but it was '{text}'; write 3,32,32"
        raise ExperimentError(message)
    return tuple(int(part) for part in parts)

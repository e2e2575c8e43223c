"""The learning-rate range test from the command line: which rates train the networks of a space."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from evocnn.config import Experiment
from evocnn.config.parts import load_data, space_of
from evocnn.errors import ExperimentError
from evocnn.genotype import Choice, Chromosome, SearchSpace
from evocnn.report.learning_rate_plot import plot_learning_rates
from evocnn.report.picture import check_ending
from evocnn.training.data import split
from evocnn.training.learning_rate_range import (
    HIGHEST,
    LOWEST,
    N_STEPS,
    LearningRateRange,
    learning_rate_ranges,
    median_range,
)

N_NETWORKS = 5  # an odd number: its median is one of them
ATTEMPTS = 100  # draws among which so many different networks are looked for


def show_learning_rates(experiment: Experiment, text: str | None, data: Path | None, out: Path) -> None:
    """Test which learning rates train a chromosome or founders of the space; show them and draw them.

    Args:
        experiment: The experiment.
        text: A chromosome's text form; five founders if not given, under each optimizer of the space.
        data: Images in place of the experiment's own.
        out: The picture's file.

    Raises:
        GeneError: The text is no chromosome of the space.
        ExperimentError: The picture cannot be written, or nothing could be trained at any rate.
    """
    check_ending(out)
    images = load_data(experiment, data)
    space = space_of(experiment, images.shape, images.n_classes)
    chromosomes = founders_to_test(space, experiment.seed) if text is None else [space.parse(text)]
    settings = experiment.data
    training, _ = split(
        images, validation=settings.validation, seed=experiment.seed, n_images=settings.images
    )
    typer.echo(
        f"{experiment.name}: learning rates from {LOWEST:g} to {HIGHEST:g} in {N_STEPS} steps; "
        f"{len(training):,} training images"
    )
    ranges = learning_rate_ranges(chromosomes, training, pool_order=space.pool_order, seed=experiment.seed)
    progress = Console(stderr=True, emoji=False)
    shown = track(
        ranges,
        "training",
        len(chromosomes),
        console=progress,
        transient=True,
        disable=not progress.is_terminal,
    )
    found = dict(zip(chromosomes, shown, strict=True))
    _print_networks(found, space)
    plot_learning_rates(experiment.name, found, out)
    typer.echo(f"wrote {out}\n")
    _print_medians(found)


def founders_to_test(space: SearchSpace, seed: int) -> list[Chromosome]:
    """Return up to five founders, given ones first, each with every optimizer of the space in turn."""
    rng = np.random.default_rng(seed)
    given = [space.repair(founder).genome for founder in space.founders]
    distinct = dict.fromkeys([*given, *(space.sample(rng) for _ in range(ATTEMPTS))])
    founders = list(distinct)[:N_NETWORKS]
    alleles = space.recipe.fields.get("optimizer")
    if space.held.recipe is not None or not isinstance(alleles, Choice):
        return founders
    with_each = (
        replace(founder, recipe=founder.recipe.having(optimizer=optimizer))
        for optimizer in alleles.values
        for founder in founders
    )
    return list(dict.fromkeys(with_each))


def _print_networks(found: Mapping[Chromosome, LearningRateRange], space: SearchSpace) -> None:
    """Print the bounds and the size of each network."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("low", "high", "parameters"):
        table.add_column(title, justify="right")
    table.add_column("network (not trained at the rate that it names)", overflow="fold", ratio=1)
    for chromosome, own in found.items():
        bounds = map(_written, (own.low, own.high))
        n_parameters = chromosome.counts(space.input_shape, space.n_classes).parameters
        table.add_row(*bounds, f"{n_parameters:,}", Text(chromosome.text))
    Console(emoji=False).print(table)


def _print_medians(found: Mapping[Chromosome, LearningRateRange]) -> None:
    """Print the median bounds by optimizer, and the line that bounds the allele.

    Raises:
        ExperimentError: No network has bounds.
    """
    medians = []
    for optimizer in dict.fromkeys(chromosome.recipe.optimizer for chromosome in found):
        own = [test for chromosome, test in found.items() if chromosome.recipe.optimizer == optimizer]
        n_fell, median = sum(test.low is not None for test in own), median_range(own)
        if n_fell < len(own):
            typer.echo(f"{optimizer}: the loss of {len(own) - n_fell} of {len(own)} did not fall at any rate")
        if median is not None:
            typer.echo(f"{optimizer}: {_written(median[0])} to {_written(median[1])}, median of {n_fell}")
            medians.append(median)
    if not medians:
        message = (
            f"the training loss must fall at some rate from {LOWEST:g} to {HIGHEST:g}, but it did so for "
            f"none of {len(found)} networks; look at them with evocnn data and evocnn space"
        )
        raise ExperimentError(message)
    low, high = min(low for low, _ in medians), max(high for _, high in medians)
    note = ", which holds for all optimizers" if len(medians) > 1 else ""
    typer.echo(f"\nto bound the allele{note}, write into [space.recipe]:")
    typer.echo(f'learning_rate = {{ low = {_written(low)}, high = {_written(high)}, scale = "log" }}\n')


def _written(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.2g}"

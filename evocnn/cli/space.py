"""Showing a search space from the command line, before anything is trained."""

import warnings
from pathlib import Path

import numpy as np
import typer

from evocnn.config import Experiment
from evocnn.config.parts import load_data, pretrained_of, space_of
from evocnn.genotype.cuts import impossible_cuts
from evocnn.genotype.size import estimate_architectures, size_of
from evocnn.report.space import draw_samples, show_alleles, show_size, show_sizes


def show_space(experiment: Experiment, data: Path | None, n_samples: int, out: Path | None) -> None:
    """Show alleles, limits, the number of networks and the sizes of samples; draw them into `out`."""
    if out is not None:
        from evocnn.report.picture import check_ending

        check_ending(out)
    images = load_data(experiment, data)
    space = space_of(experiment, images.shape, images.n_classes)
    pretrained_of(experiment, space.input_shape)  # whose weights may not fit
    for sentence in impossible_cuts(space):
        warnings.warn(sentence, stacklevel=2)
    show_alleles(experiment.name, space)
    typer.echo()
    show_size(size_of(space), estimate_architectures(space, np.random.default_rng(experiment.seed)))
    typer.echo()
    samples = draw_samples(space, n_samples, np.random.default_rng(experiment.seed))
    show_sizes(samples)
    if out is not None:
        from evocnn.report.space_plot import plot_samples

        plot_samples(experiment.name, space, samples, out)
        typer.echo(f"wrote {out}")

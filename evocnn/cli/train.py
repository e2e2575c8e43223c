"""Training one network of a run in full from the command line, and judging it on the test split."""

import re
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from evocnn.cli.full_training import trained_models
from evocnn.cli.readings import reading_lines
from evocnn.deploy.earlier_tests import earlier_tests, with_test
from evocnn.deploy.judgement import Judgement, check_at_rest, judge_models
from evocnn.deploy.model import SUFFIX, Model
from evocnn.deploy.terms import Terms, full_training, terms_of
from evocnn.errors import DataError
from evocnn.report.confusion import plot_confusion, show_confusion, write_confusion
from evocnn.report.learning_curves import plot_learning_curves, write_learning_curves
from evocnn.report.wording import command
from evocnn.runs import Workers, open_run
from evocnn.runs.pick import pick


def run_train(
    folder: Path,
    wanted: str,
    workers: Workers,
    *,
    epochs: int | None,
    n_seeds: int,
    all_data: bool,
    data: Path | None,
) -> None:
    """Train a network of a run in full, read the test split once, and show and save what was found.

    Args:
        folder: The run folder.
        wanted: What to pick.
        workers: Where seeds are trained.
        epochs: Length of a training; that of the search if not given.
        n_seeds: How many trainings, each with a seed of its own.
        all_data: Whether to train on all training images of the source.
        data: Where the run's images lie now, if elsewhere.
    """
    run = open_run(folder)
    record = pick(run, wanted)
    check_at_rest(run)
    terms = terms_of(run, data, epochs=epochs, all_data=all_data)
    home = full_training(terms, record, wanted, 0).path.parent
    earlier = _further_seeds(home, n_seeds)
    trainings = [full_training(terms, record, wanted, seed) for seed in (*range(n_seeds), *earlier)]
    paths = {training.seed: training.path for training in trainings}
    n_epochs = trainings[0].epochs
    seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
    if earlier:
        seeds += f" with {len(earlier)} more that {'was' if len(earlier) == 1 else 'were'} trained before"
    typer.echo(f"{run.name}: ticket {record.ticket}, {trainings[0].chromosome.text}")
    typer.echo(
        f"{n_epochs} {'epoch' if n_epochs == 1 else 'epochs'} on {len(terms.training):,} training images"
        f"{', validation images included' if all_data else ''}, {seeds}, into {home}"
    )
    is_done = all(training.path.exists() for training in trainings)
    models = trained_models(terms, trainings, [f"seed {training.seed}" for training in trainings], workers)
    done = {training.seed: model for training, model in zip(trainings, models, strict=True) if model}
    if is_done:
        typer.echo("trained already; this is what was found")
    judgements = _judged(terms, paths, done)
    _show_figures(done, judgements)
    written = _write_curves(home, record.text, done)
    if judgements:
        written += _conclude_test(run.folder, home, done, judgements)
    for path in [*(paths[seed] for seed in done), *written]:
        typer.echo(f"wrote {path}" if not is_done or path in written else f"model {path}")
    typer.echo(f"use it elsewhere: {command('export', paths[min(done)])}")


def _further_seeds(home: Path, n_seeds: int) -> list[int]:
    """Return the seeds beyond those asked for whose models lie there, as curves and confusion hold all."""
    found = (re.fullmatch(rf"model-seed([1-9]\d*){re.escape(SUFFIX)}", file.name) for file in home.glob("*"))
    return sorted(seed for match in found if match and (seed := int(match[1])) >= n_seeds)


def _judged(terms: Terms, paths: dict[int, Path], models: dict[int, Model]) -> dict[int, Judgement]:
    """Return what the test split says of each model, tested now or before; nothing where there is none."""
    named = {f"seed {seed}": model for seed, model in models.items()}
    known = earlier_tests(terms.run, named)
    if new := {name: model for name, model in named.items() if name not in known}:
        try:
            known |= judge_models(terms.run, paths[min(paths)].parent.name, new, terms.data_path)
        except DataError as error:
            typer.echo(f"{', '.join(new)} not tested, for the test split cannot be read: {error}")
    judgements = {seed: known[f"seed {seed}"] for seed in models if f"seed {seed}" in known}
    for seed, judgement in judgements.items():
        with_test(models[seed], judgement, paths[seed])
    return judgements


def _show_figures(models: dict[int, Model], judgements: dict[int, Judgement]) -> None:
    """Print the accuracies of each seed, then mean and standard deviation over seeds."""
    has_validation = not any(model.steps[0]["all_data"] for model in models.values())
    names = ["training", *(["validation"] if has_validation else [])]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("seed", *names, *(["test", "95 % interval"] if judgements else [])):
        table.add_column(name, justify="right", no_wrap=True)
    columns: list[list[float]] = [[] for _ in range(len(names) + 1)]
    for seed, model in models.items():
        step: Any = model.steps[0]
        values = [step[f"{name}_accuracy"] for name in names]
        cells = [f"{value:.4f}" for value in values]
        if seed in judgements:
            low, high = judgements[seed].interval
            cells += [f"{judgements[seed].accuracy:.4f}", f"[{low:.4f}, {high:.4f}]"]
            values.append(judgements[seed].accuracy)
        for column, value in zip(columns, values, strict=False):
            column.append(value)
        table.add_row(str(seed), *cells)
    if len(models) > 1:
        means = [
            f"{fmean(column):.4f} ± {stdev(column):.4f}" for column in columns if len(column) == len(models)
        ]
        table.add_row("mean", *means, style="bold")
    Console(emoji=False).print(table)
    if len(models) > 1:
        typer.echo(f"mean ± standard deviation over {len(models)} seeds")


def _write_curves(home: Path, text: str, models: dict[int, Model]) -> list[Path]:
    """Write the learning curves of all seeds and return the files."""
    steps: dict[str, Any] = {f"seed {seed}": model.steps[0] for seed, model in models.items()}
    curves = {name: step["curves"] for name, step in steps.items()}
    picture, table = home / "curves.png", home / "curves.csv"
    plot_learning_curves(text, curves, picture)
    write_learning_curves(curves, table)
    return [picture, table]


def _conclude_test(
    folder: Path, home: Path, models: dict[int, Model], judgements: dict[int, Judgement]
) -> list[Path]:
    """Show and write the confusions of all seeds together, say how often the split was read."""
    confusion = np.sum([judgement.confusion for judgement in judgements.values()], axis=0)
    names = next(iter(models.values())).class_names
    seeds = f", {len(judgements)} seeds added up" if len(judgements) > 1 else ""
    typer.echo(f"\nclasses of the test images (rows) and what they were taken for (columns){seeds}")
    show_confusion(confusion, names)
    last = max(judgements.values(), key=lambda judgement: judgement.reading)
    for line in reading_lines(folder, last):
        typer.echo(line)
    picture, table = home / "confusion.png", home / "confusion.csv"
    accuracy = fmean(judgement.accuracy for judgement in judgements.values())
    plot_confusion(
        f"accuracy {accuracy:.4f} on {last.n_images:,} test images{seeds}", confusion, names, picture
    )
    write_confusion(confusion, names, table)
    return [picture, table]

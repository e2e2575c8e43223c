"""Proposing an experiment from the command line: a file that fits some images and this machine."""

import os
import re
import tomllib
from pathlib import Path

import typer

from evocnn.cli.data import Asked, settings_of
from evocnn.cli.doctor import granted_cores
from evocnn.config import Experiment
from evocnn.config.data import DataSettings
from evocnn.config.proposal import Machine, Plan, Seen, plan_of
from evocnn.config.proposed_file import in_words, proposed_text
from evocnn.errors import ExperimentError
from evocnn.report.wording import command
from evocnn.store import environment
from evocnn.training.cost_measurement import machine_cost_model
from evocnn.training.data import load
from evocnn.training.data.framing import Framing, shown_size
from evocnn.training.data.survey import Survey, survey_folder
from evocnn.training.torch_state import torch_state

PROBE_SIDE = 32  # pixels, to which images of a folder are brought to count those that can be read
FEW = 50  # images to validate on
GPU_LANES = 4  # networks that a GPU trains at a time about as fast as one


def propose_experiment(source: str, path: Path | None, out: Path) -> None:
    """Write an experiment file for a source of images.

    Args:
        source: A named data set, or a path.
        path: Where the images lie, for a named data set.
        out: The file.

    Raises:
        ExperimentError: There is no such source, or the file is there already or cannot be written.
        DataError: The images cannot be used.
    """
    if out.suffix != ".toml":
        message = f"--out must be a file that ends in .toml, but it was '{out}'; write {out.stem}.toml"
        raise ExperimentError(message)
    settings = settings_of(Asked(source, path))
    if out.exists():
        message = f"file '{out}' must be new, but it is there already; give another with --out, or move it"
        raise ExperimentError(message)
    seen = _seen(source, settings, out)
    machine = _machine()
    plan = plan_of(seen, machine)
    text = proposed_text(seen, machine, plan, str(out))
    Experiment.from_dict(tomllib.loads(text), folder=out.resolve().parent, source=str(out))
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        message = f"file '{out}' must be writable, but: {error.strerror}; give another with --out"
        raise ExperimentError(message) from error
    _say(seen, plan, out)


def _seen(source: str, settings: DataSettings, out: Path) -> Seen:
    """Return what there is to see of the images; test images are not looked at."""
    place = None if settings.path is None else Path(settings.path)
    is_folder = settings.source == "folder"
    framing = Framing((PROBE_SIDE, PROBE_SIDE)) if is_folder else Framing()
    images = load(settings.source, "train", place, framing=framing)
    channels, height, width = images.shape
    if is_folder and place is not None:
        survey = survey_folder(place)
    else:
        survey = Survey(1, (height, width), (height, width), min(height, width), height / width)
    is_path = place is not None and settings.source in ("folder", "npz", "idx")
    return Seen(
        _name(place.resolve().stem if place is not None and is_path else source),
        source if ":" in source and not is_path else str(settings.source),
        None if place is None else _from_file(place, out),
        channels,
        survey,
        tuple(images.counts.tolist()),
        images.class_names,
        images.notes,
    )


def _from_file(path: Path, out: Path) -> str:
    """Return a path as an experiment file names it: from its folder, unless that leads out of it."""
    relative = os.path.relpath(path.resolve(), out.resolve().parent)
    return str(path.resolve()) if relative.startswith("..") else relative


def _name(text: str) -> str:
    """Return a name that an experiment may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:64].strip("-._") or "images"


def _machine() -> Machine:
    """Return where a search would run, its cost constants measured if they were not before."""
    typer.echo("measuring how fast this machine trains ...", err=True)
    cost = machine_cost_model(environment())
    n_gpus = len(torch_state().gpus)
    if n_gpus:
        return Machine(f"{n_gpus} GPU{'s' if n_gpus > 1 else ''}", GPU_LANES * n_gpus, cost)
    n_cores = max(1, int(min(len(os.sched_getaffinity(0)), granted_cores())))
    return Machine(f"{n_cores} core{'s' if n_cores > 1 else ''}", n_cores, cost)


def _say(seen: Seen, plan: Plan, out: Path) -> None:
    """Print what was seen, what is proposed, and what to do next."""
    survey = seen.survey
    sizes = shown_size(*survey.least)
    if survey.n_sizes > 1:
        sizes = f"{survey.n_sizes:,} sizes from {sizes} to {shown_size(*survey.greatest)}"
    colours = "grey" if seen.channels == 1 else "colour"
    typer.echo(
        f"seen: {seen.n_images:,} training images in {colours}, {sizes}; {len(seen.class_names)} classes of "
        f"{min(seen.counts):,} to {max(seen.counts):,}"
    )
    for note in seen.notes:
        typer.echo(f"note: {note}", err=True)
    if plan.n_validation < FEW:
        typer.echo(
            f"note: {plan.n_validation} images to validate on tell good networks from lucky ones only by "
            "wide margins; more images help more than a longer search",
            err=True,
        )
    used = "all of them" if plan.n_images == seen.n_images else f"{plan.n_images:,} of them"
    typer.echo(
        f"proposed: {used} at {shown_size(*plan.size)}, {plan.epochs} epochs, a budget of {plan.budget} "
        f"trainings: about {in_words(plan.search_seconds)} on this machine"
    )
    typer.echo(f"wrote {out}; look at its space: {command('space', out)}   search: {command('run', out)}")

"""What studies share: networks of a run trained in full, and one look at the test split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evocnn.cli.full_training import trained_models
from evocnn.deploy.earlier_tests import earlier_tests, with_test
from evocnn.deploy.judgement import judge_models, recorded
from evocnn.deploy.model import Model
from evocnn.deploy.terms import full_training, terms_of
from evocnn.report.figures import Figure
from evocnn.report.front_table import escaped
from evocnn.runs import Run, Workers
from evocnn.runs.pick import pick
from evocnn.store import Record, environment


@dataclass(frozen=True)
class Tested:
    """A network that was trained in full and tested.

    Attributes:
        name: What it is called.
        text: Layers, head and recipe.
        n_parameters: Its size.
        n_images: Images that it was trained on.
        epochs: How often.
        accuracy: On the test images.
        interval: Of the accuracy, at 95 % confidence.
        seconds: Of training.
        overlap: What is to be said of test images that are training images, too.
    """

    name: str
    text: str
    n_parameters: int
    n_images: int
    epochs: int
    accuracy: float
    interval: tuple[float, float]
    seconds: float
    overlap: str


def best_up_to(run: Run, ceilings: Sequence[int]) -> dict[str, Record]:
    """Return the best network of a run up to each number of parameters, by name; one may serve several.

    Args:
        run: The run.
        ceilings: Parameters at most; the network of 20000 is `at_most_20000`.

    Raises:
        ExperimentError: No network is as small.
    """
    return {f"at_most_{ceiling}": pick(run, f"parameters<={ceiling}") for ceiling in ceilings}


def models_of(
    run: Run,
    records: Mapping[str, Record],
    data: Path | None,
    workers: Workers,
    epochs: int,
    *,
    all_data: bool,
) -> dict[str, tuple[Model, Path]]:
    """Return networks of a run trained in full, by name, with their files; those that failed are missing.

    Args:
        run: The run.
        records: The networks by name.
        data: Where the run's images lie.
        workers: Where networks are trained.
        epochs: Length of a training.
        all_data: Whether to train on all training images of the source.

    Raises:
        ExperimentError: Nothing could be trained.
        typer.Exit: Somebody asked to stop.
    """
    terms = terms_of(run, data, epochs=epochs, all_data=all_data)
    trainings = [full_training(terms, record, name, 0) for name, record in records.items()]
    models = trained_models(terms, trainings, list(records), workers)
    found = zip(records, models, trainings, strict=True)
    return {name: (model, training.path) for name, model, training in found if model is not None}


def tested_in_full(
    run: Run,
    records: Mapping[str, Record],
    data: Path | None,
    workers: Workers,
    epochs: int,
    *,
    all_data: bool,
) -> list[Tested]:
    """Return what the test split says of networks of a run, each trained in full; it is read once for all.

    Args:
        run: The run.
        records: The networks by name.
        data: Where the run's images lie.
        workers: Where networks are trained.
        epochs: Length of a training.
        all_data: Whether to train on all training images of the source.

    Raises:
        ExperimentError: Nothing could be trained.
        typer.Exit: Somebody asked to stop.
    """
    found = models_of(run, records, data, workers, epochs, all_data=all_data)
    models = {name: model for name, (model, _) in found.items()}
    known = earlier_tests(run, models)
    if new := {name: model for name, model in models.items() if name not in known}:
        known |= judge_models(run, ", ".join(new), new, data)
    return [tested_of(name, with_test(model, known[name], path)) for name, (model, path) in found.items()]


def tested_of(name: str, model: Model) -> Tested:
    """Return what a model's own steps say of it."""
    training: Mapping[str, Any] = model.steps[0]
    judgement = recorded(model.steps)
    assert judgement is not None  # noqa: S101 - it has been judged
    return Tested(
        name,
        model.chromosome.text,
        training["parameters"],
        training["images"],
        training["epochs"],
        judgement.accuracy,
        judgement.interval,
        training["seconds"],
        judgement.overlap,
    )


def tested_figures(tested: Sequence[Tested], tolerance: float, *, is_exact: bool) -> dict[str, Figure]:
    """Return size, test accuracy and time of each network; the tolerance is that of the accuracy.

    Sizes are not compared elsewhere: there another search chooses another network.
    """
    figures: dict[str, Figure] = {}
    for one in tested:
        figures |= {
            f"{one.name}.test_accuracy": Figure(one.accuracy, tolerance, is_exact=is_exact),
            f"{one.name}.parameters": Figure(one.n_parameters, is_exact=is_exact),
            f"{one.name}.training_seconds": Figure(round(one.seconds, 1), None, "s"),
        }
    return figures


def tested_lines(tested: Sequence[Tested]) -> list[str]:
    """Return the table of all that was tested, in Markdown."""
    return [
        "# Test accuracies",
        "",
        "Each trained once; intervals tell what the choice of test images leaves open, at 95 % confidence.",
        "",
        "| network | parameters | images | epochs | test accuracy | 95 % interval | training, s | |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {one.name.replace('_', ' ')} | {one.n_parameters:,} | {one.n_images:,} | {one.epochs} "
            f"| {one.accuracy:.4f} | {one.interval[0]:.4f} to {one.interval[1]:.4f} | {one.seconds:,.0f} "
            f"| `{escaped(one.text)}` |"
            for one in tested
        ),
        "",
        *(f"{said}.\n" for said in dict.fromkeys(one.overlap for one in tested) if said),
        made_on(),
    ]


def made_on() -> str:
    """Return machine, versions and commit in a sentence."""
    machine = environment()
    return (
        f"Machine: {machine['processor']}, {machine['cores']} cores; Python {machine['python']}, torch "
        f"{machine['torch']}, commit {machine['commit']}."
    )

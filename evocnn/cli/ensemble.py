"""The best small ensemble of a run's front from the command line."""

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.cli.full_training import reading_lines, trained_models
from evocnn.deploy.ensemble import Growth, averaged, best_ensemble, grow_ensemble
from evocnn.deploy.judgement import Judgement, check_at_rest, judge, probabilities, recorded
from evocnn.deploy.model import Model
from evocnn.deploy.terms import MODELS, FullTraining, Terms, full_training, terms_of
from evocnn.errors import DataError, ExperimentError
from evocnn.runs import Workers, open_run

TOGETHER, ALONE = "ensemble", "best member"


class _Member(NamedTuple):
    """A member of the front, trained in full."""

    training: FullTraining
    model: Model

    @property
    def n_parameters(self) -> int:
        step: Any = self.model.steps[0]
        return int(step["parameters"])


def run_ensemble(folder: Path, size: int, workers: Workers, *, epochs: int | None, data: Path | None) -> None:
    """Train the front in full, choose an ensemble by validation images, test it once, and show it.

    Args:
        folder: The run folder.
        size: The most members.
        workers: Where members are trained.
        epochs: Length of a training; that of the search if not given.
        data: Where the run's images lie now, if elsewhere.

    Raises:
        ExperimentError: Fewer than two networks can be members.
    """
    run = open_run(folder)
    check_at_rest(run)
    front = run.front.members
    if len(front) < 2:
        message = (
            f"the front must have 2 members or more for an ensemble, but that of '{folder}' had "
            f"{len(front)}; search longer, or use evocnn train"
        )
        raise ExperimentError(message)
    terms = terms_of(run, data, epochs=epochs)
    trainings = [full_training(terms, record, str(record.ticket), 0) for record in front]
    typer.echo(f"{run.name}: the best {size} or fewer of the {len(front)} members of the front, together")
    models = trained_models(terms, trainings, [f"ticket {record.ticket}" for record in front], workers)
    library = [_Member(training, model) for training, model in zip(trainings, models, strict=True) if model]
    validation = terms.parts.evaluator.validation
    outputs = [probabilities(member.model, validation) for member in library]
    growth = grow_ensemble(outputs, validation.labels, size)
    chosen = [library[number] for number in best_ensemble(growth)]
    entries = _entries(library, growth, len(chosen))
    _show(entries)
    if len(chosen) == 1:
        typer.echo("no ensemble beats its best member on the validation images; nothing was tested")
        return
    path = run.folder / MODELS / f"ensemble-{size}-{chosen[0].training.epochs}-epochs" / "ensemble.json"
    tests = _recorded(path, entries)
    if tests is None:
        tests = _tested(terms, path.parent.name, chosen)
    if tests is not None:
        for name, test in tests.items():
            low, high = test.interval
            typer.echo(f"test accuracy, {name}: {test.accuracy:.4f}, 95 % interval [{low:.4f}, {high:.4f}]")
        for line in reading_lines(run.folder, tests[TOGETHER].reading, tests[TOGETHER].when):
            typer.echo(line)
        entries["tests"] = {name: test.step for name, test in tests.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries, indent=2, ensure_ascii=False), encoding="utf-8")
    typer.echo(f"wrote {path}")


def _entries(library: list[_Member], growth: tuple[Growth, ...], n_chosen: int) -> dict[str, Any]:
    """Return how the ensemble grew, ready for JSON; sizes are those of all members together."""
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(growth):
        training = library[row.member].training
        own = library[row.member].n_parameters
        rows.append(
            {
                "ticket": training.record.ticket,
                "model": f"{training.path.parent.name}/{training.path.name}",
                "network": training.chromosome.text,
                "parameters": own,
                "parameters_together": own + (rows[-1]["parameters_together"] if rows else 0),
                "validation_accuracy": row.accuracy,
                "validation_loss": row.loss,
                "is_chosen": number < n_chosen,
            }
        )
    return {"growth": rows}


def _show(entries: dict[str, Any]) -> None:
    """Print the ensemble member by member: figures of all down to there."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("members", "validation\naccuracy", "loss", "parameters\nof all"):
        table.add_column(title, justify="right", vertical="bottom")
    table.add_column("ticket", justify="right")
    table.add_column("network that was added", overflow="fold", ratio=1)
    rows = entries["growth"]
    for number, row in enumerate(rows, start=1):
        is_last = row["is_chosen"] and (number == len(rows) or not rows[number]["is_chosen"])
        table.add_row(
            str(number),
            f"{row['validation_accuracy']:.4f}",
            f"{row['validation_loss']:.4f}",
            f"{row['parameters_together']:,}",
            str(row["ticket"]),
            Text(row["network"] + (" ◀ chosen" if is_last else "")),
            style="bold" if is_last else "",
        )
    Console(emoji=False).print(table)


def _recorded(path: Path, entries: dict[str, Any]) -> dict[str, Judgement] | None:
    """Return what the test split said of the same ensemble before, None where it has not been asked."""
    if not path.exists():
        return None
    known = json.loads(path.read_text(encoding="utf-8"))
    tests = known.pop("tests", None)
    if tests is None or known != entries:
        return None
    return {name: found for name, step in tests.items() if (found := recorded([step])) is not None}


def _tested(terms: Terms, what: str, chosen: list[_Member]) -> dict[str, Judgement] | None:
    """Return what the test split says of an ensemble and of its best member; None where there is none."""
    best = chosen[0]
    known = recorded(best.model.steps)
    predictors = {TOGETHER: partial(averaged, [member.model for member in chosen])}
    if known is None:
        predictors[ALONE] = partial(probabilities, best.model)
    try:
        found = judge(terms.run, what, predictors, terms.data_path)
    except DataError as error:
        typer.echo(f"not tested, for the test split cannot be read: {error}")
        return None
    if known is None:
        best.model.after(found[ALONE].step).save(best.training.path)
    return {ALONE: known, **found} if known is not None else found

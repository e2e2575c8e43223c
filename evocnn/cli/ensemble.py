"""The best small ensemble of a run's front from the command line."""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.cli.full_training import trained_models
from evocnn.cli.readings import reading_lines
from evocnn.deploy.earlier_tests import earlier_judgements, with_test
from evocnn.deploy.ensemble import Growth, averaged, best_ensemble, grow_ensemble
from evocnn.deploy.judgement import Judgement, check_at_rest, judge, probabilities
from evocnn.deploy.model import Model
from evocnn.deploy.paired_test import PairedTest, mcnemar
from evocnn.deploy.terms import KEY_LETTERS, FullTraining, Terms, full_training, terms_of
from evocnn.errors import DataError, ExperimentError
from evocnn.runs import Workers, open_run
from evocnn.runs.folder import MODELS
from evocnn.store.durable import write_durably

TOGETHER, ALONE = "ensemble", "best member"


class _Member(NamedTuple):
    """A member of the front, trained in full."""

    training: FullTraining
    model: Model

    @property
    def n_parameters(self) -> int:
        step: Any = self.model.steps[0]
        return int(step["parameters"])


class _Found(NamedTuple):
    """What the test split said of an ensemble and its best member, in one reading."""

    judgements: dict[str, Judgement]
    paired: PairedTest


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
        DataError: What it writes cannot be written.
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
    digest = _digest(chosen)
    if (found := _known(terms, chosen, digest)) is not None:
        typer.echo("these members were tested together before; this is what was found")
    else:
        found = _tested(terms, chosen, digest)
    if found is not None:
        _tell(run.folder, found)
        entries |= {
            "tests": {name: test.step for name, test in found.judgements.items()},
            "paired_test": found.paired.figures,
        }
        with_test(chosen[0].model, found.judgements[ALONE], chosen[0].training.path)
    name = f"ensemble-{digest[:KEY_LETTERS]}-{chosen[0].training.epochs}-epochs"
    path = run.folder / MODELS / name / "ensemble.json"
    try:
        write_durably(path, json.dumps(entries, indent=2, ensure_ascii=False).encode())
    except OSError as error:
        message = f"ensemble '{path}' must be writable, but: {error}; make room or give rights"
        raise DataError(message) from error
    typer.echo(f"wrote {path}")


def _digest(chosen: list[_Member]) -> str:
    """Return the digest of an ensemble, the same for the same members, whatever the sizes that were tried."""
    return hashlib.sha256("".join(sorted(member.model.digest for member in chosen)).encode()).hexdigest()


def _tell(folder: Path, found: _Found) -> None:
    """Print what the test split said of an ensemble and its best member, and what may be claimed."""
    for name, test in found.judgements.items():
        low, high = test.interval
        typer.echo(f"test accuracy, {name}: {test.accuracy:.4f}, 95 % interval [{low:.4f}, {high:.4f}]")
    for line in found.paired.lines(f"the {TOGETHER}", f"its {ALONE}"):
        typer.echo(line)
    for line in reading_lines(folder, found.judgements[TOGETHER]):
        typer.echo(line)


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
        table.add_column(title, justify="right")
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


def _known(terms: Terms, chosen: list[_Member], digest: str) -> _Found | None:
    """Return what one reading of the test split said of the same members before; None where none did."""
    judgements = earlier_judgements(terms.run, [digest, chosen[0].model.digest])
    return _compared(*judgements) if judgements else None


def _compared(together: Judgement, alone: Judgement) -> _Found:
    return _Found({TOGETHER: together, ALONE: alone}, mcnemar(together.is_right, alone.is_right))


def _tested(terms: Terms, chosen: list[_Member], digest: str) -> _Found | None:
    """Return what the test split says of an ensemble and of its best member; None where there is none."""
    best = chosen[0]
    predictors = {
        TOGETHER: partial(averaged, [member.model for member in chosen]),
        ALONE: partial(probabilities, best.model),
    }
    digests = {TOGETHER: digest, ALONE: best.model.digest}
    tickets = " and ".join(str(member.training.record.ticket) for member in chosen)
    n_epochs = best.training.epochs
    what = f"ensemble of tickets {tickets} after {n_epochs} {'epoch' if n_epochs == 1 else 'epochs'}"
    try:
        found = judge(terms.run, what, predictors, terms.data_path, digests=digests)
    except DataError as error:
        typer.echo(f"not tested, for the test split cannot be read: {error}")
        return None
    return _compared(found[TOGETHER], found[ALONE])

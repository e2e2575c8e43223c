"""Every candidate in columns: what the script of the page draws and shows on demand."""

from collections.abc import Sequence
from typing import Any

from scipy.stats import t as students_t

from evocnn.evaluation import Objective, Status
from evocnn.report.front_axes import front_axes
from evocnn.report.page.trained import Trained
from evocnn.report.wording import command, label
from evocnn.runs import Run
from evocnn.store import Record

DIGITS = 6  # significant, of each figure
CONFIDENCE = 0.95
ON_LOG_SCALE = ("parameters", "flops", "model_bytes", "activation_memory")  # which span powers of ten


def cloud_of(run: Run, trained: Sequence[Trained] = ()) -> dict[str, Any]:
    """Return all candidates that have figures, ready for JSON.

    Args:
        run: The run.
        trained: Its networks that were trained in full after the search.

    Returns:
        The name of the run; `axes` to begin with; name, label, scale and weight of each of the `metrics`;
        columns with an entry a candidate: `tickets`, `texts`, `parents`, `operators`, `full`, and `values`
        by metric; `members` and `knee` by ticket; half widths of confidence intervals in `intervals`, by
        ticket and metric; test results in `tests`, by ticket; `commands` for any of them.
    """
    members = {member.ticket: member for member in run.front.members}
    candidates = {r.ticket: r for r in run.candidates if r.evaluation.status is Status.OK} | members
    records = [candidates[ticket] for ticket in sorted(candidates)]
    across, up = front_axes(run.objectives.items)
    names = _names(run, records)
    objectives = {objective.name: objective for objective in run.objectives.items}
    return {
        "run": run.name,
        "axes": [across.name, up.name],
        "metrics": [_metric(name, objectives.get(name)) for name in names],
        "tickets": [r.ticket for r in records],
        "texts": [r.text for r in records],
        "parents": [list(r.parents) for r in records],
        "operators": [list(r.operators) for r in records],
        "full": [int(r.is_full) for r in records],
        "values": {name: [_rounded(r.metrics.get(name)) for r in records] for name in names},
        "members": list(members),
        "knee": None if run.front.knee is None else run.front.knee.ticket,
        "intervals": {str(ticket): _half_widths(run, ticket) for ticket in run.front.repeats},
        "tests": {
            str(one.ticket): [one.accuracy, *one.interval] for one in trained if one.accuracy is not None
        },
        "commands": {
            verb: command(verb, run.folder, "--pick", "TICKET")
            for verb in ("show", *(["train"] if "data" in run.manifest else []))
        },
    }


def _names(run: Run, records: Sequence[Record]) -> list[str]:
    """Return the objectives, then all other metrics."""
    names = dict.fromkeys([o.name for o in run.objectives.items])
    names |= dict.fromkeys(name for record in records for name in record.metrics)
    return list(names)


def _metric(name: str, objective: Objective | None) -> dict[str, Any]:
    return {
        "name": name,
        "label": label(name),
        "log": name in ON_LOG_SCALE if objective is None else objective.log,
        "weight": 0 if objective is None else objective.weight,
    }


def _rounded(value: float | None) -> float | None:
    if value is None:
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded


def _half_widths(run: Run, ticket: int) -> dict[str, float]:
    """Return half the width of the 95 % interval of each mean over trainings, by Student's t."""
    repeats = run.front.repeats[ticket]
    n = len(repeats.tickets)
    factor = float(students_t.ppf((1 + CONFIDENCE) / 2, n - 1)) / n**0.5
    return {name: factor * spread for name, spread in repeats.spread.items()}

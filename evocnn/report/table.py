"""A run's front as a table for people and as JSON for programs."""

import json
from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.evaluation import Objective, Status
from evocnn.genotype.limits import LIMITING
from evocnn.runs import Run

INCIDENTS = ("timed_out", "crashed", "out_of_memory")  # which depend on the machine
FRACTIONS = ("accuracy", "gap")


def front_table(run: Run) -> None:
    """Print the front, best in the first objective first; the knee is marked."""
    console = Console(emoji=False)
    front = run.front
    counted = evaluation_counts(run)
    counts = ", ".join(f"{n} {status}" for status, n in counted.items())
    console.print(
        f"{run.name}: {run.status}; {counts or 'nothing evaluated yet'}", highlight=False, markup=False
    )
    limited = {kind: n for kind, n in repair_counts(run).items() if kind in LIMITING}
    if limited:
        n_limited = sum(not LIMITING.isdisjoint(record.repairs) for record in run.records)
        kinds = ", ".join(f"{kind} {n}" for kind, n in limited.items())
        console.print(
            f"repaired to keep the limits: {n_limited} of {len(run.records)} candidates ({kinds})",
            highlight=False,
            markup=False,
        )
    if any(status in INCIDENTS for status in counted):
        console.print(
            "note: time-outs and crashes depend on the machine; this run repeats through its journal alone",
            highlight=False,
            markup=False,
        )
    if not front.members:
        console.print(_why_empty(run), highlight=False, markup=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("ticket", justify="right")
    for objective in run.objectives.items:
        table.add_column(Text(objective.name.replace("_", "\n")), justify="right", vertical="top")
    table.add_column("network", overflow="fold", ratio=1)
    for record in front.members:
        mark = " ◀ knee" if record is front.knee else ""
        values = [_format(objective, objective.raw(record.metrics)) for objective in run.objectives.items]
        table.add_row(str(record.ticket), *values, Text(record.text + mark, style="bold" if mark else ""))
    console.print(table)
    reference = ", ".join(f"{o.name} {_format(o, o.reference)}" for o in run.objectives.items)
    console.print(f"hypervolume {front.hypervolume:.4g} up to {reference}", highlight=False, markup=False)


def front_json(run: Run) -> str:
    """Return the front and what belongs to it as JSON."""
    front = run.front
    return json.dumps(
        {
            "run": run.name,
            "status": run.status,
            "evaluations": evaluation_counts(run),
            "repairs": repair_counts(run),
            "operators": operator_counts(run),
            "reference_point": front.reference_point,
            "hypervolume": front.hypervolume,
            "knee": front.knee.ticket if front.knee else None,
            "front": [
                {
                    "ticket": record.ticket,
                    "key": record.key,
                    "text": record.text,
                    "metrics": dict(record.metrics),
                    "parents": list(record.parents),
                    "operators": list(record.operators),
                }
                for record in front.members
            ],
        },
        indent=2,
        ensure_ascii=False,
    )


def evaluation_counts(run: Run) -> dict[str, int]:
    """Return how many evaluations ended in which status, duplicates aside."""
    return dict(Counter(r.evaluation.status.value for r in run.records if r.reused_from is None))


def duration(seconds: float) -> str:
    """Return seconds as `2h 05m`, `3m 20s` or `45s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"


def _format(objective: Objective, value: float) -> str:
    if objective.name.endswith(FRACTIONS):
        return f"{value:.4f}"
    return f"{value:,.0f}" if value == round(value) else f"{value:.4g}"


def _why_empty(run: Run) -> str:
    """Say why the front has no member."""
    if not run.records:
        return "the front is empty: nothing has been evaluated yet"
    if not any(record.evaluation.status is Status.OK for record in run.records):
        return "the front is empty: no candidate trained without failure"
    bounds = [
        f"{o.name} {word} {bound:g}"
        for o in run.objectives.items
        for word, bound in (("at least", o.floor), ("at most", o.ceiling))
        if bound is not None
    ]
    rules = ", ".join(bounds) or "nothing"
    return (
        f"the front is empty: no network that trained without failure kept all of: {rules}; train longer "
        "(training.epochs, --budget), or set objectives.NAME.floor or ceiling, which follow from the data "
        "where they are not given"
    )


def repair_counts(run: Run) -> dict[str, int]:
    """Return how often repair changed candidates in which way; see `evocnn.genotype.limits.repair`."""
    total: Counter[str] = Counter()
    for record in run.records:
        total.update(record.repairs)
    return dict(total)


def operator_counts(run: Run) -> dict[str, dict[str, int]]:
    """Return for each operator how many offspring it made, and how many of them are on the front."""
    front = {record.ticket for record in run.front.members}
    offspring = Counter(name for record in run.records for name in record.operators)
    members = Counter(name for r in run.records if r.ticket in front for name in r.operators)
    return {name: {"offspring": n, "on_front": members[name]} for name, n in offspring.most_common()}

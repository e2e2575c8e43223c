"""A run's front as a table for people and as JSON for programs."""

import json
from collections import Counter
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.config.algorithm_names import ALGORITHMS, AlgorithmChoice
from evocnn.evaluation import TIMED, Status
from evocnn.evaluation.metrics import UNTRAINED
from evocnn.genotype.limits import LIMITING
from evocnn.report.cost_error import cost_error
from evocnn.report.history.asked import asked_of
from evocnn.report.history.operator_credit import DRAWN, operator_credit
from evocnn.report.network import network_entries
from evocnn.report.standing import algorithm_of
from evocnn.report.wording import bounds, command, label, metric_text, percent
from evocnn.runs import Run
from evocnn.runs.folder import RUNNING
from evocnn.search import Ending
from evocnn.store import Record

INCIDENTS = ("timed_out", "crashed", "out_of_memory")  # which depend on the machine
WIDE = 4  # objectives; with more, networks stand below the table


def front_table(run: Run) -> None:
    """Print the front, best in the first objective first; the knee is marked.

    A network that was trained more than once stands with means, standard deviations and their number.
    """
    console = Console(emoji=False)
    front = run.front
    for line in summary(run):
        console.print(line, highlight=False, markup=False)
    if not front.members:
        console.print(why_empty(run), highlight=False, markup=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("ticket", justify="right")
    for objective in run.objectives.items:
        table.add_column(Text(objective.name.replace("_", "\n")), justify="right", vertical="top")
    if front.repeats:
        table.add_column("n", justify="right")
    is_wide = len(run.objectives.items) > WIDE
    if not is_wide:
        table.add_column("network", overflow="fold", ratio=1)
    networks = [Text(record.text, overflow="fold") for record in front.members]
    for record, network in zip(front.members, networks, strict=True):
        if record is front.knee:
            network.append(" ◀ knee").stylize("bold")
        table.add_row(str(record.ticket), *_values(run, record), *([] if is_wide else [network]))
    console.print(table)
    for record, network in zip(front.members, networks, strict=True):
        if is_wide:
            console.print(Text(f"{record.ticket:>6}  ").append_text(network))
    reference = ", ".join(f"{o.name} {metric_text(o.name, o.reference)}" for o in run.objectives.items)
    console.print(f"hypervolume {front.hypervolume:.4g} up to {reference}", highlight=False, markup=False)


def front_markdown(run: Run) -> list[str]:
    """Return the front as a table in Markdown, in lines, best in the first objective first."""
    names = [objective.name for objective in run.objectives.items]
    lines = [f"| {' | '.join(map(label, names))} | network |", "|---" * len(names) + "|---|"]
    for record in run.front.members:
        knee = " (the knee)" if record is run.front.knee else ""
        lines.append(f"| {' | '.join(_values(run, record)[: len(names)])} | `{escaped(record.text)}`{knee} |")
    return lines


def escaped(text: str) -> str:
    """Return a chromosome's text as a cell of a table in Markdown."""
    return text.replace("|", "\\|")


def summary(run: Run) -> list[str]:
    """Return how far a run came and what is to be known of it, a line each."""
    counted = candidate_counts(run)
    counts = ", ".join(f"{n} {status}" for status, n in counted.items())
    lines = [f"{run.name}: {run.status}; {counts or 'nothing evaluated yet'}"]
    if counted:
        n_trained = len(run.candidates) - counted.get(Status.REJECTED, 0)
        lines.append(f"{n_trained} looked at, {n_full(run)} trained in full, {run.n_epochs:,} epochs")
    lines += [*nothing_bred(run), *promising_but_stopped(run)]
    if "outcome" in run.manifest:
        lines.append(str(run.manifest["outcome"]))
    limited = {kind: n for kind, n in repair_counts(run).items() if kind in LIMITING}
    if limited:
        asked = asked_of(run)
        n_limited = sum(not LIMITING.isdisjoint(record.repairs) for record in asked)
        kinds = ", ".join(f"{kind} {n}" for kind, n in limited.items())
        lines.append(f"repaired to keep the limits: {n_limited} of {len(asked)} candidates ({kinds})")
    if run.rejection is not None:
        lines.append(f"reject: {run.rejection.text}")
    lines += [f"note: {each}; this run repeats through its journal alone" for each in by_the_clock(run)]
    error = cost_error(run.records)
    if error is not None:
        lines.append(f"cost model: {error}")
    return lines


def nothing_bred(run: Run) -> list[str]:
    """Return in a sentence that a search ended before it bred anything; nothing where it did not.

    Nor where nothing was trained in full, for then `why_empty` says what to do.
    """
    name = algorithm_of(run.manifest)
    breeds = name in ALGORITHMS and AlgorithmChoice(name, ALGORITHMS[name]).has_population
    has_bred = any(record.parents for record in run.records)
    if not breeds or has_bred or run.status != Ending.FINISHED or not n_full(run):
        return []
    more = command("resume", run.folder, "--budget", "...")
    sentence = (
        "nothing was bred: the budget ended while founders were looked at, so this is no more than a random "
        f"search; let it go on ({more}), or set a smaller search.population"
    )
    return [sentence]


def promising_but_stopped(run: Run) -> list[str]:
    """Return in a sentence which network was stopped early although it beat the whole front; or nothing.

    While the search runs, such a network may still be trained on.
    """
    objective = run.objectives.items[0]
    stopped = [r for r in run.candidates if r.evaluation.status is Status.OK and not r.is_full]
    is_final = run.status != RUNNING and objective.name not in UNTRAINED
    if not is_final or not stopped or not run.front.members:
        return []

    def worth(record: Record) -> float:
        return objective.weight * record.metrics[objective.name]

    best, reached = max(stopped, key=worth), max(run.front.members, key=worth)
    if worth(best) <= worth(reached):
        return []
    value, front = (metric_text(objective.name, one.metrics[objective.name]) for one in (best, reached))
    more, pick = command("resume", run.folder, "--budget", "..."), command("train", run.folder, "--pick")
    sentence = (
        f"network {best.ticket} had {label(objective.name)} {value} after {percent(best.share)} of its "
        f"training, better than all of the front ({front}), and was not trained on: let the search go on "
        f"({more}), or train it as it is ({pick} {best.ticket})"
    )
    return [sentence]


def by_the_clock(run: Run) -> list[str]:
    """Return what of a run hung on its machine, so that its experiment need not find the same again."""
    reasons = []
    if any(status in INCIDENTS for status in candidate_counts(run)):
        reasons.append("time-outs and crashes depend on the machine")
    timed = [objective.name for objective in run.objectives.items if objective.name in TIMED]
    if timed:
        reasons.append(f"read off a clock: {', '.join(timed)}")
    return reasons


def front_json(run: Run) -> str:
    """Return the front and what belongs to it as JSON."""
    front = run.front
    return json.dumps(
        {
            "run": run.name,
            "status": run.status,
            "outcome": run.manifest.get("outcome"),
            "looked_at": len(run.candidates) - candidate_counts(run).get(Status.REJECTED, 0),
            "trained_in_full": n_full(run),
            "epochs": run.n_epochs,
            "candidates": candidate_counts(run),
            "repairs": repair_counts(run),
            "operators": operator_counts(run),
            "rejection": None if run.rejection is None else asdict(run.rejection),
            "cost_model": {"constants": run.manifest.get("cost_model"), "error": _cost_error(run)},
            "reference_point": front.reference_point,
            "hypervolume": front.hypervolume,
            "knee": front.knee.ticket if front.knee else None,
            "front": [network_entries(run, record) for record in front.members],
        },
        indent=2,
        ensure_ascii=False,
    )


def candidate_counts(run: Run) -> dict[str, int]:
    """Return how many candidates ended in which status, duplicates aside."""
    return dict(Counter(record.evaluation.status.value for record in run.candidates))


def n_full(run: Run) -> int:
    """Return how many candidates were trained in full without failure."""
    return sum(r.is_full and r.evaluation.status is Status.OK for r in run.candidates)


def _values(run: Run, record: Record) -> list[str]:
    """Return a member's objectives, and where any member was trained more than once spreads and n."""
    repeats = run.front.repeats.get(record.ticket)
    values = []
    for objective in run.objectives.items:
        spread = 0.0 if repeats is None else repeats.spread[objective.name]
        beside = f" ± {metric_text(objective.name, spread)}" if spread else ""
        values.append(metric_text(objective.name, objective.raw(record.metrics)) + beside)
    n = 1 if repeats is None else len(repeats.tickets)
    return [*values, *([str(n)] if run.front.repeats else [])]


def why_empty(run: Run) -> str:
    """Say why the front has no member."""
    if not run.records:
        return "the front is empty: nothing has been evaluated yet"
    if not any(record.evaluation.status is Status.OK for record in run.records):
        return "the front is empty: no candidate trained without failure"
    go_on, more = command("resume", run.folder), command("resume", run.folder, "--budget", "...")
    if run.status in ("running", "interrupted"):
        return f"the front is empty so far; {'wait' if run.status == 'running' else f'go on with: {go_on}'}"
    if not n_full(run):
        return (
            "the front is empty: no candidate has been trained in full yet; go on with a larger budget: "
            f"{more}, lower search.population, or set search.rungs = [1]"
        )
    rules = ", ".join(f"{o.name} {bound}" for o in run.objectives.items for bound in bounds(o)) or "nothing"
    return (
        f"the front is empty: no network that trained without failure kept all of: {rules}; train longer "
        "(training.epochs, --budget), or set objectives.NAME.floor or ceiling, which follow from the data "
        "where they are not given"
    )


def repair_counts(run: Run) -> dict[str, int]:
    """Return how often repair changed candidates in which way; see `evocnn.genotype.limits.repair`."""
    total: Counter[str] = Counter()
    for record in asked_of(run):
        total.update(record.repairs)
    return dict(total)


def _cost_error(run: Run) -> dict[str, float] | None:
    """Return how well the cost model predicted, by name."""
    error = cost_error(run.records)
    return None if error is None else error._asdict()


def operator_counts(run: Run) -> dict[str, dict[str, int]]:
    """Return for each operator how many offspring it made, and how many of them are on the front."""
    return {
        credit.name: {"offspring": credit.n_offspring, "on_front": credit.n_stayed}
        for credit in operator_credit(run).rows
        if credit.name != DRAWN
    }

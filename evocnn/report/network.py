"""One network of a run: what it is, what was measured of it, and how to go on with it."""

import json
from collections.abc import Iterator
from shlex import quote
from typing import Any

from rich.console import Console

from evocnn.evaluation import Status
from evocnn.report.wording import command
from evocnn.runs import Run
from evocnn.store import Record

SEGMENTS = ("layers", "head", "recipe")  # of a chromosome's text form


def show_network(run: Run, record: Record) -> None:
    """Print a network of a run: chromosome, recipe, figures, how to go on."""
    console = Console(emoji=False)
    for line in _lines(run, record):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def network_json(run: Run, record: Record) -> str:
    """Return a network of a run as JSON, with its genome and curves."""
    entries = {
        **network_entries(run, record),
        "status": record.evaluation.status,
        "reason": record.evaluation.reason,
        "share": record.share,
        "genome": record.genome,
        "curves": record.evaluation.curves,
    }
    return json.dumps(entries, indent=2, ensure_ascii=False)


def network_entries(run: Run, record: Record) -> dict[str, Any]:
    """Return what is to be known of a network, ready for JSON."""
    repeats = run.front.repeats.get(record.ticket)
    return {
        "ticket": record.ticket,
        "key": record.key,
        "text": record.text,
        "metrics": dict(record.metrics),
        "trainings": [record.ticket] if repeats is None else list(repeats.tickets),
        "spread": {} if repeats is None else dict(repeats.spread),
        "parents": list(record.parents),
        "donors": list(run.donors(record)),
        "operators": list(record.operators),
    }


def segments(text: str) -> tuple[tuple[str, str], ...]:
    """Return the named parts of a chromosome's text form; of other genomes the text as a whole."""
    parts = text.split(" | ")
    return tuple(zip(SEGMENTS, parts, strict=True)) if len(parts) == len(SEGMENTS) else (("network", text),)


def _lines(run: Run, record: Record) -> Iterator[str]:
    yield f"{run.name}: ticket {record.ticket}, {_standing(run, record)}, key {record.key}"
    parts = segments(record.text)
    for name, text in parts:
        yield f"  {name:<8}{text}"
    yield _training(record)
    entries = network_entries(run, record)
    n, spread = len(entries["trainings"]), entries["spread"]
    if n > 1:
        yield f"mean ± standard deviation of {n} trainings, {_tickets(entries['trainings'])}:"
    width = max(map(len, record.metrics), default=0)
    for name, value in record.metrics.items():
        beside = f" ± {spread[name]:.2g}" if spread.get(name) else ""
        yield f"  {name:<{width}}  {value:,.6g}{beside}"
    if record.operators:
        yield f"made of {_tickets(record.parents)} by {', '.join(record.operators)}"
    if entries["donors"]:
        yield f"started from the weights of {_tickets(entries['donors'])}"
    pick = "--pick", str(record.ticket)
    yield f"mark it in the plot:      {command('plot', run.folder, *pick)}"
    if len(parts) > 1:
        founders = quote(f"space.founders={json.dumps([record.text], ensure_ascii=False)}")
        yield f"begin a search with it:   evocnn run EXPERIMENT.toml --set {founders}"
        yield f"test its learning rate:   {command('lr-range', run.folder, *pick)}"
        yield f"train it in full:         {command('train', run.folder, *pick)}"


def _standing(run: Run, record: Record) -> str:
    if run.front.knee is not None and record.ticket == run.front.knee.ticket:
        return "the knee of the front"
    on_front = any(record.ticket == member.ticket for member in run.front.members)
    return "on the front" if on_front else "not on the front"


def _training(record: Record) -> str:
    """Say how far it was trained, and what became of it."""
    epochs = f"{record.epochs} epochs on {record.n_images:,} images"
    far = (
        f"trained in full, {epochs}" if record.is_full else f"stopped at {100 * record.share:g} % of {epochs}"
    )
    if record.evaluation.status is Status.OK:
        return far
    return f"{record.evaluation.status}: {record.evaluation.reason or 'no reason was recorded'}; {epochs}"


def _tickets(tickets: tuple[int, ...] | list[int]) -> str:
    return f"ticket{'s' if len(tickets) > 1 else ''} {', '.join(map(str, tickets))}"

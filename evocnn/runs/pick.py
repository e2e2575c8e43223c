"""One network of a run, by what one wants of it; and a run under other floors, ceilings or weights."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isfinite, nan
from operator import ge, gt, le, lt
from shlex import quote
from typing import NamedTuple

from evocnn.config.toml import set_value
from evocnn.errors import ExperimentError, did_you_mean
from evocnn.runs.folder import Run
from evocnn.store import Record, selectable

WORDS = ("knee", "best-accuracy", "smallest")
CHANGEABLE = ("weight", "floor", "ceiling", "reference")  # of an objective, without training anything
_RELATIONS = {"<": lt, "<=": le, ">": gt, ">=": ge}
_CONDITION = re.compile(r"\s*([^<>=\s]+)\s*(<=|>=|<|>)\s*([^<>=\s]+)\s*")


class _Condition(NamedTuple):
    """A bound on a metric."""

    metric: str
    relation: str
    bound: float

    def miss(self, record: Record) -> float:
        """Return by what share of the bound a record misses it; 0 where it keeps it."""
        value = record.metrics[self.metric]
        is_kept = _RELATIONS[self.relation](value, self.bound)
        return 0.0 if is_kept else max(abs(value - self.bound) / (abs(self.bound) or 1.0), 1e-12)


def pick(run: Run, text: str) -> Record:
    """Return one network of a run; of one that was trained more than once, with the means as its metrics.

    Args:
        run: The run.
        text: `knee`, `best-accuracy` or `smallest` (of the front); conditions such as
            `parameters<50000, flops<=2e6` (the best in the first objective of all that were trained in
            full and keep floors and ceilings); a ticket; or the start of a key. A number is a ticket alone.

    Raises:
        ExperimentError: The text is none of these, or no network is so.
    """
    text = text.strip()
    if text in WORDS:
        return _by_word(run, text)
    if any(sign in text for sign in "<>="):
        return _by_conditions(run, [_condition(part) for part in text.split(",")])
    found = _by_ticket_or_key(run, text)
    if found is None:
        listing = f"; evocnn show {quote(str(run.folder))} lists the front"
        if text.isdecimal():
            raise ExperimentError(f"a picked number must be a ticket of the run, but it was {text}{listing}")
        message = (
            f"a pick must be {', '.join(WORDS)}, conditions such as 'parameters<50000', a ticket or the "
            f"start of a key of the run, but it was '{text}'{did_you_mean(text, WORDS) or listing}"
        )
        raise ExperimentError(message)
    return found


def check_pick(text: str, metrics: Sequence[str]) -> None:
    """Raise where a text can pick nothing of a run that is still to come, whose tickets nobody knows.

    Args:
        text: A word, or conditions; see `pick`.
        metrics: What will be measured.

    Raises:
        ExperimentError: It is neither, or a condition's metric is another.
    """
    if text.strip() in WORDS:
        return
    if not any(sign in text for sign in "<>="):
        hint = did_you_mean(text, WORDS) or "; choose one"
        message = (
            f"a pick must be {', '.join(WORDS)} or conditions such as 'parameters<50000', but it was "
            f"'{text}'{hint}"
        )
        raise ExperimentError(message)
    _check_names((_condition(part).metric for part in text.split(",")), metrics)


def reranked(run: Run, settings: Sequence[str]) -> Run:
    """Return a run with other floors, ceilings, weights or references; nothing is trained.

    Args:
        run: The run.
        settings: Changes such as `objectives.parameters.ceiling=50000`.

    Raises:
        ExperimentError: A change is none of the run's objectives, or is no number.
    """
    objectives = {objective["name"]: dict(objective) for objective in run.manifest["objectives"]}
    tables = {"objectives": objectives}
    for setting in settings:
        place = [part.strip() for part in setting.partition("=")[0].split(".")]
        if (
            len(place) != 3
            or place[0] != "objectives"
            or place[1] not in objectives
            or place[2] not in CHANGEABLE
        ):
            message = (
                f"--set of a run must be objectives.NAME.{'|'.join(CHANGEABLE)}=NUMBER with NAME among "
                f"{', '.join(objectives)}, but it was '{setting}'; {_way_out(run, place, objectives)}"
            )
            raise ExperimentError(message)
        set_value(tables, setting)
        value = objectives[place[1]][place[2]]
        is_number = type(value) in (int, float) and isfinite(value)
        if not is_number or (place[2] == "weight" and value == 0):
            message = (
                f"{'.'.join(place)} must be a number, of a weight not 0, but it was {value!r}; correct it"
            )
            raise ExperimentError(message)
    return replace(run, manifest={**run.manifest, "objectives": list(objectives.values())})


def ranked_anew(own: Run, found: Run) -> list[str]:
    """Return in lines how a run under other objectives differs from its own; none where it does not.

    Args:
        own: The run.
        found: What `reranked` made of it.
    """
    changes = [
        f"{before.name}.{name} {_bound(getattr(now, name))} in place of {_bound(getattr(before, name))}"
        for before, now in zip(own.objectives.items, found.objectives.items, strict=True)
        for name in CHANGEABLE
        if getattr(now, name) != getattr(before, name)
    ]
    if not changes:
        return []
    old, new = ([record.ticket for record in run.front.members] for run in (own, found))
    gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    moved = [
        f"{word} {', '.join(map(str, tickets))}"
        for word, tickets in (("without", gone), ("with", come))
        if tickets
    ]
    front = f"networks on the front: {len(new)}, on the run's own {len(old)}"
    knees = [None if run.front.knee is None else run.front.knee.ticket for run in (own, found)]
    knee = [f"the knee is {knees[1]}, was {knees[0]}"] if knees[0] != knees[1] and new else []
    return [
        f"ranked anew, not as the run was searched: {', '.join(changes)}",
        "; ".join([" ".join([front, *([f"(tickets: {', '.join(moved)})"] if moved else [])]), *knee]),
    ]


def _bound(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _way_out(run: Run, place: Sequence[str], objectives: Iterable[str]) -> str:
    """Return what can be done where a setting fits no objective of a run."""
    name = place[1] if len(place) == 3 and place[0] == "objectives" else ""
    if not name or name in objectives:
        return "correct it"
    typo = did_you_mean(name, objectives)
    if typo:
        return typo.removeprefix("; ")
    measured = {metric for record in run.records for metric in record.metrics}
    if name in measured:
        return (
            f"'{name}' was measured but was no objective, and none can be added afterwards: choose by it "
            f'with --pick "{name}<NUMBER", or change floors, ceilings and weights of those that there are'
        )
    return (
        f"'{name}' was never measured in this run, so it cannot be added afterwards: search anew with it "
        'among the objectives, or choose by what was measured, for example --pick "parameters<50000", or by '
        "floors, ceilings and weights"
    )


def _by_word(run: Run, word: str) -> Record:
    front = run.front
    if front.knee is None:
        message = f"a pick must be on the front, but that of '{run.folder}' was empty; evocnn show tells why"
        raise ExperimentError(message)
    if word == "knee":
        return front.knee
    metric, sign = ("validation_accuracy", -1) if word == "best-accuracy" else ("parameters", 1)
    _check_metrics([metric], front.members)
    return min(front.members, key=lambda record: (sign * record.metrics[metric], record.ticket))


def _condition(text: str) -> _Condition:
    match = _CONDITION.fullmatch(text)
    try:
        bound = float(match[3]) if match else nan
    except ValueError:
        bound = nan
    if match and isfinite(bound):
        return _Condition(match[1], match[2], bound)
    message = (
        f"a condition must be a metric, one of {' '.join(_RELATIONS)} and a number, but it was "
        f"'{text.strip()}'; write for instance parameters<50000"
    )
    raise ExperimentError(message)


def _by_conditions(run: Run, conditions: list[_Condition]) -> Record:
    """Return the best in the first objective that keeps all conditions; ties go to the further objectives."""
    networks = list(selectable(run.records, run.objectives))
    if not networks:
        message = (
            "a pick must be trained in full and keep floors and ceilings, but nothing in "
            f"'{run.folder}' was; evocnn show tells why"
        )
        raise ExperimentError(message)
    _check_metrics([condition.metric for condition in conditions], [record for record, _ in networks])
    kept = [
        (tuple(losses), record.ticket, record)
        for record, losses in networks
        if not any(condition.miss(record) for condition in conditions)
    ]
    if kept:
        return min(kept)[2]
    nearest = min((record for record, _ in networks), key=lambda r: sum(c.miss(r) for c in conditions))
    figures = ", ".join(f"{c.metric} {nearest.metrics[c.metric]:g}" for c in conditions)
    wanted = ", ".join(f"{c.metric}{c.relation}{c.bound:g}" for c in conditions)
    message = (
        f"a pick must match one of the {len(networks)} networks that were trained in full and keep floors "
        f"and ceilings, but none had {wanted}; the nearest is ticket {nearest.ticket}: {figures}"
    )
    raise ExperimentError(message)


def _check_metrics(names: Iterable[str], records: Sequence[Record]) -> None:
    """Raise where a metric was not measured.

    Raises:
        ExperimentError: It was not.
    """
    _check_names(
        names, [name for name in records[0].metrics if all(name in record.metrics for record in records)]
    )


def _check_names(names: Iterable[str], known: Sequence[str]) -> None:
    """Raise where a name is none of the metrics.

    Raises:
        ExperimentError: It is none.
    """
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or "; correct it"
            message = f"a pick must name a metric among {', '.join(known)}, but it named '{name}'{hint}"
            raise ExperimentError(message)


def _by_ticket_or_key(run: Run, text: str) -> Record | None:
    """Return the record of a ticket, or what became of the network whose key starts so; None if none is."""
    networks = {record.ticket: record for record, _ in selectable(run.records, run.objectives)}
    by_ticket = {record.ticket: record for record in run.records} | networks
    if text.isdecimal():
        return by_ticket.get(int(text))
    matching = [record for record in run.candidates if text and record.key.startswith(text)]
    keys = sorted({record.key for record in matching})
    if len(keys) > 1:
        message = (
            f"a key's start must fit one network, but '{text}' fits {', '.join(keys)}; give more letters"
        )
        raise ExperimentError(message)
    best = [networks[record.ticket] for record in matching if record.ticket in networks]
    return next(iter(best or matching), None)

"""One picture of a running search, in characters, for a terminal of 80 by 24 or larger."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from time import time

from rich.console import Group
from rich.text import Text

from evocnn.cli.character_plot import rise, scatter
from evocnn.cli.progress_lines import short_line
from evocnn.report.standing import Standing
from evocnn.report.wording import bounds, duration, label
from evocnn.store import Record, Running

WIDTH, HEIGHT = 80, 24  # the least that a picture needs; below it, one line
GAP = 2  # columns between the two halves
LEAST_TEXT = 20  # columns for which a network's text is worth its place
HEADING = "bold"
DIM = "dim"
ALARM = "red"


@dataclass(frozen=True)
class View:
    """What a picture shows.

    Attributes:
        title: What is searched, in a line.
        status: `running` or why it ended.
        standing: What was counted.
        seconds: Seconds of search, over all sessions.
        running: What is being trained.
        n_places: The most that was trained at a time, for which lines are kept.
        notes: What was said meanwhile, the newest last.
        hint: What can be done, in a line.
    """

    title: str
    status: str
    standing: Standing
    seconds: float
    running: tuple[Running, ...] = ()
    n_places: int = 0
    notes: Sequence[str] = field(default=())
    hint: str = ""


def frame(view: View, width: int, height: int) -> Group:
    """Return the picture for a terminal of so many columns and rows; in a small one, a line."""
    if width < WIDTH or height < HEIGHT:
        return Group(_line(short_line(view.standing, view.seconds), width))
    spare = height - HEIGHT
    head = _head(view, width)
    most = 3 + spare // 3
    workers = _workers(view.running, width, most)
    workers += [Text()] * (1 + min(most, view.n_places) - len(workers))  # or the picture would jump
    failures = _failures(view.standing, width, 2 + spare // 6)
    foot = [_line(note, width) for note in [*view.notes[-1 - spare // 8 :], view.hint] if note]
    n_rows = height - len(head) - len(workers) - len(failures) - len(foot) - 1
    middle = _middle(view.standing, width, n_rows)
    return Group(*head, *middle, Text(), *workers, *failures, *foot)


def _head(view: View, width: int) -> list[Text]:
    """Return title, progress, candidates and epochs, a line each."""
    standing, seconds = view.standing, view.seconds
    share, left, pace = standing.share(seconds), standing.seconds_left(seconds), standing.pace(seconds)
    total = f"/{standing.limit}" if standing.limit else ""
    parts = [f"{share:4.0%}", f"{round(standing.spent, 1):g}{total} {standing.unit}"]
    parts += [] if pace is None else [f"{pace:.3g} a minute"]
    parts += [] if left is None else [f"{duration(left)} left"]
    told = " · ".join(parts)
    n_columns = width - len(told) - 1
    n_done = round(share * n_columns)
    bar = Text("━" * n_done, "cyan").append("┄" * (n_columns - n_done), "bright_black")
    bar = Text().append_text(bar).append(f" {told}")
    counts = f"{standing.n_looked_at:,} looked at, {standing.n_full:,} in full"
    counts += f" · {standing.n_reused:,} seen before" + (
        f" · {standing.n_rejected:,} rejected" if standing.n_rejected else ""
    )
    epochs = f"{standing.n_epochs:,} epochs trained, {standing.n_epochs_saved:,} saved by stopping early"
    elapsed = f"{view.status}, {duration(seconds)}"
    title = Text().append_text(_line(view.title, width - len(elapsed) - 1, HEADING, pad=True))
    return [title.append(f" {elapsed}"), bar, _line(counts, width), _line(epochs, width)]


def _middle(standing: Standing, width: int, n_rows: int) -> list[Text]:
    """Return the front on the left, and on the right the best by size above the rise of the hypervolume.

    As long as nothing is on the front, on the right stands how far networks have come, and what it takes.
    """
    n_left = (width - GAP) * 3 // 5
    n_right = width - GAP - n_left
    right = (_found if standing.front.members else _awaited)(standing, n_right, n_rows)
    left = scatter(standing, n_left, n_rows)
    for one, other in zip(left, right, strict=True):
        one.pad_right(n_left + GAP - one.cell_len)
        one.append_text(other)
    return left


def _found(standing: Standing, width: int, n_rows: int) -> list[Text]:
    best = standing.best_by_size()
    lines = _best(_evenly(best, max(2, n_rows // 2 - 2)), len(best), width)
    volume = rise(standing.trace, standing.spent, standing.unit, width, n_rows - len(lines) - 1)
    return [*lines, Text(), *volume]


def _awaited(standing: Standing, width: int, n_rows: int) -> list[Text]:
    """Return how many networks have come how far, and what it takes to be on the front."""
    lines = [_line("nothing on the front yet", width, HEADING), Text("trained so far:", DIM)]
    most, room = max([1, *standing.reached.values()]), width - 17
    for share in sorted({*standing.reached, 1.0})[1 - n_rows // 2 :]:
        n, words = standing.reached[share], "in full" if share == 1 else f"{share:.0%} of it"
        bar = "█" * round(room * n / most)
        lines.append(Text(f"{words:>8} ").append(f"{bar:<{room}}", "cyan").append(f" {n:>6,}"))
    kept = [f", {label(one.name)} {bound}" for one in standing.objectives.items for bound in bounds(one)]
    wanted = f"On the front comes what is trained in full{''.join(kept)}."
    lines += [Text(), *(_line(line, width, DIM) for line in wrap(wanted, width))]
    return [*lines, *(Text() for _ in range(n_rows))][:n_rows]


def _best(shown: Sequence[Record], n_all: int, width: int) -> list[Text]:
    beside = "" if len(shown) == n_all else f" ({len(shown)} of {n_all})"
    lines = [_line(f"best by size{beside}", width, HEADING)]
    for record in shown:
        size, accuracy = record.metrics["parameters"], record.metrics["validation_accuracy"]
        told = f"{size:>11,.0f}  {accuracy:.4f}  #{record.ticket:<5}"
        text = record.text if width - len(told) >= LEAST_TEXT else ""
        lines.append(Text(told).append_text(_line(f" {text}", width - len(told))))
    return lines


def _workers(running: Sequence[Running], width: int, most: int) -> list[Text]:
    """Return what is being trained: for how long, to which epoch, where; the oldest first."""
    heading = Text().append("in training", HEADING)
    if not running:
        return [heading.append(": nothing")]
    machines = {one.worker.partition(" on ")[2] for one in running}
    ordered = sorted(running, key=lambda one: (one.since, one.ticket))
    n_shown = len(ordered) if len(ordered) <= most else most - 1
    names = [one.worker.partition(" on ")[0] if len(machines) == 1 else one.worker for one in ordered]
    n_name = min(28, max(map(len, names[:n_shown])))
    lines = [heading.append(f": {len(ordered)}")]
    for one, name in zip(ordered[:n_shown], names, strict=False):
        epochs = f"{one.start + 1}-{one.stop} of {one.epochs}"
        since = duration(max(0.0, time() - one.since))
        place = _line(name, n_name, pad=True)
        told = f"  {since:>7}  #{one.ticket:<5} epochs {epochs:<12} "
        lines.append(place.append(told).append_text(_line(one.text, width - n_name - len(told))))
    if n_shown < len(ordered):
        lines.append(Text(f"and {len(ordered) - n_shown} more", DIM))
    return lines


def _failures(standing: Standing, width: int, most: int) -> list[Text]:
    """Return the failures by kind, and the last ones with their reasons."""
    heading = Text().append("failures", HEADING)
    if not standing.n_failed:
        return [heading.append(": none")]
    kinds = ", ".join(f"{n} {status}" for status, n in standing.failures.most_common())
    lines = [heading.append(f": {kinds}", ALARM)]
    last = [(r.ticket, r.evaluation) for r in reversed(standing.last_failures)][:most]
    return lines + [_line(f"#{ticket} {one.status}: {one.reason}", width) for ticket, one in last]


def _line(text: str, width: int, style: str = "", *, pad: bool = False) -> Text:
    """Return a text as a line of at most so many columns, an ellipsis where it is longer."""
    line = Text("".join(c if c.isprintable() else " " for c in text), style, no_wrap=True)
    line.truncate(width, overflow="ellipsis", pad=pad)
    return line


def _evenly(records: Sequence[Record], n: int) -> Sequence[Record]:
    """Return at most n of the records, the first and the last among them."""
    if len(records) <= n:
        return records
    return [records[round(i * (len(records) - 1) / (n - 1))] for i in range(n)]

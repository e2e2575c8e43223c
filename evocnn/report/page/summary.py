"""What was asked and what was found, in sentences for people who have never seen a search."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scipy.stats import binomtest

from evocnn.evaluation import Objective, Status
from evocnn.report.front_axes import ACCURACY, SIZE
from evocnn.report.front_table import candidate_counts, n_full, nothing_bred, promising_but_stopped, why_empty
from evocnn.report.page.trained import Trained
from evocnn.report.wording import bounds, command, counted, duration, label, metric_text, percent
from evocnn.runs import Run
from evocnn.runs.folder import RUNNING
from evocnn.search import Ending
from evocnn.store import Record

CONFIDENCE = 0.95
ENDINGS = {  # what each means to somebody who did not start it
    RUNNING: "It is still running; this page shows how far it is.",
    Ending.INTERRUPTED: "It was interrupted before its budget was spent.",
    Ending.FINISHED: "It has spent its budget.",
    Ending.COMPLETE: "It has tried all that it set out to try.",
    Ending.EXHAUSTED: "It ended early, for it found nothing new to try.",
}


@dataclass(frozen=True)
class Summary:
    """What stands at the top of the page.

    Attributes:
        asked: What the search was to do, a sentence each.
        found: What came of it.
        recommended: Which network to take, and why; empty where there is none.
        commands: What to do next, with the command that does it.
    """

    asked: tuple[str, ...]
    found: tuple[str, ...]
    recommended: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]


def summary_of(run: Run, tested: Trained | None = None) -> Summary:
    """Return what was asked of a run, what it found, and how to go on.

    Args:
        run: The run.
        tested: The recommended network where it was trained in full and tested.
    """
    found = tuple(_recommended(run, tested))
    return Summary(tuple(_asked(run)), tuple(_found(run)), found, tuple(_commands(run, tested)))


def _asked(run: Run) -> Iterator[str]:
    data = run.manifest.get("data")
    if data is None:
        yield f"evocnn was asked to search the problem '{run.name}'."
    else:
        classes = counted(len(data["class_names"]), "class", "classes")
        yield (
            f"evocnn was asked for convolutional networks that tell {classes} of {_image_text(data)} apart."
        )
        if "n_training" in data:
            yield (
                f"Candidates learned from {data['n_training']:,} images of {data['name']} and were judged by "
                f"{data['n_validation']:,} others, the validation images, which none of them learned from."
            )
    yield f"Wanted, all at once: {'; '.join(_wanted(o) for o in run.objectives.items)}."
    budget = run.manifest["experiment"].get("search", {}).get("budget")
    if budget is not None:
        unit = " full trainings" if str(budget).isdecimal() else ""
        yield f"The budget was {budget}{unit}. {ENDINGS[run.status]}"
    else:
        yield ENDINGS[run.status]


def _wanted(objective: Objective) -> str:
    """Return one objective with its bounds."""
    wish = "as high as possible" if objective.weight > 0 else "as low as possible"
    return f"{label(objective.name)} {wish}{''.join(f', {bound}' for bound in bounds(objective))}"


def _found(run: Run) -> Iterator[str]:
    counts = candidate_counts(run)
    if not counts:
        yield "Nothing has been evaluated yet."
        return
    n_rejected = counts.get(Status.REJECTED, 0)
    n_failed = sum(counts.values()) - counts.get(Status.OK, 0) - n_rejected
    spent = duration(max(record.elapsed for record in run.records))
    yield (
        f"In {spent} it looked at {counted(len(run.candidates) - n_rejected, 'network')}, "
        f"trained {n_full(run):,} of them in full and spent {counted(run.n_epochs, 'epoch')}, passes over "
        "the training images."
    )
    if n_failed:
        yield f"{counted(n_failed, 'network')} failed; the reasons are below."
    members = run.front.members
    if len(members) == 1:
        yield (
            "1 network makes up the front: the search found no other that is better in any of what was "
            "wanted."
        )
    elif members:
        yield (
            f"{len(members):,} networks make up the front: for none of them did the search find another one "
            "that is at least as good in everything that was wanted and better in something. Who takes one "
            "of them gives up a little of one thing for more of another."
        )
    else:
        yield f"There is no network to recommend, for {why_empty(run)}."
    remarks = [*nothing_bred(run), *promising_but_stopped(run)]
    yield from (f"{sentence[0].upper()}{sentence[1:]}." for sentence in remarks)


def _recommended(run: Run, tested: Trained | None) -> Iterator[str]:
    knee = run.front.knee
    if knee is None:
        return
    figures = ", ".join(
        f"{label(o.name)} {metric_text(o.name, o.raw(knee.metrics))}" for o in run.objectives.items
    )
    if len(run.front.members) == 1:
        yield f"Network {knee.ticket} is recommended, the only one on the front: {figures}."
    else:
        yield (
            f"Network {knee.ticket} is recommended: {figures}. It is the knee of the front, the network "
            "nearest to the best of everything at once, where giving up more of one thing begins to gain "
            "little of the others."
        )
    yield from _neighbours(run, knee)
    n_validation = run.manifest.get("data", {}).get("n_validation")
    if tested is not None and tested.accuracy is not None:
        yield (
            f"Trained in full, it tells {percent(tested.accuracy)} of {tested.n_images:,} test images right, "
            f"a 95 % interval of {' to '.join(map(percent, tested.interval))}. "
            + (
                f"But {tested.n_shared:,} of these are training images, too, pixel for pixel: of new images "
                "of this sort it may tell fewer right."
                if tested.n_shared
                else "The search never saw these: this is what to expect of new images of this sort."
            )
        )
    elif ACCURACY in knee.metrics and n_validation:
        accuracy = knee.metrics[ACCURACY]
        n_right = round(accuracy * n_validation)
        sure = binomtest(n_right, n_validation).proportion_ci(CONFIDENCE, method="wilson")
        yield (
            f"Mind how sure this is: with {n_validation:,} validation images, an accuracy of "
            f"{percent(accuracy)} may be anything from {100 * sure.low:.1f} to {percent(sure.high)} (a 95 % "
            "interval), and that of the best of many is flattering. Only a test on images that the search "
            "never saw tells how good the network is; the first command below does it."
        )


def _neighbours(run: Run, knee: Record) -> Iterator[str]:
    """Yield what the most accurate larger member gains, and what the most accurate smaller one loses."""
    members = run.front.members
    if not all(name in member.metrics for name in (ACCURACY, SIZE) for member in members):
        return
    size, accuracy = knee.metrics[SIZE], knee.metrics[ACCURACY]
    larger = [m for m in members if m.metrics[SIZE] > size and m.metrics[ACCURACY] > accuracy]
    smaller = [m for m in members if m.metrics[SIZE] < size]
    if larger:
        best = max(larger, key=lambda member: member.metrics[ACCURACY])
        gain, factor = 100 * (best.metrics[ACCURACY] - accuracy), best.metrics[SIZE] / size
        yield (
            f"The most accurate network of the front, {best.ticket}, gains {gain:.1f} points of accuracy "
            f"for {factor:.1f} times the parameters ({best.metrics[SIZE]:,.0f})."
        )
    else:
        yield "No larger network of the front is more accurate."
    if smaller:
        best = max(smaller, key=lambda member: member.metrics[ACCURACY])
        loss, saved = 100 * (accuracy - best.metrics[ACCURACY]), 1 - best.metrics[SIZE] / size
        change = f"loses {loss:.1f}" if loss >= 0 else f"even gains {-loss:.1f}"
        yield (
            f"The best of the smaller ones, {best.ticket}, saves {percent(saved)} of the parameters "
            f"({best.metrics[SIZE]:,.0f} remain) and {change} points of accuracy."
        )


def _commands(run: Run, tested: Trained | None) -> Iterator[tuple[str, str]]:
    knee = run.front.knee
    if knee is not None and "data" in run.manifest:
        pick = ("--pick", str(knee.ticket))
        if tested is None:
            yield (
                "Train the recommended network in full and test it once",
                command("train", run.folder, *pick),
            )
        else:
            model = command("export", run.folder / tested.name)
            yield "Write the tested network as a file for other programs", model
        yield "See it in the terminal", command("show", run.folder, *pick)
    if "data" in run.manifest and run.status != RUNNING:
        if run.status == Ending.INTERRUPTED:
            yield "Let the search go on", command("resume", run.folder)
        else:
            yield "Let the search go on with a larger budget", command("resume", run.folder, "--budget", "N")


def _image_text(data: dict[str, Any]) -> str:
    """Return what the images of a run are, `8×8 grey images`."""
    channels, height, width = data["shape"]
    colour = {1: "grey ", 3: "colour "}.get(channels, "")
    return f"{height}×{width} {colour}images"

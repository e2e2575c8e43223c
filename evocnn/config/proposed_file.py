"""A proposed experiment as a file: every key with the reason for its value."""

import json
import textwrap
from collections.abc import Sequence
from math import ceil, sqrt
from typing import Any, NamedTuple

from evocnn.config.proposal import WINDOW, Machine, Plan, Seen, accuracy_floor
from evocnn.training.data.framing import shown_size

WIDTH = 100  # characters of a line
UNEQUAL = 1.5  # the largest class over the smallest, from which a file speaks of it


class Entry(NamedTuple):
    """One key of an experiment file.

    Attributes:
        place: Its table and its name: `data.size`; without a point it stands at the top.
        value: Its value.
        why: Why it is that, in a sentence or two.
    """

    place: str
    value: Any
    why: str


def proposed_text(seen: Seen, machine: Machine, plan: Plan, file_name: str) -> str:
    """Return the text of an experiment file.

    Args:
        seen: The images.
        machine: Where the search will run.
        plan: What is proposed.
        file_name: What the file will be called.
    """
    head = (
        f"Proposed by `evocnn init` for {seen.n_images:,} training images of {len(seen.class_names)} classes "
        f"and {machine.what}: a search of about {in_words(plan.search_seconds)}. Change what you like; a "
        "mistake is shown with its line."
    )
    lines = [*_comment(head), f"#   evocnn space {file_name}", f"#   evocnn run {file_name}"]
    table = ""
    for entry in [*_data(seen, plan), *_space(seen, plan), *_objectives(seen, plan), *_course(machine, plan)]:
        own, _, key = entry.place.rpartition(".")
        if own != table:
            lines += ["", f"[{own}]"]
            table = own
        lines += [*_comment(entry.why), f"{key} = {toml_value(entry.value)}"]
    return "\n".join([*lines, ""])


def toml_value(value: Any) -> str:
    """Return a text, a number or a list of them as TOML has it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    return f"{value:_}" if isinstance(value, int) else repr(value)


def in_words(seconds: float) -> str:
    """Return a time in words, as far as a prediction can know it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _data(seen: Seen, plan: Plan) -> list[Entry]:
    survey = seen.survey
    entries = [
        Entry("name", seen.name, "Names the run folder, runs/NAME."),
        Entry("seed", 1, "Everything that is drawn follows from it: the same file gives the same run."),
        Entry("data.source", seen.source, "Where the images come from."),
    ]
    if seen.path is not None:
        entries.append(Entry("data.path", seen.path, "Where they lie, seen from this file's folder."))
    if survey.n_sizes > 1 or plan.size != survey.least:
        stored = (
            f"The images have {survey.n_sizes:,} sizes, from {shown_size(*survey.least)} to "
            f"{shown_size(*survey.greatest)}"
            if survey.n_sizes > 1
            else f"The images are {shown_size(*survey.least)}"
        )
        why = f"{stored}. At this height and width networks train fast enough here; smaller is faster."
        square = plan.size[0] == plan.size[1]
        entries.append(Entry("data.size", plan.size[0] if square else list(plan.size), why))
    colours = "All are stored in grey" if seen.channels == 1 else "They have colours"
    entries.append(Entry("data.channels", "grey" if seen.channels == 1 else "rgb", f"{colours}."))
    if plan.n_images < seen.n_images:
        why = f"Of {seen.n_images:,}, to train and to validate, so that more networks are tried in the time."
        entries.append(Entry("data.images", plan.n_images, why))
    error = sqrt(0.9 * 0.1 / plan.n_validation)
    why = (
        f"Share of the training images that networks are compared on: {plan.n_validation:,}, on which an "
        f"accuracy of 0.9 has a standard error of {error:.3f}. Test images are not among them."
    )
    return [*entries, Entry("data.validation", plan.validation, why)]


def _space(seen: Seen, plan: Plan) -> list[Entry]:
    space, size = plan.space, shown_size(*plan.size)
    limits, recipe = space["limits"], space["recipe"]
    reasons = {
        "flip": "Probability of a mirror image; 0 trains without, and the search finds out which is better. "
        "Leave 0.5 out where left and right differ in meaning, as in text.",
        "rotate": "Degrees that a photograph may be tilted by.",
        "brightness": "How much light may differ, in standard deviations of the pixels.",
        "shift": "Share of the side by which a thing may be off the centre.",
    }
    n_training, smallest = plan.n_images - plan.n_validation, recipe["batch_size"][0]
    n_classes, n_steps = len(seen.class_names), -(-n_training // smallest)
    reasons |= {
        "preset": "Every kind of layer that pays in small networks; `evocnn space` shows it.",
        "founder_depth": f"Layers of the networks that the search begins with, for images of {size}.",
        "parameters": f"Largest network: enough for {n_classes} classes at this size, and too small to learn "
        "many images by heart.",
        "flops": "Most floating-point operations for one image, which grow with its size. It bounds how long "
        "a training takes.",
        "depth": "Most layers.",
        "batch_size": f"Images in a step: with {n_training:,} to train on, an epoch has {n_steps:,} steps, "
        "or half as many.",
    }
    return [
        *(Entry(f"space.{name}", space[name], reasons[name]) for name in ("preset", "founder_depth")),
        *(Entry(f"space.limits.{name}", value, reasons[name]) for name, value in limits.items()),
        *(Entry(f"space.recipe.{name}", value, reasons[name]) for name, value in recipe.items()),
    ]


def _objectives(seen: Seen, plan: Plan) -> list[Entry]:
    counts = seen.counts
    largest, smallest = (toml_value(seen.class_names[counts.index(n)]) for n in (max(counts), min(counts)))
    always = (
        f"Always saying {largest}, the largest class, is right in {seen.majority_share:.1%}: what is not "
        "clearly better cannot be on the front."
    )
    if max(counts) > UNEQUAL * min(counts):
        always += (
            f" The classes are unequal, {max(counts):,} images against {min(counts):,} of {smallest}: look "
            "at the accuracy of each class, which `evocnn train` shows."
        )
    floor = accuracy_floor(seen.majority_share, plan.n_validation)
    gap = "Training minus validation accuracy: the less is learned by heart, the better."
    return [
        Entry("objectives.validation_accuracy.weight", 1, "Above 0: the more the better."),
        Entry("objectives.validation_accuracy.floor", floor, always),
        Entry("objectives.parameters.weight", -1, "Below 0: the fewer the better."),
        Entry("objectives.generalization_gap.weight", -1, gap),
    ]


def _course(machine: Machine, plan: Plan) -> list[Entry]:
    n_training = plan.n_images - plan.n_validation
    timeout = 60 * max(1, ceil(20 * plan.seconds / 60))
    epochs = (
        f"Passes over {n_training:,} images: each training sees {plan.epochs * n_training:,}. Most networks "
        "are given up after a tenth of that."
    )
    patience = (
        f"Seconds after which a network is given up; one takes {in_words(plan.seconds)} on average, as this "
        "machine's cost model predicts."
    )
    window = (
        f"Virtual workers: four times the {machine.n_workers} networks that train at a time. With more "
        "machines, raise it."
    )
    budget = (
        f"As much training as {plan.budget} networks in full: about {in_words(plan.search_seconds)} on "
        f"{machine.what}, with nothing else running. Twice as much takes twice as long; a run that has ended "
        f"goes on with `evocnn resume RUN --budget {2 * plan.budget}`."
    )
    kept = "Networks that are kept to breed from: a fifth of the budget, within 8 and 24."
    return [
        Entry("training.epochs", plan.epochs, epochs),
        Entry("training.timeout", timeout, patience),
        Entry("search.population", plan.population, kept),
        Entry("search.window", WINDOW * machine.n_workers, window),
        Entry("search.budget", plan.budget, budget),
    ]


def _comment(text: str) -> Sequence[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2, break_on_hyphens=False)]

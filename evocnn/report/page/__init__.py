"""A run as one page of HTML that needs nothing else: no network, no files, and no script to be read.

Facts are gathered as plain values, a file a topic, and put into `template/` with everything escaped. What
moves is a script of our own. Libraries that a Python package could bring were tried: the bundle of
vl-convert (Vega) takes 84 MB installed, nine seconds a page and 0.9 MB in it; Bokeh takes 1.3 MB; neither
lets a keyboard walk along the front, nor follows the reader's colour scheme, and both build code from text.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evocnn.report.architecture_plot import drawing_figure
from evocnn.report.front_plot import front_figure
from evocnn.report.history.genealogy_plot import family_figure
from evocnn.report.page.against import against as held_against
from evocnn.report.page.cloud import cloud_of
from evocnn.report.page.glossary import glossary_of
from evocnn.report.page.layer_picture import layer_picture
from evocnn.report.page.member import Member, member_of
from evocnn.report.page.repeating import repeating_of
from evocnn.report.page.search import topics_of
from evocnn.report.page.summary import summary_of
from evocnn.report.page.trained import trained_models
from evocnn.report.picture import svg_text
from evocnn.report.wording import label, metric_text
from evocnn.runs import Run
from evocnn.store import Record

TEMPLATE = Path(__file__).parent / "template"
MOST_MEMBERS = 100  # of a front that are shown in full


def page(run: Run, against: Sequence[Path] = (), script: str = "") -> str:
    """Return a run as a self-contained page; nothing is imported that the run names, but for comparisons.

    Args:
        run: The run.
        against: Folders of control runs to compare it with.
        script: More JavaScript, such as what keeps a live page up to date. After it has replaced `<main>`
            by that of a newer page it calls `evocnn.start()`, which keeps axes, filters and choice.

    Raises:
        ExperimentError: The run cannot be compared with the others.
        JournalError: A folder of these holds no readable run.
    """
    trained = trained_models(run)
    tests = {model.ticket: model for model in trained if model.accuracy is not None}
    knee = run.front.knee
    shown = _shown(run)
    members = [member_of(run, record, trained) for record in shown]
    recommended = next((member for member in members if member.is_knee), None)
    scripts = [_read("front.js"), *([script] if script else [])]
    return (
        _environment()
        .get_template("page.html")
        .render(
            run=run,
            glossary=glossary_of(run),
            summary=summary_of(run, None if knee is None else tests.get(knee.ticket)),
            front_picture=svg_text(front_figure(run), f"The front of {run.name} over all candidates"),
            cloud=cloud_of(run, trained),
            objectives=[objective.name for objective in run.objectives.items],
            members=sorted(members, key=lambda member: not member.is_knee),
            rows=run.front.members,
            shown={member.ticket for member in members},
            repeats=run.front.repeats,
            tests=tests,
            knee=knee,
            family_picture=_family_picture(recommended),
            architecture_picture=_architecture_picture(recommended),
            topics=list(topics_of(run)) if run.records else [],
            against=held_against(run, against) if against else None,
            repeating=repeating_of(run),
            style=_read("style.css"),
            scripts=scripts,
            hashes=[_hash(one) for one in scripts],
        )
    )


def _shown(run: Run) -> list[Record]:
    """Return the members of the front to be shown in full: all, or the knee, the ends and some between."""
    members = run.front.members
    if len(members) <= MOST_MEMBERS:
        return list(members)
    chosen = {round(index * (len(members) - 1) / (MOST_MEMBERS - 1)) for index in range(MOST_MEMBERS)}
    return [member for index, member in enumerate(members) if index in chosen or member is run.front.knee]


def _architecture_picture(member: Member | None) -> str:
    if member is None or member.layers is None:
        return ""
    return svg_text(drawing_figure(member.layers), f"Network {member.ticket}, a box a layer")


def _family_picture(member: Member | None) -> str:
    if member is None or len(member.family.members) < 2:
        return ""
    return svg_text(family_figure(member.family), f"Ancestors of network {member.ticket}")


def _read(name: str) -> str:
    return (TEMPLATE / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Return what a content security policy calls a script, so that a browser runs this one and no other."""
    return "sha256-" + b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    """Return the templates; everything that is put into them is escaped, pictures of our own aside."""
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(TEMPLATE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    environment.filters |= {"label": label, "figure": lambda value, name: metric_text(name, value)}
    environment.globals["layer_picture"] = layer_picture
    return environment

"""Every measured figure in README.md, docs/ and the studies' pages names its source, and equals it.

A mark stands right behind a figure: `0.889<!-- experiments/digits full best_validation_accuracy -->` is held
against `figures.json` of that folder, `1.16<!-- benchmarks/replicates/results.md -->` must stand in that
file, and `0.05<!-- stated -->` is a setting or somebody else's figure. A block of output is held against what
the page's commands print in experiments/pages.
"""

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

from evocnn.report.figures import FULL, Figure, Outcome, read_outcomes, write_outcome

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("experiments/*/README.md")])
NUMBER = r"[-+]?(?:\d[\d,]*)?\.?\d+"
MARKED = re.compile(
    rf"(?P<number>{NUMBER})(?: (?P<unit>%|[a-zµ]+))?\**"
    r"<!-- (?P<folder>(?:experiments|benchmarks)/[\w-]+)(?:/results\.md| (?P<form>\w+) (?P<name>[\w.-]+)) -->"
)
BLOCK = re.compile(r"^(?: *)```.*?^(?: *)```|^    .*?$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)  # indent, language, lines
MARK = re.compile(r"<!-- (?:stated|(?:experiments|benchmarks)/[^>]*) -->")
# What looks measured: three decimals or more, whole numbers of four digits that are not round, a spread, a
# share, a time, a size of a file, a ratio.
MEASURED = re.compile(
    r"(?<![\w.,-])(?:-?\d{0,3}\.\d{3,}(?!\d)|\d{1,3}(?:,\d{3})*,\d(?!00)\d\d(?![\d,])|± ?[\d.]+"
    r"|\d[\d.,]*(?: (?:ms|µs|s|min|h|seconds|minutes|hours|kB|MB|GB|times|points)\b| ?%|-fold\b))"
    r"(?!\w)\**+(?! ?[%\w]*<!-- (?:stated|experiments/|benchmarks/))"
)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
SCALES = {"%": 0.01, "points": 0.01, "ms": 1e-3, "s": 1.0, "seconds": 1.0, "minutes": 60.0, "hours": 3600.0}


def mistakes_in(text: str, root: Path = ROOT) -> list[str]:
    """Return what is wrong with the figures of a page."""
    plain = BLOCK.sub("", text)
    outputs = [lines for _, language, lines in FENCED.findall(text) if not language]
    shown = {number for lines in outputs for number in re.findall(NUMBER, lines)}
    found = [
        f"'{one[0].strip()}' names no source"
        for one in MEASURED.finditer(plain)
        if not shown.intersection(re.findall(NUMBER, one[0]))  # an output above or below holds it
    ]
    found += [f"{one} is no source" for one in COMMENT.findall(plain) if not MARK.fullmatch(one)]
    n_sources = len([one for one in MARK.findall(plain) if "stated" not in one])
    marks = list(MARKED.finditer(plain))
    if n_sources != len(marks):
        found.append(f"{n_sources - len(marks)} marks stand behind no number, or are misspelt")
    return found + [mistake for one in marks if (mistake := mistake_of(one, root))]


def mistake_of(mark: re.Match[str], root: Path) -> str | None:
    """Return why a marked figure is not what its source says."""
    folder, written = root / mark["folder"], mark["number"]
    if mark["form"] is None:
        numbers = re.findall(NUMBER, (folder / "results.md").read_text(encoding="utf-8"))
        return None if written in numbers else f"{written} is not in {mark['folder']}/results.md"
    outcome = read_outcomes(folder).get(mark["form"])
    if outcome is None:
        return f"{mark['folder']} has no figures of its {mark['form']} form"
    figures = {"seconds": Figure(outcome.seconds, unit="s"), **outcome.figures}
    if mark["name"] not in figures:
        return f"{mark['folder']} has no figure {mark['name']}"
    figure = figures[mark["name"]]
    scale = SCALES.get(mark["unit"] or "", 1.0) / SCALES.get(figure.unit, 1.0)
    if mark["unit"] not in SCALES:
        scale = 1.0
    decimals = len(written.partition(".")[2])
    distance = abs(float(written.replace(",", "")) * scale - figure.value)
    is_rounded = distance <= 0.500001 * 10**-decimals * scale
    return None if is_rounded else f"{mark[0]} should be {figure.value:.6g} {figure.unit}".strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_figure_of_a_page_equals_its_source(page: Path) -> None:
    assert mistakes_in(page.read_text(encoding="utf-8")) == []


FIGURES = {
    "share": Figure(0.8893),
    "size": Figure(12_746),
    "time": Figure(793.4, None, "s"),
    "ask": Figure(0.652, 1, "ms"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "experiments" / "one"
    write_outcome(folder, "full", Outcome(FIGURES, "", 61.0, {}))
    (folder / "results.md").write_text("| 1.16 | 3,000 |")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "0.889<!-- experiments/one full share --> and 88.9 %<!-- experiments/one full share -->",
        "**12,746**<!-- experiments/one full size --> and 13 minutes<!-- experiments/one full time -->",
        "0.7 ms<!-- experiments/one full ask -->, 1 minutes<!-- experiments/one full seconds -->",
        "1.16<!-- experiments/one/results.md --> of 3,000<!-- experiments/one/results.md -->",
        "0.0005<!-- stated --> at 12 s<!-- stated -->, `lr=.284`, 60,000 images, 1e-5 times, v0.11.1",
        "```\n0.123\n```\n\n    0.123\n\nThat 0.123 was printed above.\n",
    ],
)
def test_a_figure_that_is_its_source_rounded_is_right(text: str, root: Path) -> None:
    assert mistakes_in(text, root) == []


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("0.888<!-- experiments/one full share -->", "should be 0.8893"),
        ("88.8 %<!-- experiments/one full share -->", "should be 0.8893"),
        ("12 minutes<!-- experiments/one full time -->", "should be 793.4 s"),
        ("1.2<!-- experiments/one/results.md -->", "1.2 is not in experiments/one/results.md"),
        ("0.889<!-- experiments/one quick share -->", "no figures of its quick form"),
        ("0.889<!-- experiments/one full other -->", "no figure other"),
        ("many<!-- experiments/one full share -->", "1 marks stand behind no number"),
        ("reaches 0.889 in the end", "'0.889' names no source"),
        ("| 0.9 ± 0.1 | 13 minutes |", "'13 minutes' names no source"),
        ("2.4 times", "'2.4 times' names no source"),
        ("a change of -0.0123", "'-0.0123' names no source"),
        ("99 % of them, 1.2 points more", "'99 %' names no source"),
        ("0.889<!-- todo -->", "<!-- todo --> is no source"),
        ("20,131 parameters", "'20,131' names no source"),
        ("`--workers 2`, for 2 hours", "'2 hours' names no source"),
        ("```sh\nevocnn run --budget 25\n```\n\ntakes 25 s", "'25 s' names no source"),
    ],
)
def test_a_figure_that_differs_or_names_no_source_is_found(text: str, mistake: str, root: Path) -> None:
    assert mistake in " ".join(mistakes_in(text, root))


@pytest.mark.parametrize("folder", sorted(ROOT.glob("experiments/*")), ids=lambda folder: folder.name)
def test_what_a_study_found_is_of_a_commit_of_an_installed_evocnn(folder: Path) -> None:
    for outcome in read_outcomes(folder).values():  # bits are compared where versions are known and equal
        assert "+" not in str(outcome.environment["commit"])
        assert outcome.environment["evocnn"] != "not installed"


@pytest.mark.parametrize("folder", sorted(ROOT.glob("experiments/*")), ids=lambda folder: folder.name)
def test_the_page_of_a_study_says_how_to_repeat_it_and_is_honest_about_what_was_run(folder: Path) -> None:
    page = " ".join((folder / "README.md").read_text(encoding="utf-8").split())
    assert f"evocnn reproduce experiments/{folder.name}" in page
    assert re.search(r"count(s|ing)? as the same", page)
    assert re.search(r"\b(minutes?|hours?)\b", page)
    assert f"({'../experiments/' + folder.name}/README.md)" in (ROOT / "docs" / "reproducing.md").read_text()
    has_run = FULL in read_outcomes(folder)
    assert has_run != bool(re.search(r"full form has (not|never) been run", page))


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(STUDY))
    return importlib.import_module("blocks")


STUDY = ROOT / "experiments" / "pages"  # runs the pages' commands, and keeps what they print
OUTPUT = """\
        validation
ticket    accuracy  network
   308      0.9972  conv16k3 · pool | flatten |
                    adamw lr=.0185
"""


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))], ids=lambda page: page.stem
)
def test_every_output_that_a_page_shows_was_printed(page: Path, blocks: ModuleType) -> None:
    name = "-".join(page.relative_to(ROOT).with_suffix("").parts).removeprefix("docs-")
    kept = STUDY / f"{name}.txt"
    printed = kept.read_text(encoding="utf-8") if kept.exists() else ""
    outputs = blocks.outputs_in(page.read_text(encoding="utf-8"))
    assert [one for one in outputs if not blocks.is_printed(one, printed)] == []


@pytest.mark.parametrize(
    "shown",
    [
        OUTPUT,
        "308 0.9972 conv16k3 ·\npool | flatten | adamw lr=.0185\n",
        "...\n0.9972 conv16k3\n  ...\nlr=.0185\n",
        "validation\n…\n308 0.9972\n…\n",
    ],
)
def test_an_output_may_be_wrapped_otherwise_and_leave_lines_out(shown: str, blocks: ModuleType) -> None:
    assert blocks.is_printed(shown, f"$ evocnn show runs/demo\n{OUTPUT}see it again\n")


@pytest.mark.parametrize(
    "shown",
    [
        OUTPUT.replace("0.9972", "0.9971"),
        OUTPUT.replace("0.9972", "0.997"),
        OUTPUT.replace("308", "08"),
        "308 conv16k3\n",
        "lr=.0185\n...\n0.9972\n",
    ],
)
def test_an_output_that_was_not_printed_is_found(shown: str, blocks: ModuleType) -> None:
    assert not blocks.is_printed(shown, f"$ evocnn show runs/demo\n{OUTPUT}see it again\n")


def test_outputs_are_blocks_without_a_language_that_hold_a_number(blocks: ModuleType) -> None:
    page = (
        "```sh\nrun 1\n```\n\n```\n0.1\n```\n\n    0.2\n\n<!-- stated -->\n```\n0.3\n```\n\n```\nfew\n```\n"
    )
    assert blocks.outputs_in(page) == ["0.1\n", "    0.2\n"]
    assert blocks.commands_in(page) == ["run 1\n"]

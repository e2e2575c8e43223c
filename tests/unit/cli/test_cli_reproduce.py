"""Repeating a study: what is compared, what is said, and how it ends."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evocnn.cli import study
from evocnn.cli.search_study import search_study
from evocnn.cli.study import Asked, perform
from evocnn.config import load_experiment
from evocnn.report.figures import Figure, Outcome, read_outcomes, write_outcome
from evocnn.runs import Workers, open_run
from evocnn.store import environment

# A study without evocnn, which takes long to import.
SCRIPT = """\
import json, os, sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
os.makedirs(options["--out"], exist_ok=True)
{action}
figures = dict(accuracy=dict(value={value}, tolerance=0.01))
outcome = dict(figures=figures, command="", seconds=1, environment=dict(commit="b"))
json.dump(dict(full=outcome), open(os.path.join(options["--out"], "figures.json"), "w"))
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that makes the folder of a study, and work in another one."""
    monkeypatch.chdir(tmp_path)

    def make(value: float, expected: float | None, action: str = "") -> Path:
        folder = tmp_path / "experiments" / "one"
        folder.mkdir(parents=True)
        (folder / "run.py").write_text(SCRIPT.format(value=value, action=action))
        if expected is not None:
            figures = {"accuracy": Figure(expected, 0.01)}
            write_outcome(folder, "full", Outcome(figures, "", 1, {"commit": "a"}))
        return folder

    return make


def test_a_study_that_repeats_says_so_and_is_not_run_twice(
    evocnn: Any, made: Callable[..., Path], tmp_path: Path
) -> None:
    folder = made(0.905, 0.9, 'open("ran", "a").write("x")')
    said = evocnn("reproduce", folder)
    assert (said.code, "repeated: all 1 figures" in said.out) == (0, True), said
    assert "of commit a, these of b" in said.out
    again = evocnn("reproduce", folder)
    assert (again.code, "run before, on commit b" in again.out) == (0, True)
    assert (tmp_path / "ran").read_text() == "x"


def test_a_study_that_does_not_repeat_ends_with_1(evocnn: Any, made: Callable[..., Path]) -> None:
    said = evocnn("reproduce", made(0.95, 0.9))
    assert (said.code, "1 of 1 figures differ" in said.out) == (1, True)
    assert "DIFFERS" in said.out


def test_without_an_expectation_nothing_is_said_to_have_repeated_but_one_can_be_written(
    evocnn: Any, made: Callable[..., Path]
) -> None:
    folder = made(0.95, None)
    assert evocnn("reproduce", folder).code == 1
    assert evocnn("reproduce", folder, "--out", folder).code == 0
    assert read_outcomes(folder)["full"].figures["accuracy"].value == 0.95


def test_what_is_written_into_the_folder_is_held_against_what_was_there(
    evocnn: Any, made: Callable[..., Path]
) -> None:
    folder = made(0.95, 0.9)
    assert evocnn("reproduce", folder, "--out", folder).code == 1
    assert evocnn("reproduce", folder, "--out", folder).code == 0


def test_of_the_quick_form_the_figures_alone_go_beside_those_of_the_full_one(
    evocnn: Any, made: Callable[..., Path]
) -> None:
    picture = 'open(os.path.join(options["--out"], "front.png"), "w")'
    folder = made(0.95, 0.9, picture)
    (folder / "run.py").write_text((folder / "run.py").read_text().replace("dict(full=", "dict(quick="))
    assert evocnn("reproduce", folder, "--quick", "--out", folder).code == 0
    assert {form: one.figures["accuracy"].value for form, one in read_outcomes(folder).items()} == {
        "full": 0.9,
        "quick": 0.95,
    }
    assert not (folder / "front.png").exists()


@pytest.mark.parametrize(
    ("action", "code", "message"),
    [("sys.exit(130)", 130, "the same command goes on"), ("sys.exit(2)", 2, "ended with exit code 2")],
)
def test_an_interrupted_or_failed_study_hands_on_its_exit_code(
    evocnn: Any, made: Callable[..., Path], action: str, code: int, message: str
) -> None:
    said = evocnn("reproduce", made(0.9, 0.9, action))
    assert (said.code, message in said.err) == (code, True), said


def test_a_folder_without_a_study_is_a_mistake(evocnn: Any, tmp_path: Path) -> None:
    said = evocnn("reproduce", tmp_path)
    assert (said.code, "a study must be a folder with run.py" in said.err) == (2, True)


def test_a_script_keeps_its_time_over_sessions_and_ends_with_130(tmp_path: Path) -> None:
    calls = []

    def measure(asked: Asked) -> Mapping[str, Figure]:
        calls.append(asked)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return {"quick": Figure(float(asked.is_quick), 0)}

    options = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--quick"]
    with pytest.raises(SystemExit) as ending:
        perform(measure, "About.", options)
    assert ending.value.code == 130
    (tmp_path / "runs" / "seconds.txt").write_text("100")
    perform(measure, "About.", options)
    (outcome,) = read_outcomes(tmp_path / "out").values()
    assert outcome.figures == {"quick": Figure(1.0, 0)}
    assert outcome.seconds >= 100
    assert outcome.environment == environment()


def test_an_experiment_file_alone_is_a_study_that_repeats_and_goes_on(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "WORKERS", Workers(0))
    asked = Asked(tmp_path, tmp_path / "runs", tmp_path / "out", is_quick=False)  # with images for others
    figures = search_study(tiny)(asked)
    assert figures == search_study(tiny)(asked)  # what is kept
    run = open_run(tmp_path / "runs" / "run")
    assert figures["looked_at"].value == len(run.candidates)
    assert not figures["hypervolume"].is_exact  # its cost constants are the machine's
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"front.md", "front.png"}
    assert len((tmp_path / "out" / "front.md").read_text().splitlines()) == 2 + len(run.front.members)


def test_what_was_begun_with_another_experiment_is_refused(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(study, "WORKERS", Workers(0))
    options = ["--runs", str(tmp_path / "runs")]
    perform(search_study(tiny), None, options)
    other = tmp_path / "other.toml"
    other.write_text(tiny.read_text().replace("seed = 5", "seed = 6"))
    with pytest.raises(SystemExit) as ending:
        perform(search_study(other), None, options)
    assert ending.value.code == 2
    assert "must hold a run of this experiment" in capsys.readouterr().err


def test_what_is_kept_from_an_earlier_commit_or_version_is_said_to_be(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "WORKERS", Workers(0))
    options = ["--runs", str(tmp_path / "runs")]
    perform(search_study(tiny), None, options)
    now = environment()
    assert read_outcomes(tmp_path / "runs")["full"].environment["commit"] == now["commit"]
    (tmp_path / "runs" / "damaged").mkdir()
    (tmp_path / "runs" / "damaged" / "run.sqlite").write_text("no run")
    monkeypatch.setattr(study, "environment", lambda: {**now, "commit": "~later", "torch": "~3"})
    perform(search_study(tiny), None, options)
    found = read_outcomes(tmp_path / "runs")["full"].environment
    assert found == {**now, "commit": f"{now['commit']}, ~later", "torch": f"{now['torch']}, ~3"}


def test_a_run_that_came_to_its_end_is_not_opened_again(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = load_experiment(tiny)
    first = study.kept_run(experiment, tmp_path / "run", None, Workers(0))
    monkeypatch.setattr(study, "resumed", None)
    again = study.kept_run(experiment, tmp_path / "run", tmp_path, Workers(0))
    assert again.records == first.records


def test_images_lie_in_a_folder_of_their_name_or_in_the_one_given(tmp_path: Path) -> None:
    asked = Asked(tmp_path, tmp_path, tmp_path, is_quick=True)
    assert asked.data_of("fashion-mnist") == tmp_path
    (tmp_path / "fashion-mnist").mkdir()
    assert asked.data_of("fashion-mnist") == tmp_path / "fashion-mnist"

"""The commands, called in this process: what they print, write and end with."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evocnn import open_run
from evocnn.store import Journal, locked

Call = Callable[..., Any]
COMMANDS = ("run", "resume", "show", "watch", "log", "plot", "compare", "space", "train", "ensemble")
RESULT = (
    "ticket",
    "identity",
    "reused_from",
    "key",
    "text",
    "genome",
    "parents",
    "operators",
    "repairs",
    "cost",
)


def results(folder: Path) -> list[tuple[Any, ...]]:
    """Return all that a run found, times aside."""
    return [
        (*(getattr(r, name) for name in RESULT), r.evaluation.status, r.metrics, r.evaluation.curves)
        for r in open_run(folder).records
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, evocnn: Call) -> None:
    said = evocnn(command, "--help")
    assert (said.code, said.err) == (0, "")
    assert re.search(rf"Usage: .*evocnn {command} ", said.out)
    assert f"Example: evocnn {command} " in said.out


def test_the_help_names_every_command(evocnn: Call) -> None:
    said = evocnn("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert re.search(rf"^\W*{command}\b", said.out, re.MULTILINE)
    assert evocnn("-h").out == said.out


def test_nothing_given_shows_the_help(evocnn: Call) -> None:
    said = evocnn()
    assert said.code == 2
    assert re.search(r"Usage: .*evocnn ", said.out)


def test_a_run_shows_its_front_and_what_to_do_next(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "run"
    said = evocnn("run", tiny, "--workers", "0", "--out", folder)
    assert said.code == 0
    assert said.out.startswith("tiny: finished; 4 ok\n")
    assert said.out.count("◀ knee") == 1
    assert said.out.endswith(f"see it again: evocnn show {folder}   as a picture: evocnn plot {folder}\n")
    assert open_run(folder).status == "finished"


def test_progress_is_plain_lines_where_there_is_no_terminal(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    said = evocnn("run", tiny, "--workers", "0", "--out", tmp_path / "run")
    lines = said.err.splitlines()
    assert lines[:2] == [
        f"tiny: nsga2, seed 5, this process, into {tmp_path / 'run'}",
        "digits train: 300 training and 100 validation images, 8x8 grey, 10 classes",
    ]
    line = (
        r"{0}/4 full trainings · {0} looked at, {0} in full, {0} epochs · [\d.e+]+ a minute{1}"
        r"\s+(· )?best accuracy 0\.\d{{4}} · hypervolume [\d.e+]+"
    )
    assert re.fullmatch(line.format(1, r"\s+(· )?\d+s left"), "\n".join(lines[2:4]))
    assert re.fullmatch(line.format(4, ""), "\n".join(lines[-2:]))
    assert all(len(line) <= 80 for line in lines[2:])
    assert "\x1b" not in said.err + said.out


def test_options_change_the_experiment(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    options = (
        "--seed",
        "11",
        "--budget",
        "2",
        "--set",
        "search.algorithm=random",
        "--set",
        "search.window=1",
    )
    said = evocnn("run", tiny, "--workers", "0", "--out", tmp_path / "run", *options)
    assert said.code == 0
    assert "tiny: random, seed 11," in said.err
    experiment = open_run(tmp_path / "run").experiment
    assert (experiment.seed, experiment.search.window, len(open_run(tmp_path / "run").records)) == (11, 1, 2)


def test_a_run_goes_into_runs_by_default(
    evocnn: Call, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert evocnn("run", tiny, "--workers", "0", "--budget", "1").code == 0
    assert open_run(tmp_path / "runs" / "tiny").status == "finished"


def test_images_of_ones_own(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "mine.npz"
    np.savez(path, images=rng.integers(0, 256, (40, 6, 6, 3), dtype=np.uint8), labels=np.arange(40) % 4)
    arguments = ("--workers", "0", "--set", "data.images=40", "--budget", "1")
    said = evocnn("run", tiny, "--data", path, "--out", tmp_path / "run", *arguments)
    assert said.code == 0
    assert "30 training and 10 validation images, 6x6 RGB, 4 classes" in said.err
    path.rename(tmp_path / "moved.npz")
    said = evocnn("resume", tmp_path / "run", "--workers", "0", "--budget", "2")
    assert (said.code, "mine.npz" in said.err) == (2, True)
    said = evocnn(
        "resume", tmp_path / "run", "--workers", "0", "--budget", "2", "--data", tmp_path / "moved.npz"
    )
    assert said.code == 0
    assert len(open_run(tmp_path / "run").records) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "TINY", "--budget", "soon"), "a budget must be .* 'soon'; write 200, '500 epochs', 90s"),
        (("run", "TINY", "--set", "nothing"), "--set must be given as key=value, but it was 'nothing'"),
        (
            ("run", "TINY", "--set", "search.windw=3"),
            "'search.windw' is not known; .*; did you mean 'window'?",
        ),
        (("run", "TINY", "--set", "space.limits.parameters=1"), "limits must permit some network"),
        (("run", "TINY", "--set", "data.images=9999"), "number of images must lie in"),
        (("run", "TINY", "--data", "nothing"), "data path .*nothing must be a folder with IDX files"),
        (("run", "nothing.toml"), "'nothing.toml' must be readable, but: No such file or directory; "),
        (("run", "RUN"), "must be readable, but: Is a directory; it holds a run, .*: evocnn resume"),
        (
            ("run", "TINY", "--budget", "5x"),
            "(?<=error: )a budget must be a number .*, but it was '5x'; write 200",
        ),
        (("resume", "RUN", "--budget", "0"), "a budget must be .* '0'; write"),
        (
            ("plot", "RUN", "--out", "front.jpg"),
            "a plot's file must end in .* 'front.jpg'; change the ending",
        ),
    ],
)
def test_a_mistake_ends_in_one_line_and_code_2(
    arguments: tuple[str, ...], message: str, evocnn: Call, tiny: Path, finished: Path
) -> None:
    words = {"TINY": str(tiny), "RUN": str(finished)}
    apart = {
        "run": ("--workers", "0", "--out", str(finished.parent / "run")),
        "resume": ("--workers", "0"),
        "plot": (),
    }
    said = evocnn(*(words.get(word, word) for word in arguments), *apart[arguments[0]])
    assert said.code == 2
    last = said.err.splitlines()[-1]
    assert re.match(rf"error: .*{message}", last)
    assert "Traceback" not in said.err
    assert [path.name for path in finished.parent.iterdir()] == ["finished"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "x.toml", "--workers", "-1"),
        ("run", "x.toml", "--seed", "-1"),
        ("run", "x.toml", "--gpus-per-worker", "-0.5"),
        ("run", "x.toml", "--wrkers", "1"),
        ("resume", "RUN", "--workers", "two"),
        ("show",),
        ("improve", "x"),
    ],
)
def test_a_wrong_option_ends_in_code_2(arguments: tuple[str, ...], evocnn: Call) -> None:
    said = evocnn(*arguments)
    assert said.code == 2
    assert re.search(r"Usage: .*evocnn ", said.err)
    assert "Traceback" not in said.err


@pytest.mark.parametrize("command", ["resume", "show", "plot"])
def test_what_is_no_run_folder_ends_in_code_1(command: str, evocnn: Call, tmp_path: Path) -> None:
    said = evocnn(command, tmp_path)
    assert said.code == 1
    assert said.err == (
        f"error: '{tmp_path}' must be a run folder, but it held no run.sqlite; give the folder that "
        "`evocnn run` wrote\n"
    )
    assert not any(tmp_path.iterdir())


def test_a_folder_that_holds_a_run_is_refused_with_advice(evocnn: Call, tiny: Path, finished: Path) -> None:
    before = results(finished)
    said = evocnn("run", tiny, "--workers", "0", "--out", finished)
    assert said.code == 1
    assert said.err.splitlines()[-1] == (
        f"error: run folder '{finished}' must be new, but it held a run; continue with "
        f"`evocnn resume {finished}` or give another --out"
    )
    assert results(finished) == before


def test_a_folder_that_cannot_be_made_is_refused(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = evocnn("run", tiny, "--workers", "0", "--out", tmp_path / "file" / "run")
    assert said.code == 1
    assert re.match(r"error: run folder .* that can be made, but: Not a directory", said.err.splitlines()[-1])


def test_a_run_that_another_process_works_on_ends_in_code_75(
    evocnn: Call, tiny: Path, finished: Path
) -> None:
    with locked(finished):
        for arguments in (("resume", finished, "--budget", "5"), ("run", tiny, "--out", finished)):
            said = evocnn(*arguments, "--workers", "0")
            assert said.code == 75
            assert "must be used by one process at a time" in said.err
        assert evocnn("show", finished).code == 0


def test_a_damaged_journal_ends_in_code_1(evocnn: Call, finished: Path) -> None:
    for file in finished.glob("run.sqlite*"):
        file.write_bytes(b"no database" * 1000)
    said = evocnn("show", finished)
    assert said.code == 1
    assert re.match(r"error: journal .*run.sqlite' must be readable, but", said.err)


def test_a_finished_run_is_resumed_at_once(evocnn: Call, finished: Path) -> None:
    before = (finished / "run.sqlite").read_bytes()
    said = evocnn("resume", finished)  # with a Ray worker a core, were one needed
    assert said.code == 0
    assert said.out.startswith("tiny: finished; 4 ok\n")
    assert (finished / "run.sqlite").read_bytes() == before


def test_a_larger_budget_goes_on_where_the_run_ended(
    evocnn: Call, tiny: Path, finished: Path, tmp_path: Path
) -> None:
    before = open_run(finished).records
    assert evocnn("resume", finished, "--workers", "0", "--budget", "6").code == 0
    after = open_run(finished)
    assert after.records[:4] == before  # not even a time has changed
    assert [record.ticket for record in after.records] == list(range(6))
    assert after.records[4].elapsed > before[-1].elapsed
    evocnn("run", tiny, "--workers", "0", "--out", tmp_path / "whole", "--budget", "6")
    assert results(finished) == results(tmp_path / "whole")
    assert after.experiment.search.budget.evaluations == 6


@pytest.mark.filterwarnings("default")
def test_a_budget_that_is_spent_evaluates_nothing_and_says_so(evocnn: Call, finished: Path) -> None:
    before = results(finished)
    for budget in ("3", "4"):
        said = evocnn("resume", finished, "--workers", "0", "--budget", budget)
        assert said.code == 0
        assert "the budget should be more than the run had spent already, 4 full trainings, " in said.err
        assert f"but it was {budget}; nothing was trained or changed: give a larger --budget" in said.err
        assert results(finished) == before


def test_a_budget_in_time_ends_a_search(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    said = evocnn("run", tiny, "--workers", "0", "--budget", "1s", "--out", tmp_path / "run")
    assert said.code == 0
    found = open_run(tmp_path / "run")
    assert found.status == "finished"
    assert found.records
    assert " left" in said.err
    assert "/4 full trainings" not in said.err


@pytest.mark.filterwarnings("default")
def test_a_change_of_versions_is_noted(evocnn: Call, finished: Path) -> None:
    with Journal.open(finished) as journal:
        journal.set("environment", {**journal.get("environment"), "torch": "0.4"})  # type: ignore[dict-item]
    said = evocnn("resume", finished, "--workers", "0", "--budget", "5")
    assert said.code == 0
    assert re.search(r"^note: figures may differ from an .*: .*torch 0.4 -> ", said.err, re.MULTILINE)


@pytest.mark.fault
def test_other_data_are_refused(evocnn: Call, finished: Path, tmp_path: Path) -> None:
    """To see it fail: let `check_data` return at once."""
    path = tmp_path / "other.npz"
    np.savez(path, images=np.zeros((400, 8, 8), np.uint8), labels=np.arange(400) % 10)
    said = evocnn("resume", finished, "--workers", "0", "--data", path)
    assert said.code == 1
    assert re.search(r"^error: the data must be those of the run, .* with --data$", said.err, re.MULTILINE)


def test_an_experiment_of_code_that_is_gone_says_so(evocnn: Call, finished: Path) -> None:
    with Journal.open(finished) as journal:
        tables: Any = journal.get("experiment")
        tables["search"]["mutation"] = ["own_gone:mutation"]
        journal.set("experiment", tables)
    assert evocnn("show", finished).code == 0  # reading a run imports nothing that it names
    said = evocnn("resume", finished, "--budget", "9", "--workers", "0")
    assert said.code == 2
    assert "the run's experiment must be importable again, but:" in said.err
    assert "'own_gone:mutation' must name a module that can be imported" in said.err


def test_candidates_that_fail_are_told_and_never_end_a_run(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    said = evocnn(
        *("run", tiny, "--workers", "0", "--out", tmp_path / "run", "--set", "training.timeout=0.000001")
    )
    assert said.out.startswith(
        "tiny: finished; 4 timed_out\n4 looked at, 0 trained in full, 4 epochs\nnote: time-outs and crashes "
    )
    told = re.findall(
        r"^candidate (\d) timed_out: past its timeout of 1e-06 s in epoch 1 \(.* \| .*\)$",
        said.err,
        re.MULTILINE,
    )
    assert sorted(told) == ["0", "1", "2", "3"]
    assert "4/4 full trainings" in said.err
    assert "4 failed" in said.err


def test_show_as_json(evocnn: Call, finished: Path) -> None:
    said = evocnn("show", finished, "--json")
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)
    keys = {
        "run",
        "status",
        "outcome",
        "looked_at",
        "trained_in_full",
        "epochs",
        "candidates",
        "repairs",
        "operators",
        "rejection",
        "cost_model",
        "reference_point",
        "hypervolume",
        "knee",
        "front",
    }
    assert set(found) == keys
    assert found["front"]
    for entry in found["front"]:
        kin = {"parents", "donors", "operators"}
        assert set(entry) == {"ticket", "key", "text", "metrics", "trainings", "spread"} | kin
        assert {"validation_accuracy", "parameters", "generalization_gap"} <= set(entry["metrics"])
    assert found["knee"] in [entry["ticket"] for entry in found["front"]]
    assert (found["status"], found["candidates"]) == ("finished", {"ok": 4})


def test_a_run_whose_process_is_gone_is_interrupted(evocnn: Call, finished: Path) -> None:
    with Journal.open(finished) as journal:
        journal.set("status", "running")
    assert json.loads(evocnn("show", finished, "--json").out)["status"] == "interrupted"
    with locked(finished):
        assert json.loads(evocnn("show", finished, "--json").out)["status"] == "running"


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF-")])
def test_plots(ending: str, magic: bytes, evocnn: Call, finished: Path) -> None:
    target = finished / "pictures" / f"front.{ending}"
    said = evocnn("plot", finished, "--out", target)
    assert (said.code, said.out) == (0, f"wrote {target}\n")
    assert target.read_bytes().startswith(magic)


def test_a_plot_goes_into_the_run_folder_by_default(evocnn: Call, finished: Path) -> None:
    assert evocnn("plot", finished).out == f"wrote {finished / 'front.png'}\n"
    assert (finished / "front.png").is_file()

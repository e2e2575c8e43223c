"""Full training, the one look at the test split, and ensembles, from the command line."""

import json
import os
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from evocnn import open_run
from evocnn.cli.full_training import TrainingDisplay
from evocnn.cli.readings import reading_lines
from evocnn.deploy import judgement
from evocnn.deploy.ensemble import Growth
from evocnn.deploy.full_training import Piece
from evocnn.deploy.judgement import Judgement
from evocnn.deploy.model import Model, load_model
from evocnn.errors import DataError
from evocnn.evaluation import Evaluation, Status
from evocnn.store import Journal, locked

Call = Callable[..., Any]
FILES = {"confusion.csv", "confusion.png", "curves.csv", "curves.png", "model.safetensors", "run.lock"}


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of each reading of the test split, as they are."""
    read: list[str] = []
    load_split = judgement.load_split

    def counted(settings: Any, split: str, *rest: Any, **named: Any) -> Any:
        read.extend([split] if split == "test" else [])
        return load_split(settings, split, *rest, **named)

    monkeypatch.setattr(judgement, "load_split", counted)
    return read


@pytest.fixture
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write empty files in place of pictures, which take their time."""
    for name in ("plot_confusion", "plot_learning_curves"):
        monkeypatch.setattr(f"evocnn.cli.train.{name}", lambda *arguments: arguments[-1].touch())


def home_of(folder: Path) -> Path:
    (home,) = (folder / "models").iterdir()
    return home


def test_a_network_is_trained_tested_once_and_shown_again(
    evocnn: Call, finished: Path, readings: list[str]
) -> None:
    said = evocnn("train", finished, "--epochs", "2", "--seeds", "2")
    assert said.code == 0, said.err
    assert "2 epochs on 300 training images, 2 seeds, into" in said.out
    figure, interval = r"(0\.\d{4})", r"\[0\.\d{4}, 0\.\d{4}\]"
    rows = re.findall(rf"^ +([01]) +{figure} +{figure} +{figure} +{interval}$", said.out, re.MULTILINE)
    assert [row[0] for row in rows] == ["0", "1"]
    assert re.search(rf"^mean +{figure} ± {figure} +{figure} ± {figure} +{figure} ± ", said.out, re.MULTILINE)
    assert re.search(r"^test split: read 20.*, reading 1 of 1 of this run$", said.out, re.MULTILINE)
    assert "note:" not in said.out
    assert said.out.endswith(f"evocnn export {home_of(finished) / 'model.safetensors'}\n")
    assert {path.name for path in home_of(finished).iterdir()} == {*FILES, "model-seed1.safetensors"}
    steps: Any = load_model(home_of(finished) / "model.safetensors").steps
    assert [step["step"] for step in steps] == ["train", "test"]
    assert f"{steps[1]['accuracy']:.4f}" == rows[0][3]
    (entry,) = open_run(finished).manifest["tests"]
    assert entry["accuracies"]["seed 0"] == steps[1]["accuracy"]
    confusion = np.loadtxt(
        home_of(finished) / "confusion.csv", delimiter=",", skiprows=1, usecols=range(1, 11)
    )
    assert confusion.sum() == 2 * 355

    again = evocnn("train", finished, "--epochs", "2", "--seeds", "2")
    assert again.out.count("trained already; this is what was found\n") == 1
    assert [line for line in again.out.splitlines() if "0." in line] == [
        line for line in said.out.splitlines() if "0." in line
    ]
    assert (readings, len(open_run(finished).manifest["tests"])) == (["test"], 1)
    files = {path: path.read_bytes() for path in home_of(finished).glob("*.csv")}
    fewer = evocnn("train", finished, "--epochs", "2")
    assert ", 1 seed with 1 more that was trained before, into" in fewer.out
    assert [line for line in fewer.out.splitlines() if "0." in line] == [
        line for line in said.out.splitlines() if "0." in line
    ]
    assert {path: path.read_bytes() for path in files} == files  # both seeds' still


@pytest.mark.usefixtures("_undrawn")
def test_who_tests_again_is_told(evocnn: Call, finished: Path) -> None:
    evocnn("train", finished, "--epochs", "1")
    said = evocnn("train", finished, "--epochs", "1", "--seeds", "2")  # the second seed is another model
    assert re.search(r"^test split: read 20.*, reading 2 of 2 of this run$", said.out, re.MULTILINE)
    assert re.search(
        r"^note: the test split of this run has been read 2 times \(\w+-1-epochs, \w+-1-epochs\), as its "
        r"manifest says; the best of several tests is no estimate any more",
        said.out,
        re.MULTILINE,
    )
    one, two = open_run(finished).manifest["tests"]
    assert (one["reading"], list(one["accuracies"])) == (1, ["seed 0"])
    assert (two["reading"], list(two["accuracies"])) == (2, ["seed 1"])


@pytest.mark.usefixtures("_undrawn")
def test_seeds_with_gaps_keep_their_files(
    evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("evocnn.cli.train._judged", lambda *_: {})  # as if it had been killed before
        evocnn("train", finished, "--epochs", "1", "--seeds", "4")
    home = home_of(finished)
    paths = {seed: home / f"model-seed{seed}.safetensors" for seed in (2, 3)} | {
        0: home / "model.safetensors"
    }
    (home / "model-seed1.safetensors").unlink()
    weights = {seed: load_model(path).digest for seed, path in paths.items()}
    said = evocnn("train", finished, "--epochs", "1")
    assert said.code == 0, said.err
    assert said.out.endswith(f"evocnn export {paths[0]}\n")
    found = {seed: load_model(path) for seed, path in paths.items()}
    assert {seed: model.digest for seed, model in found.items()} == weights
    assert {seed: model.steps[0]["seed"] for seed, model in found.items()} == {0: 0, 2: 2, 3: 3}
    assert {model.steps[-1]["step"] for model in found.values()} == {"test"}
    assert not (home / "model-seed1.safetensors").exists()


@pytest.mark.usefixtures("_undrawn")
def test_a_test_that_was_read_and_not_saved_is_not_read_again(
    evocnn: Call, finished: Path, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Model.save

    def full(model: Model, path: Path) -> None:
        if model.steps[-1]["step"] == "test":
            raise DataError("no space left")
        save(model, path)

    with monkeypatch.context() as patch:
        patch.setattr(Model, "save", full)
        assert "no space left" in evocnn("train", finished, "--epochs", "1", "--seeds", "2").err
    (entry,) = open_run(finished).readings
    said = evocnn("train", finished, "--epochs", "1", "--seeds", "2")
    assert said.code == 0, said.err
    assert re.search(r"^test split: read 20.*, reading 1 of 1 of this run$", said.out, re.MULTILINE)
    assert readings == ["test"]
    for seed, name in enumerate(("model.safetensors", "model-seed1.safetensors")):
        step: Any = load_model(home_of(finished) / name).steps[-1]
        assert (step["reading"], step["accuracy"]) == (1, entry["accuracies"][f"seed {seed}"])
        assert f" {step['accuracy']:.4f}  [" in said.out


@pytest.mark.usefixtures("_undrawn")
def test_with_all_data_no_validation_figure_is_shown(evocnn: Call, finished: Path) -> None:
    said = evocnn("train", finished, "--epochs", "2", "--all-data")
    assert said.code == 0
    assert "2 epochs on 1,442 training images, validation images included, 1 seed" in said.out
    text = (said.out + said.err).replace("validation images included", "")
    assert "validation" not in text
    header = (home_of(finished) / "curves.csv").read_text().splitlines()[0]
    assert header == "training,epoch,training_loss"


@pytest.mark.usefixtures("_undrawn")
def test_what_was_tested_before_is_shown_though_the_split_is_gone(
    evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evocnn("train", finished, "--epochs", "1")

    def missing(*_: Any, **__: Any) -> None:
        raise DataError("there is none")

    monkeypatch.setattr(judgement, "load_split", missing)
    said = evocnn("train", finished, "--epochs", "1", "--seeds", "2")
    assert said.code == 0, said.err
    assert "seed 1 not tested, for the test split cannot be read: there is none" in said.out
    assert "95 % interval" in said.out


@pytest.mark.usefixtures("_undrawn")
def test_without_a_test_split_it_trains_and_says_so(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (400, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(400) % 10)
    folder = tmp_path / "run"
    evocnn("run", tiny, "--data", tmp_path / "mine.npz", "--workers", "0", "--out", folder)
    said = evocnn("train", folder, "--pick", "0")
    assert said.code == 0, said.err
    assert "not tested, for the test split cannot be read: data file" in said.out
    assert "test_images" in said.out
    assert not open_run(folder).manifest.get("tests")
    assert {path.name for path in home_of(folder).iterdir()} == FILES - {"confusion.csv", "confusion.png"}


@pytest.mark.usefixtures("_undrawn")
def test_once_ctrl_c_saves_what_runs_and_the_same_command_goes_on(
    evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piece = TrainingDisplay.piece

    def counted_and_pressed(display: TrainingDisplay, found: Piece) -> None:
        piece(display, found)
        if found.evaluation is not None and found.n_epochs == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingDisplay, "piece", counted_and_pressed)
        said = evocnn("train", finished, "--epochs", "3")
    assert said.code == 130
    assert "stopping: what runs is being finished; Ctrl-C again drops it\n" in said.err
    assert said.err.endswith("interrupted; go on with the same command\n")
    assert not open_run(finished).manifest.get("tests")
    said = evocnn("train", finished, "--epochs", "3")
    assert said.code == 0
    assert said.err.startswith("seed 0: going on after epoch 1\n")
    assert {path.name for path in home_of(finished).iterdir()} == FILES


def test_twice_ctrl_c_ends_at_once(evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(_: TrainingDisplay, found: Piece) -> None:
        if found.evaluation is not None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(TrainingDisplay, "piece", pressed)
    said = evocnn("train", finished, "--epochs", "3")
    assert said.code == 130
    assert said.err.endswith("interrupted; go on with the same command\n")
    assert len(list(home_of(finished).glob("states/*"))) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--pick", "best-acuracy"), 2, "a pick must be knee, .* did you mean 'best-accuracy'"),
        (("--pick", "999"), 2, "a picked number must be a ticket"),
        (("--epochs", "0"), 2, "greater than or equal to 1"),
        (("--data", "missing.npz"), 2, "data path .*missing.npz must be"),
    ],
)
def test_a_mistake_ends_before_anything_is_trained(
    arguments: tuple[str, ...], code: int, message: str, evocnn: Call, finished: Path
) -> None:
    said = evocnn("train", finished, *arguments)
    assert said.code == code
    assert re.search(message, said.err)
    assert not (finished / "models").exists()


@pytest.mark.parametrize("command", ["train", "ensemble"])
def test_a_search_that_still_runs_is_waited_for(command: str, evocnn: Call, finished: Path) -> None:
    with Journal.open(finished) as journal:
        journal.set("status", "running")
    with locked(finished):
        said = evocnn(command, finished)
    assert said.code == 75
    assert "must have ended before its test split is read, but it was running" in said.err
    assert not (finished / "models").exists()  # nothing was trained for it


def test_nothing_that_trains_is_said_to_be_a_network(
    evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diverged = Evaluation(Status.DIVERGED, reason="the training loss was nan in epoch 1")
    monkeypatch.setattr("evocnn.training.evaluator.TrainingEvaluator.__call__", lambda *_: diverged)
    said = evocnn("train", finished)
    assert said.code == 2
    assert said.err.startswith("seed 0 diverged: the training loss was nan in epoch 1\n")
    assert "error: full training must succeed at least once, but it failed each time" in said.err


@pytest.mark.usefixtures("_undrawn")
def test_an_ensemble_is_chosen_tested_once_and_shown_again(
    evocnn: Call, finished: Path, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def grown(outputs: Any, labels: Any, size: int) -> tuple[Growth, ...]:
        assert (len(outputs), len(labels), size) == (len(open_run(finished).front.members), 100, 2)
        return Growth(1, 0.5, 1.5), Growth(0, 0.75, 1.25)

    monkeypatch.setattr("evocnn.cli.ensemble.grow_ensemble", grown)
    front = open_run(finished).front.members
    said = evocnn("ensemble", finished, "--size", "2", "--epochs", "1")
    assert said.code == 0, said.err
    assert f"the best 2 or fewer of the {len(front)} members of the front, together" in said.out
    sizes = [int(front[n].metrics["parameters"]) for n in (1, 0)]
    first, second = re.findall(r"^ +\d +(0\.\d+) +\d\.\d+ +([\d,]+) +(\d+) ", said.out, re.MULTILINE)
    assert first == ("0.5000", f"{sizes[0]:,}", str(front[1].ticket))
    assert second == ("0.7500", f"{sum(sizes):,}", str(front[0].ticket))
    assert re.search(r"^test accuracy, ensemble: 0\.\d{4}, 95 % interval \[", said.out, re.MULTILINE)
    assert re.search(r"^test accuracy, best member: 0\.\d{4}", said.out, re.MULTILINE)
    assert "reading 1 of 1 of this run" in said.out
    assert re.search(
        r"^of 355 test images the ensemble alone finds \d+, its best member", said.out, re.MULTILINE
    )
    assert re.search(r"^so .* at the level 0\.05", said.out, re.MULTILINE)
    (path,) = finished.glob("models/ensemble-*-1-epochs/ensemble.json")
    assert said.out.endswith(f"wrote {path}\n")
    saved = json.loads(path.read_text())
    assert [row["is_chosen"] for row in saved["growth"]] == [True, True]
    assert (finished / "models" / saved["growth"][0]["model"]).is_file()
    assert set(saved["tests"]) == {"ensemble", "best member"}
    (entry,) = open_run(finished).manifest["tests"]
    assert set(entry["accuracies"]) == {"ensemble", "best member"}
    assert entry["what"] == f"ensemble of tickets {front[1].ticket} and {front[0].ticket} after 1 epoch"
    gained = saved["paired_test"]["first_alone"] - saved["paired_test"]["second_alone"]
    accuracies = entry["accuracies"]
    assert gained == round(355 * (accuracies["ensemble"] - accuracies["best member"]))

    again = evocnn("ensemble", finished, "--size", "2", "--epochs", "1")
    told = "these members were tested together before; this is what was found\n"
    assert told in again.out
    assert again.out.replace(told, "") == said.out
    assert json.loads(path.read_text()) == saved
    said = evocnn("train", finished, "--pick", str(front[1].ticket), "--epochs", "1")
    assert "trained already" in said.out  # and tested: its figures are those of that reading
    assert readings == ["test"]


def test_the_same_members_are_tested_once_whatever_the_size_and_others_anew(
    evocnn: Call, finished: Path, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = (Growth(0, 0.5, 1.5), Growth(1, 0.75, 1.0))
    monkeypatch.setattr("evocnn.cli.ensemble.grow_ensemble", lambda *_: growth)
    evocnn("ensemble", finished, "--size", "2", "--epochs", "1")
    said = evocnn("ensemble", finished, "--size", "5", "--epochs", "1")
    assert "these members were tested together before; this is what was found\n" in said.out
    assert "reading 1 of 1 of this run" in said.out
    evocnn("ensemble", finished, "--size", "2", "--epochs", "2")
    assert readings == ["test", "test"]
    one, two = open_run(finished).manifest["tests"]
    assert list(one["accuracies"]) == list(two["accuracies"]) == ["ensemble", "best member"]


def test_an_ensemble_that_was_tested_and_not_written_is_not_tested_again(
    evocnn: Call, finished: Path, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = (Growth(0, 0.5, 1.5), Growth(1, 0.75, 1.0))
    monkeypatch.setattr("evocnn.cli.ensemble.grow_ensemble", lambda *_: growth)
    command = ("ensemble", finished, "--epochs", "1")
    with monkeypatch.context() as patch:
        patch.setattr("evocnn.cli.ensemble._tell", Mock(side_effect=KeyboardInterrupt))
        assert evocnn(*command).code == 130
    said = evocnn(*command)
    assert said.code == 0, said.err
    assert "these members were tested together before; this is what was found\n" in said.out
    assert "reading 1 of 1 of this run" in said.out
    (path,) = finished.glob("models/ensemble-*/ensemble.json")
    whole = path.read_bytes()
    (entry,) = open_run(finished).readings
    saved = json.loads(whole)
    assert {name: test["accuracy"] for name, test in saved["tests"].items()} == entry["accuracies"]
    gained = saved["paired_test"]["first_alone"] - saved["paired_test"]["second_alone"]
    assert gained == round(355 * (entry["accuracies"]["ensemble"] - entry["accuracies"]["best member"]))
    best = load_model(finished / "models" / saved["growth"][0]["model"])
    assert best.steps[-1] == saved["tests"]["best member"]
    path.write_text("{")  # were it damaged
    evocnn(*command)
    assert (path.read_bytes(), readings) == (whole, ["test"])


@pytest.mark.usefixtures("_undrawn")
def test_a_member_that_was_tested_alone_keeps_the_reading_of_its_own(
    evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = (Growth(0, 0.5, 1.5), Growth(1, 0.75, 1.0))
    monkeypatch.setattr("evocnn.cli.ensemble.grow_ensemble", lambda *_: growth)
    best = str(open_run(finished).front.members[0].ticket)
    evocnn("train", finished, "--pick", best, "--epochs", "1")
    (path,) = finished.glob("models/*/model.safetensors")
    alone = path.read_bytes()
    said = evocnn("ensemble", finished, "--epochs", "1")
    assert "reading 2 of 2 of this run" in said.out
    assert path.read_bytes() == alone
    assert load_model(path).steps[-1]["reading"] == 1


def test_without_test_images_an_ensemble_is_written_untested(
    evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise DataError("there is none")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    growth = (Growth(0, 0.5, 1.5), Growth(1, 0.75, 1.0))
    monkeypatch.setattr("evocnn.cli.ensemble.grow_ensemble", lambda *_: growth)
    monkeypatch.setattr(judgement, "load_split", missing)
    said = evocnn("ensemble", finished, "--size", "2", "--epochs", "1")
    assert said.code == 0
    assert "not tested, for the test split cannot be read: there is none\n" in said.out
    (path,) = finished.glob("models/ensemble-*/ensemble.json")
    assert not {"tests", "paired_test"} & set(json.loads(path.read_text()))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        said = evocnn("ensemble", finished, "--size", "2", "--epochs", "1")
    assert said.code == 2
    assert f"ensemble '{path}' must be writable, but: [Errno 28] No space left on device" in said.err


@pytest.mark.filterwarnings("always:the search goes on after")  # the command line prints it
def test_a_search_that_goes_on_after_a_test_says_so_and_writes_it_down(evocnn: Call, finished: Path) -> None:
    assert "test split" not in evocnn("resume", finished, "--workers", "0", "--budget", "5").err
    assert open_run(finished).resumptions == []
    n_records = len(open_run(finished).records)
    entry = {"reading": 1, "when": "2026", "what": "it", "accuracies": {}}
    with Journal.open(finished) as journal:
        journal.set("tests", [entry])
    assert "test split" not in evocnn("resume", finished, "--workers", "0").err  # it was finished
    said = evocnn("resume", finished, "--workers", "0", "--budget", "6")
    assert said.code == 0, said.err
    assert "note: the search goes on after the test split of this run has been read once, as" in said.err
    (found,) = open_run(finished).resumptions
    assert (found["readings"], found["records"]) == (1, n_records)
    with Journal.open(finished) as journal:
        journal.set("tests", [entry, {**entry, "reading": 2}])
    after = "note: the search of this run went on after reading 1; if that was because of what it said"
    first, second = (Judgement(((1,),), reading, "2026") for reading in (1, 2))
    assert reading_lines(finished, second)[-1].startswith(after)
    assert not any(line.startswith(after) for line in reading_lines(finished, first))


@pytest.mark.usefixtures("_undrawn")
def test_test_images_that_are_training_images_are_told_beside_the_accuracy(
    evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_split = judgement.load_split

    def shared(settings: Any, split: str, *rest: Any, **named: Any) -> Any:
        test = load_split(settings, "test", *rest, **named)
        training = load_split(settings, "train", *rest, **named)
        return training if split == "train" else replace(test, images=training.images[: len(test)])

    monkeypatch.setattr(judgement, "load_split", shared)
    told = "\nnote: 355 of the 355 test images are training images, too, pixel for pixel; on new images"
    assert told in evocnn("train", finished, "--epochs", "1").out
    assert told in evocnn("train", finished, "--epochs", "1").out  # of the model's own step
    (entry,) = open_run(finished).readings
    assert entry["also_in_training"] == 355


def test_an_ensemble_that_is_no_better_is_not_tested(
    evocnn: Call, finished: Path, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = (Growth(0, 0.5, 1.5), Growth(1, 0.5, 1.0))
    monkeypatch.setattr("evocnn.cli.ensemble.grow_ensemble", lambda *_: growth)
    said = evocnn("ensemble", finished, "--epochs", "1")
    assert said.code == 0
    assert said.out.endswith(
        "no ensemble beats its best member on the validation images; nothing was tested\n"
    )
    assert readings == []


def test_an_ensemble_needs_a_front_of_two(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    evocnn("run", tiny, "--workers", "0", "--budget", "1", "--out", tmp_path / "run")
    said = evocnn("ensemble", tmp_path / "run")
    assert said.code == 2
    assert "the front must have 2 members or more for an ensemble, but" in said.err

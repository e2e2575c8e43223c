"""Files that may be anyone's: nothing of them is run, nothing written elsewhere, no terminal commanded."""

import json
import os
import pickle
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from searches import Malicious

import evocnn
from evocnn.cli.main import main
from evocnn.config import Experiment
from evocnn.config.toml import read_toml
from evocnn.deploy.model import load_model
from evocnn.deploy.predict import open_onnx
from evocnn.errors import DataError, EvocnnError, ExperimentError, JournalError, printable
from evocnn.evaluation import Evaluation, Status
from evocnn.store import Journal, Record
from evocnn.store.decoding import parsed
from evocnn.store.running import Running, read_running, write_running
from evocnn.training.data import load
from evocnn.training.data.pickles import unpickled
from evocnn.training.state import load_weights

pytestmark = pytest.mark.fault

TITLE = "\x1b]0;owned\x07"
MANIFEST: dict[str, Any] = {
    "status": "finished",
    "experiment": {"name": "anyone's"},
    "objectives": [{"name": "a", "weight": 1.0, "reference": 0.0, "floor": None, "ceiling": None}],
}


def as_model(content: bytes, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(content)
    load_model(folder / "model.safetensors")


def as_onnx(content: bytes, folder: Path) -> None:
    (folder / "model.onnx").write_bytes(content)
    open_onnx(folder / "model.onnx")


def as_state(content: bytes, folder: Path) -> None:
    load_weights(content)


def as_cifar(content: bytes, folder: Path) -> None:
    (folder / "train").write_bytes(content)
    load("cifar-100", "train", folder)


def as_npz(content: bytes, folder: Path) -> None:
    (folder / "data.npz").write_bytes(content)
    load("npz", "train", folder / "data.npz")


def as_journal(content: bytes, folder: Path) -> None:
    (folder / "run.sqlite").write_bytes(content)
    evocnn.open_run(folder)


@pytest.mark.parametrize("read", [as_model, as_onnx, as_state, as_cifar, as_npz, as_journal])
def test_a_pickle_in_place_of_any_file_is_refused_and_not_run(
    read: Callable[[bytes, Path], None], tmp_path: Path
) -> None:
    """Fails with `pickle.load` in `unpickled`, `weights_only=False` in `load_weights`."""
    content = pickle.dumps(Malicious(tmp_path / "it ran"))
    with pytest.raises(EvocnnError, match="must"):
        read(content, tmp_path)
    assert not (tmp_path / "it ran").exists()
    pickle.loads(content)
    assert (tmp_path / "it ran").exists()  # so the attack was a real one


def test_an_archive_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    """Fails with `allow_pickle=True` in `npz._read`."""
    objects = np.array([Malicious(tmp_path / "it ran"), None], dtype=object)
    np.savez(tmp_path / "data.npz", images=objects, labels=np.array([0, 1]))
    with pytest.raises(DataError, match=r"data\.npz must be a readable \.npz file of plain arrays"):
        load("npz", "train", tmp_path / "data.npz")
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize("place", [b"p100000000\n", b"r\x00\xe1\xf5\x05"])
def test_a_pickle_that_remembers_things_far_away_takes_no_memory(place: bytes, tmp_path: Path) -> None:
    """Found by fuzzing; fails, after 10 seconds and gigabytes, without `_check_places`."""
    (tmp_path / "x").write_bytes(b"(d" + place + b".")
    with pytest.raises(DataError, match=r"x must be a pickle of plain values .* place \d+ of what it"):
        unpickled(tmp_path / "x")


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"[" * 100_000,
        json.dumps({"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode(),
        json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}).encode(),
        json.dumps({"__metadata__": {"evocnn": "[" * 100_000}}).encode(),
        json.dumps({"__metadata__": {"evocnn": '{"chromosome": {}}'}}).encode(),
    ],
)
@pytest.mark.parametrize("n_bytes", [None, 2**60])
def test_a_model_whose_header_lies_is_refused(header: bytes, n_bytes: int | None, tmp_path: Path) -> None:
    """Fails where `load_model` lets an exception of safetensors or pydantic through."""
    with pytest.raises(DataError, match=r"model\.safetensors' must"):
        as_model(struct.pack("<Q", n_bytes or len(header)) + header, tmp_path)


def test_names_of_experiments_lead_nowhere_else() -> None:
    """Fails without the pattern of `Experiment.name`: the run folder would be `runs/../../up`."""
    for name in ("../../up", "/up", "a/b", "..", "a\0b", TITLE, "<b>", "-x", ""):
        with pytest.raises(ExperimentError, match="'name' must match pattern"):
            Experiment.from_dict({"name": name, "data": {"source": "digits"}, "space": {"preset": "tiny"}})


def write_journal(folder: Path, manifest: dict[str, Any] = MANIFEST, **changes: Any) -> Path:
    """Write a journal of one record, as a program that means harm could: its digests are right."""
    evaluation = Evaluation(Status.OK, {"a": 1.0}, reason=changes.pop("reason", ""))
    record = Record(
        ticket=0, identity="i", reused_from=None, key="k", text="t", genome={}, parents=(), operators=(),
        repairs={}, epochs=1, n_images=1, share=1.0, replicate=0, continues=None, donor=None, cost=1.0,
        n_epochs=1, evaluation=evaluation, state=None, elapsed=1.0,
    )  # fmt: skip
    folder.mkdir()
    with Journal.create(folder, manifest) as journal:
        journal.commit(replace(record, **changes))
    return folder


def test_the_folder_of_a_model_follows_from_its_genome_not_from_its_row(tmp_path: Path) -> None:
    """Fails with `record.key` in place of the chromosome's in `full_training`: the model would lie above."""
    from evocnn.deploy.terms import full_training

    tables = {"name": "own", "data": {"source": "digits"}, "space": {"preset": "tiny"}}
    space = evocnn.config.space_of(Experiment.from_dict(tables), (1, 8, 8), 10)
    genome = space.sample(np.random.default_rng(0))
    folder = write_journal(tmp_path / "run", key="../../../up", genome=genome.to_json())
    run = evocnn.open_run(folder)

    class Terms:
        parts = type("Parts", (), {"space": space})
        epochs, all_data = 3, False

    Terms.run = run  # type: ignore[attr-defined]
    training = full_training(Terms, run.records[0], "knee", 0)  # type: ignore[arg-type]
    assert training.path.resolve().is_relative_to((folder / "models").resolve())


def test_what_a_run_says_gives_a_terminal_no_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails with `json.loads` in place of `parsed`, or without any `printable` of `record_of` and `main`."""
    folder = write_journal(
        tmp_path / "run",
        {**MANIFEST, "experiment": {"name": f"n{TITLE}"}, "outcome": f"o{TITLE}"},
        key=f"k{TITLE}",
        text=f"conv{TITLE}",
        reason=TITLE,
        operators=(f"op{TITLE}",),
    )
    write_running(folder, [Running(1, TITLE, TITLE, 0.0, 0.0, 0, 1, 1)])
    run = evocnn.open_run(folder)
    told = [run.name, run.manifest["outcome"], run.records[0].text, run.records[0].evaluation.reason]
    (running,) = read_running(folder)
    told += [run.records[0].key, *run.records[0].operators, running.text, running.worker]
    assert all("\\x1b" in text or "\\u001b" in text for text in told)
    assert all(text.isprintable() for text in told)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for arguments in (["show", str(folder)], ["show", f"{folder}{TITLE}"]):
        monkeypatch.setattr(sys, "argv", ["evocnn", *arguments])
        with pytest.raises(SystemExit):
            main()
    assert TITLE not in "".join(capsys.readouterr())


def test_what_nobody_foresaw_is_shown_whole_and_gives_a_terminal_no_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails where `main` lets it through, or without `printable`."""

    def fail(*_: object) -> None:
        raise LookupError(TITLE)

    monkeypatch.setattr("evocnn.runs.open_run", fail)
    monkeypatch.setattr("evocnn.cli.show.open_run", fail)
    monkeypatch.setattr(sys, "argv", ["evocnn", "show", str(tmp_path)])
    with pytest.raises(SystemExit, match="1"):
        main()
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert r"LookupError: \x1b]0;owned\x07" in said
    assert said.endswith("please report it with the lines above\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objectives": []}, "'objectives' made no sense"),
        ({"objectives": [{**MANIFEST["objectives"][0], "x": 1}]}, "objectives or rejection had 'x'"),
        ({"objectives": 3}, "'objectives' made no sense"),
        ({"experiment": 3}, "'experiment' made no sense"),
        ({"experiment": {}}, r"'experiment\.name' made no sense"),
        ({"rejection": 3}, "'rejection' made no sense"),
        ({"tests": {"x": 1}}, "'tests' made no sense"),
    ],
)
def test_a_manifest_of_other_things_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Found by fuzzing; fails without `_Manifest`."""
    with pytest.raises(JournalError, match=message):
        evocnn.open_run(write_journal(tmp_path / "run", {**MANIFEST, **change}))


@pytest.mark.parametrize(
    "change",
    [{"donor": 0}, {"continues": 5}, {"parents": ("x",)}, {"operators": (3,)}, {"repairs": {"a": "b"}}],
)
def test_a_row_of_other_things_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    """Fails without `_CELLS`, and, in a loop without end, without the earlier tickets."""
    with pytest.raises(JournalError, match="ticket 0 made no sense"):
        evocnn.open_run(write_journal(tmp_path / "run", **change))


@pytest.mark.parametrize("text", [r'"\u001b[31m"', r'"\\\u001b"', '"\\u001B"', '"\x9b31m"', r'"\u202ex"'])
def test_json_of_a_run_holds_no_control_characters(text: str) -> None:
    """Fails without either half of the pattern of `parsed`: a backslash ahead must not hide an escape."""
    found = parsed(text)
    assert isinstance(found, str)
    assert printable(found) == found
    assert parsed(r'"a\nb\\u001b"') == "a\nb\\u001b"


def test_names_of_classes_hold_no_control_characters(tmp_path: Path) -> None:
    """Fails without the last check of `to_labels`; file names are spelt out by `printable` in `Notes`."""
    for name in ("cat", f"dog{TITLE}"):
        (tmp_path / name).mkdir()
        for index in range(5):
            Image.new("L", (4, 4)).save(tmp_path / name / f"{index}.png")
    with pytest.raises(DataError, match=r"must hold no control characters, but one was 'dog\\x1b\]0;owned"):
        load("folder", "train", tmp_path)
    (tmp_path / f"dog{TITLE}").rename(tmp_path / "dog")
    (tmp_path / "dog" / f"{TITLE}.txt").write_text("x")
    assert load("folder", "train", tmp_path).notes == (
        "1 file left out, not JPEG, PNG or WEBP: dog/\\x1b]0;owned\\x07.txt",
    )


@pytest.mark.timeout(30)
def test_links_and_pipes_in_a_folder_of_images_are_read_as_images_or_left_out(tmp_path: Path) -> None:
    """Fails, after half a minute, without `is_file` in `is_image`: a pipe would be waited for."""
    for name in ("cat", "dog"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(4):
            Image.new("L", (4, 4)).save(tmp_path / "data" / name / f"{index}.png")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "data/cat/a.png").symlink_to("/dev/zero")
    (tmp_path / "data/cat/b.png").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(tmp_path / "data/cat/c.png")
    assert load("folder", "train", tmp_path / "data").notes == (
        "3 files left out, not JPEG, PNG or WEBP: cat/a.png, cat/b.png, cat/c.png",
    )


@pytest.mark.timeout(30)
def test_a_pipe_in_place_of_what_runs_is_not_waited_for(tmp_path: Path) -> None:
    """Fails, after half a minute, without `is_file` in `read_running`."""
    os.mkfifo(tmp_path / "running.json")
    assert read_running(tmp_path) == ()


@pytest.mark.timeout(30)
def test_a_pipe_in_place_of_pretrained_weights_is_not_waited_for(tmp_path: Path) -> None:
    """Fails, after half a minute, without `is_file` in `_of_file`."""
    os.mkfifo(tmp_path / "weights.pth")
    backbone = {"weights": "weights.pth", "layers": "conv4k3", "mean": [0.5], "deviation": [0.5]}
    tables = {"name": "anyones", "data": {"source": "digits"}, "space": {"backbone": backbone}}
    with pytest.raises(
        ExperimentError, match=r"weights must be a file .*, but '.*/weights.pth' was none; co"
    ):
        Experiment.from_dict(tables, folder=tmp_path)


def test_an_experiment_file_that_never_ends_is_refused() -> None:
    """Fails without a limit in `read_toml`: the memory fills."""
    with pytest.raises(ExperimentError, match="'/dev/zero' must be at most 1000000 bytes"):
        read_toml(Path("/dev/zero"))

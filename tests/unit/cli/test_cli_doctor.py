"""The command that looks at the machine."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evocnn.cli import doctor
from evocnn.runs.checks import Finding, Level, check_memory

Call = Callable[..., Any]


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ray seem sound: to start it takes seconds."""
    monkeypatch.setattr(doctor, "_ray_error", lambda: "")


@pytest.mark.usefixtures("without_ray")
def test_a_sound_machine_ends_in_code_0_and_images_are_looked_at(evocnn: Call, tmp_path: Path) -> None:
    np.savez(tmp_path / "toy.npz", X=np.zeros((4, 5, 5), dtype=np.uint8), y=[0, 1, 0, 1])
    said = evocnn("doctor", "--data", tmp_path / "toy.npz")
    assert (said.code, said.err) == (0, "")
    subjects = [line[9:].partition(":")[0] for line in said.out.splitlines()[:-1] if line[0] != " "]
    assert subjects[:3] == ["Python", "packages", "PyTorch"]
    assert {"Ray", "cores", "threads", "memory", "disk for runs", "disk for the cache"} <= set(subjects)
    assert f"ok       data: 4 training images, 2 classes, in {tmp_path}" in said.out
    assert said.out.endswith("nothing is wrong\n")


@pytest.mark.usefixtures("without_ray")
def test_what_is_wrong_ends_in_code_2_with_advice(evocnn: Call, tmp_path: Path) -> None:
    said = evocnn("doctor", "--data", tmp_path / "gone")
    assert said.code == 2
    assert "wrong    data: data path" in said.out
    assert said.out.endswith("1 wrong: mend that first\n")


@pytest.mark.usefixtures("without_ray")
def test_a_folder_of_photographs_of_many_sizes_is_no_mistake(evocnn: Call, tmp_path: Path) -> None:
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for side in range(3, 9):
            Image.new("RGB", (side + label, side)).save(tmp_path / name / f"{side}.png")
    (tmp_path / "cat" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    said = evocnn("doctor", "--data", tmp_path)
    assert said.code == 0
    assert "warning  data: 10 training images, 2 classes" in said.out
    assert "cat/torn.png" in said.out


def test_a_disk_where_sqlite_cannot_write_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("locking protocol")

    assert doctor._disk("runs", tmp_path / "not" / "yet").level == Level.OK
    assert not (tmp_path / "not").exists()
    monkeypatch.setattr(sqlite3, "connect", refuse)
    found = doctor._disk("runs", tmp_path)
    assert (found.level, found.advice) == (
        Level.WRONG,
        "write runs elsewhere, to a disk of this machine: --out FOLDER",
    )
    assert "locking protocol" in found.text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("text", "n"), [("250000 100000\n", 2.5), ("max 100000\n", float("inf"))])
def test_the_cores_that_a_container_grants_are_read(text: str, n: float, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert doctor.granted_cores(tmp_path / "cpu.max") == n
    assert doctor.granted_cores(tmp_path / "gone") == float("inf")


def test_warnings_alone_end_in_code_0(evocnn: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def scarce(_: Path | None) -> Iterator[Finding]:
        yield check_memory(2**31, 4)

    monkeypatch.setattr(doctor, "_findings", scarce)
    said = evocnn("doctor")
    assert said.code == 0
    assert said.out.splitlines()[1].strip() == "→ search with --workers 2"


@pytest.mark.ray
@pytest.mark.slow
def test_ray_is_really_started() -> None:
    assert doctor._ray_error() == ""

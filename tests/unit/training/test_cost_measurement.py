"""The constants of the cost model: what is fitted, what is kept, and that a machine is measured once."""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, astuple, replace
from pathlib import Path

import numpy as np
import pytest

from evocnn.errors import DataError
from evocnn.genotype import LAYERS, Chromosome, CostModel, Fidelity, Shape
from evocnn.training import cost_measurement
from evocnn.training.cost_measurement import (
    LARGE,
    SMALL,
    Observation,
    constants_file,
    fitted,
    keep,
    machine_cost_model,
    measured_cost_model,
)

MACHINE = {"processor": "a", "torch": "1"}
MODEL = CostModel(start=0.02, per_flop=4e-11, per_activation=3e-9, per_operation=2e-4)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache of a machine without a GPU."""
    monkeypatch.setenv("EVOCNN_CACHE", str(tmp_path))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    return tmp_path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[CostModel]]:
    """Let each measurement give other constants at once, and return those given so far."""
    given: list[CostModel] = []

    def measure() -> CostModel:
        given.append(CostModel(start=1.0 + len(given)))
        return given[-1]

    monkeypatch.setattr(cost_measurement, "measured_cost_model", measure)
    return given


def observations(model: CostModel, errors: np.ndarray | float = 1.0) -> list[Observation]:
    """Return what the fixed networks take by a model, each with its own factor of error."""
    found = []
    for size, n_images, texts in ((8, 768, SMALL), (28, 256, LARGE)):
        for text in texts:
            chromosome = Chromosome.parse(text, LAYERS)
            counts, batch_size = chromosome.counts(Shape(1, size, size), 10), chromosome.recipe.batch_size
            fidelity = Fidelity(1, n_images)
            seconds = model.seconds(counts, fidelity, batch_size)
            found.append(Observation(counts, fidelity, batch_size, seconds))
    factors = np.broadcast_to(errors, len(found))
    return [o._replace(seconds=o.seconds * f) for o, f in zip(found, factors, strict=True)]


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        CostModel(0.5, 0.0, 1e-9, 1e-3),
        CostModel(0.001, 1e-10, 0.0, 1e-5),
        CostModel(0.2, 1e-12, 1e-10, 0),
    ],
)
def test_the_fit_finds_the_constants_that_times_were_made_with(model: CostModel) -> None:
    """So that the fixed networks tell the constants apart."""
    for found, constant in zip(astuple(fitted(observations(model))), astuple(model), strict=True):
        assert found == pytest.approx(constant, rel=0.01, abs=1e-16)


def test_the_fit_weighs_relative_errors() -> None:
    """In absolute terms the longest training would decide alone."""
    errors = np.random.default_rng(0).normal(1, 0.05, len(SMALL + LARGE))
    noisy = fitted(observations(MODEL, errors))
    truth = observations(MODEL)
    predicted = np.array([noisy.seconds(o.counts, o.fidelity, o.batch_size) for o in truth])
    assert np.abs(predicted / [o.seconds for o in truth] - 1).max() < 0.1


def test_no_constant_is_below_nothing_and_no_training_is_for_nothing() -> None:
    backwards = [o._replace(seconds=1 / (1 + o.counts.flops)) for o in observations(MODEL)]
    assert min(astuple(fitted(backwards))) >= 0
    assert fitted(observations(CostModel(start=0.0))).start == 0.001


def test_constants_are_short_numbers() -> None:
    """As they are to be copied into an experiment file."""
    exact = CostModel(0.0123456789, 1.23456789e-10, 1.23456789e-9, 1.23456789e-4)
    assert all(float(f"{c:.3g}") == c for c in astuple(fitted(observations(exact))))


def test_measuring_gives_constants_that_charge_for_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_measurement, "SMALL", SMALL[2:3])
    monkeypatch.setattr(cost_measurement, "LARGE", LARGE[:1])
    model = measured_cost_model()
    assert min(astuple(model)) >= 0
    few, many = (Chromosome.parse(text, LAYERS).counts(Shape(1, 28, 28), 10) for text in LARGE[:3:2])
    assert 0 < model.seconds(few, Fidelity(1, 1000), 64) < model.seconds(many, Fidelity(1, 1000), 64)


def test_a_machine_is_measured_once(cache: Path, measured: list[CostModel]) -> None:
    first = machine_cost_model(MACHINE)
    assert machine_cost_model(MACHINE) == first == measured[0]
    assert len(measured) == 1


def test_another_processor_and_another_torch_are_measured_anew(
    cache: Path, measured: list[CostModel]
) -> None:
    for machine in (
        MACHINE,
        {**MACHINE, "processor": "b"},
        {**MACHINE, "torch": "2"},
        {**MACHINE, "ray": "9"},
    ):
        machine_cost_model(machine)
    assert len(measured) == 3
    assert constants_file(MACHINE) != constants_file(MACHINE, "a GPU")


def test_of_processes_that_measure_at_once_the_first_gives_the_constants(cache: Path) -> None:
    path, barrier, n = cache / "cost" / "one.json", threading.Barrier(8), 8
    models = [CostModel(start=1.0 + number) for number in range(n)]

    def measure(model: CostModel) -> None:
        barrier.wait()
        keep(model, path)

    threads = [threading.Thread(target=measure, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = CostModel(**json.loads(path.read_text()))
    assert first in models
    keep(CostModel(start=99.0), path)
    assert CostModel(**json.loads(path.read_text())) == first
    assert [p.name for p in path.parent.iterdir()] == ["one.json"]  # nothing is left behind


def test_a_process_that_comes_second_takes_the_constants_of_the_first(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure() -> CostModel:
        keep(CostModel(start=5.0), constants_file(MACHINE))  # the other one was faster
        return CostModel(start=6.0)

    monkeypatch.setattr(cost_measurement, "measured_cost_model", measure)
    assert machine_cost_model(MACHINE) == CostModel(start=5.0)


def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[CostModel]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EVOCNN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(
        UserWarning, match=r"could not be kept in .*; set EVOCNN_CACHE .*, or state \[training"
    ):
        assert machine_cost_model(MACHINE) == measured[0]


def constants(**changes: object) -> str:
    return json.dumps({**asdict(MODEL), **changes})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "\x00",
        '{"start": 1, "per_byte": 2}',
        constants(per_byte=2),
        constants(start=0),
        constants(start=True),
        constants(per_flop="1e-9"),
        constants(per_flop=None),
        constants(per_activation=-1e-9),
        constants(per_operation=float("nan")),
        constants(per_operation=float("inf")),
        constants(per_operation=10**400),
    ],
)
def test_what_cannot_be_constants_is_measured_anew(
    content: str, cache: Path, measured: list[CostModel]
) -> None:
    path = constants_file(MACHINE)
    path.parent.mkdir()
    path.write_text(content)
    with pytest.warns(UserWarning, match=rf"file {path} must hold the constants of .*, but it did not; they"):
        found = machine_cost_model(MACHINE)
    assert machine_cost_model(MACHINE) == found == measured[0]
    assert len(measured) == 1
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing is left behind


def test_constants_may_be_whole_numbers_or_nothing_but_for_the_start(
    cache: Path, measured: list[CostModel]
) -> None:
    path = constants_file(MACHINE)
    path.parent.mkdir()
    path.write_text(constants(start=1, per_flop=0))
    assert machine_cost_model(MACHINE) == replace(MODEL, start=1.0, per_flop=0.0)
    assert not measured


def test_a_file_of_constants_that_cannot_be_read_is_named(cache: Path, measured: list[CostModel]) -> None:
    path = constants_file(MACHINE)
    path.mkdir(parents=True)
    with pytest.raises(DataError, match=rf"file {path} must be readable, but: .*; remove it"):
        machine_cost_model(MACHINE)

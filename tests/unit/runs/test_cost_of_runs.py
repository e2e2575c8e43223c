"""Which constants of the cost model a run charges by: its machine's, those it states, those it began with."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from searches import without_times

from evocnn import Experiment, resume, run
from evocnn.errors import EvocnnError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import CostModel, Shape
from evocnn.runs import Follower, Observer
from evocnn.runs import search as searching
from evocnn.runs.folder import READINGS, RUNNING
from evocnn.store import Journal, Running, environment, locked, write_running
from evocnn.store.journal import FILE_NAME
from evocnn.training.cost_measurement import constants_file, keep
from evocnn.training.evaluator import TrainingEvaluator

HERE = CostModel(start=0.5, per_flop=0.0, per_activation=0.0, per_operation=1e-3)
ELSEWHERE = CostModel(start=0.001, per_flop=1e-9, per_activation=1e-8, per_operation=0.0)
TABLES: dict[str, Any] = {
    "name": "costs",
    "seed": 5,
    "data": {"source": "digits", "images": 200},
    "space": {"preset": "tiny"},
    "training": {"epochs": 1},
    "search": {"population": 6, "window": 4, "budget": 20},
}
SMALL = Experiment.from_dict({**TABLES, "search": {"population": 3, "window": 2, "budget": 6}})


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let candidates be counted in place of being trained, on a machine without a GPU."""

    def evaluate(self: TrainingEvaluator, request: EvaluationRequest) -> Evaluation:
        chromosome: Any = request.genome
        size = chromosome.counts(Shape(*self.training.shape), self.training.n_classes).parameters
        accuracy = 0.5 + int(chromosome.key[:4], 16) / 2**17
        figures = {"validation_accuracy": accuracy, "parameters": float(size), "generalization_gap": 0.0}
        return Evaluation(Status.OK, figures)

    monkeypatch.setattr(TrainingEvaluator, "__call__", evaluate)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[CostModel], None]:
    """Return a function that puts this process on a machine with such constants."""

    def move(model: CostModel) -> None:
        monkeypatch.setenv("EVOCNN_CACHE", str(tmp_path / f"cache {model.start}"))
        keep(model, constants_file(environment()))

    return move


def test_a_run_charges_and_records_its_machines_constants(
    machine: Callable[[CostModel], None], tmp_path: Path
) -> None:
    found = {}
    for name, model in (("here", HERE), ("again", HERE), ("elsewhere", ELSEWHERE)):
        machine(model)
        found[name] = run(Experiment.from_dict(TABLES), tmp_path / name)
        assert found[name].manifest["cost_model"] == asdict(model)
    costs = {name: [record.cost for record in one.records] for name, one in found.items()}
    assert costs["here"] == costs["again"] != costs["elsewhere"]
    assert min(cost for cost in costs["here"] if cost > 0) >= HERE.start


def test_stated_constants_need_no_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(machine: object) -> CostModel:
        raise AssertionError

    monkeypatch.setattr(searching, "machine_cost_model", measure)
    stated = Experiment.from_dict({**TABLES, "training": {"epochs": 1, "cost": asdict(HERE)}})
    assert run(stated, tmp_path / "run").manifest["cost_model"] == asdict(HERE)


@pytest.mark.parametrize("mistake", ["data", "folder", "held"])
def test_nothing_is_measured_before_data_and_folder_are_known_to_be_right(
    mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(machine: object) -> CostModel:
        raise AssertionError

    monkeypatch.setattr(searching, "machine_cost_model", measure)
    tables = {**TABLES, "data": {"source": "mnist", "path": "nowhere"}} if mistake == "data" else TABLES
    parent = tmp_path / "run"
    if mistake == "folder":
        parent.write_text("a file")
    if mistake == "held":
        parent.mkdir()
        (parent / FILE_NAME).write_text("a run")
    with pytest.raises(EvocnnError, match=r"nowhere|must be a folder that can be made|held a run"):
        run(Experiment.from_dict(tables), parent / "run" if mistake == "folder" else parent)


def test_stated_constants_repeat_the_run_of_another_machine(
    machine: Callable[[CostModel], None], tmp_path: Path
) -> None:
    machine(HERE)
    theirs = run(Experiment.from_dict(TABLES), tmp_path / "theirs")
    machine(ELSEWHERE)
    cost = theirs.manifest["cost_model"]
    stated = Experiment.from_dict({**TABLES, "training": {"epochs": 1, "cost": cost}})
    assert without_times(run(stated, tmp_path / "mine").records) == without_times(theirs.records)


def test_a_run_goes_on_with_the_constants_that_it_began_with(
    machine: Callable[[CostModel], None], tmp_path: Path
) -> None:
    machine(HERE)
    experiment = Experiment.from_dict(TABLES)
    whole = run(experiment, tmp_path / "whole")
    told: list[object] = []
    run(
        experiment,
        tmp_path / "cut",
        observer=Observer(on_told=told.append, should_stop=lambda: len(told) >= 8),
    )
    machine(ELSEWHERE)
    assert without_times(resume(tmp_path / "cut").records) == without_times(whole.records)


def test_a_budget_that_buys_nothing_more_is_told(
    machine: Callable[[CostModel], None], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    machine(HERE)
    experiment = Experiment.from_dict({**TABLES, "search": {**TABLES["search"], "window": 8, "budget": 8}})
    n = len(run(experiment, tmp_path / "run").records)
    with Journal.open(tmp_path / "run") as journal:
        journal.set("tests", [{"reading": 1}])
        before = journal.manifest()
    with pytest.warns(UserWarning, match="the budget should be more than the run had spent .* it was 3;"):
        assert len(resume(tmp_path / "run", budget=3).records) == n
    with Journal.open(tmp_path / "run", read_only=True) as journal:
        assert journal.manifest() == before  # no note that the search went on, no smaller budget
    recwarn.clear()
    assert len(resume(tmp_path / "run", budget=10).records) > n
    assert not [warning for warning in recwarn if "budget" in str(warning.message)]


def test_a_search_that_was_killed_ahead_of_its_last_word_ends_at_its_budget(
    machine: Callable[[CostModel], None], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    machine(HERE)
    found = run(SMALL, tmp_path / "run")
    with Journal.open(found.folder) as journal:
        journal.set("status", RUNNING)
    recwarn.clear()
    assert resume(found.folder, budget=6).status == "finished"
    assert not recwarn.list


def test_what_a_cut_search_had_charged_already_is_trained_after_readings_too_and_noted(
    machine: Callable[[CostModel], None], tmp_path: Path
) -> None:
    """The records spend the budget by themselves, but one that was asked ahead of the last is not there."""
    machine(HERE)
    whole = run(SMALL, tmp_path / "whole")
    trained = [record.ticket for record in whole.records if record.reused_from is None]
    cut, budget = tmp_path / "cut", len(trained) - 1
    cut.mkdir()
    tables = whole.manifest["experiment"]
    tables["search"]["budget"] = budget
    manifest = {**whole.manifest, "status": "interrupted", READINGS: [{"reading": 1}]}
    with Journal.create(cut, manifest) as journal:
        for record in whole.records:
            if record.ticket != trained[2]:
                journal.commit(record)
    with pytest.warns(UserWarning, match="the search goes on after the test split of this run has been read"):
        found = resume(cut)
    assert (found.status, len(found.resumptions)) == ("finished", 1)
    assert trained[2] in {record.ticket for record in found.records}


def test_what_is_only_repeated_after_readings_is_not_noted_as_going_on(
    machine: Callable[[CostModel], None], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    machine(HERE)
    found = run(SMALL, tmp_path / "run")
    with Journal.open(found.folder) as journal:
        journal.set(READINGS, [{"reading": 1}])
    recwarn.clear()
    again = resume(found.folder, SMALL)
    assert (again.records, again.resumptions) == (found.records, [])
    assert not recwarn.list


def test_whoever_watches_sees_nothing_of_a_killed_session_once_the_next_has_begun(
    machine: Callable[[CostModel], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(HERE)
    folder = run(SMALL, tmp_path / "run").folder
    with Journal.open(folder) as journal:
        journal.set("status", RUNNING)
    write_running(folder, (Running(9, "conv8k3", "worker 0", 0.0, 0.0, 0, 1, 10),))
    seen: list[object] = []
    build = searching.build_parts

    def look(*arguments: Any, **options: Any) -> Any:
        seen.append(Follower(folder).look().running)
        return build(*arguments, **options)

    monkeypatch.setattr(searching, "build_parts", look)
    resume(folder)
    assert seen == [()]


def let_others_change(monkeypatch: pytest.MonkeyPatch, **entries: Any) -> None:
    """Let another process have a run and change its manifest just before this one has it."""

    def after_others(folder: Path) -> AbstractContextManager[None]:
        with locked(folder), Journal.open(folder) as journal:
            for name, value in entries.items():
                journal.set(name, value)
        return locked(folder)

    monkeypatch.setattr(searching, "locked", after_others)


@pytest.mark.fault
def test_a_reading_that_ends_as_the_search_goes_on_is_told_and_kept(
    machine: Callable[[CostModel], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see it fail: leave out the second `open_run` of `resume`, the one under the lock."""
    machine(HERE)
    folder = run(SMALL, tmp_path / "run").folder
    let_others_change(monkeypatch, **{READINGS: [{"reading": 1}]})
    with pytest.warns(UserWarning, match="the search goes on after the test split of this run has been read"):
        found = resume(folder, budget=8)
    assert (len(found.readings), len(found.resumptions)) == (1, 1)


@pytest.mark.fault
def test_a_run_that_another_process_finished_meanwhile_is_not_gone_on_with(
    machine: Callable[[CostModel], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see it fail: decide ahead of the lock alone; then it is said that a search saw the test split."""
    machine(HERE)
    known = run(SMALL, tmp_path / "run")
    folder, tables = known.folder, known.manifest["experiment"]
    with Journal.open(folder) as journal:
        journal.set("status", RUNNING)
        journal.set("experiment", {**tables, "search": {**tables["search"], "budget": 8}})
    let_others_change(monkeypatch, **{READINGS: [{"reading": 1}], "status": "exhausted"})
    assert resume(folder).resumptions == []

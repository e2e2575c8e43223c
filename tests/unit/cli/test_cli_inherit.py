"""Weight inheritance from the command line: a search with it, and what is shown of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import evocnn as package
from evocnn.runs import Observer

Call = Callable[..., Any]


def test_a_search_with_inheritance_shows_its_lines(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings = ("search.inherit=0.5", "training.epochs=2", "search.rungs=[1]", "search.budget=14")
    said = evocnn(
        "run", tiny, "--workers", 0, "--out", folder, *(word for one in settings for word in ("--set", one))
    )
    assert said.code == 0, said.err
    run = package.open_run(folder)
    heirs = [record for record in run.records if record.donor is not None]
    assert len(heirs) > 3
    for record in run.records:
        donors = run.donors(record)
        assert donors[:1] == (() if record.donor is None else (record.donor,))
        assert record.epochs == (1 if donors else 2)
        assert record.metrics["lineage_epochs"] == 2 + len(donors)
    assert max(len(run.donors(record)) for record in heirs) > 1
    assert 14 <= sum(record.n_epochs for record in run.records) / 2 < 15  # the budget is full trainings
    shown = {member["ticket"]: member for member in json.loads(evocnn("show", folder, "--json").out)["front"]}
    for record in run.front.members:
        assert shown[record.ticket]["donors"] == list(run.donors(record))
        assert shown[record.ticket]["metrics"]["lineage_epochs"] == record.metrics["lineage_epochs"]


def test_a_stopped_search_with_inheritance_goes_on_as_if_it_had_not_been(tiny: Path, tmp_path: Path) -> None:
    settings = ["search.inherit=0.5", "training.epochs=2", "search.rungs=[0.5, 1]", "search.budget=7"]
    experiment = package.load_experiment(tiny, settings)
    whole = package.run(experiment, tmp_path / "whole")
    told: list[Any] = []
    half = package.run(
        experiment,
        tmp_path / "half",
        observer=Observer(on_told=told.append, should_stop=lambda: len(told) >= 8),
    )
    assert len(half.records) < len(whole.records)
    found = package.resume(half.folder)
    assert any(record.donor is not None for record in found.records[len(half.records) :])
    for one, other in zip(found.records, whole.records, strict=True):
        assert (one.identity, one.metrics, one.donor) == (other.identity, other.metrics, other.donor)
        assert one.evaluation.curves == other.evaluation.curves

"""Objectives beyond accuracy and counts, and stated constants of the cost model, as a file has them."""

import tomllib
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from evocnn.config import Experiment, build_parts
from evocnn.config.parts import objectives_of
from evocnn.errors import ExperimentError
from evocnn.evaluation import Objectives
from evocnn.genotype import CostModel
from evocnn.training.protocol import LatencyTerms, Protocol

COST = {"start": 0.5, "per_flop": 1e-11, "per_activation": 2e-9, "per_operation": 0}


def experiment_of(tables: dict[str, Any], **objectives: Any) -> Experiment:
    return Experiment.from_dict({**tables, "objectives": objectives})


def protocol_of(tables: dict[str, Any], **objectives: Any) -> Protocol:
    return build_parts(experiment_of(tables, **objectives)).evaluator.protocol


def found(tables: dict[str, Any], **objectives: Any) -> Objectives:
    return objectives_of(experiment_of(tables, **objectives), 0.1, 100)


SIZES = ("parameters", "flops", "model_bytes", "activation_memory", "training_seconds", "latency")


@pytest.mark.parametrize("name", SIZES)
def test_sizes_and_times_are_compared_by_their_logarithms(name: str, tables: dict[str, Any]) -> None:
    (objective,) = found(tables, **{name: {"weight": -1, "reference": 100}}).items
    assert objective.log
    (objective,) = found(tables, **{name: {"weight": -1, "reference": 100, "scale": "linear"}}).items
    assert not objective.log


def test_references_follow_from_the_largest_network_and_the_timeout(tables: dict[str, Any]) -> None:
    objectives = found(tables, model_bytes={"weight": -1}, training_seconds={"weight": -1})
    assert objectives.reference_point == {"model_bytes": 240_000.0, "training_seconds": 30.0}


@pytest.mark.parametrize("name", ["latency", "activation_memory"])
def test_what_no_limit_bounds_needs_a_reference(name: str, tables: dict[str, Any]) -> None:
    with pytest.raises(
        ExperimentError, match=rf"'objectives.{name}': an objective must have a reference, .*"
    ):
        experiment_of(tables, **{name: {"weight": -1}})


def test_times_are_measured_where_an_experiment_selects_them(tables: dict[str, Any]) -> None:
    plain = protocol_of(tables, parameters={"weight": -1})
    assert (plain.is_timed, plain.latency) == (False, None)
    assert protocol_of(tables, training_seconds={"weight": -1}).is_timed
    default = protocol_of(tables, latency={"weight": -1, "reference": 1})
    assert (default.is_timed, default.latency) == (False, LatencyTerms(1, 1))
    stated = protocol_of(tables, latency={"weight": -1, "reference": 1, "batch_size": 8, "threads": 2})
    assert stated.latency == LatencyTerms(8, 2)


def test_a_measure_under_the_name_of_a_time_takes_its_place(tables: dict[str, Any]) -> None:
    own = {"weight": -1, "reference": 1, "measure": lambda metrics, genome: 1.0}
    protocol = protocol_of(tables, latency=own, training_seconds=own)
    assert (protocol.is_timed, protocol.latency) == (False, None)


@pytest.mark.parametrize("key", ["batch_size", "threads"])
def test_terms_stand_with_the_metric_latency_alone(key: str, tables: dict[str, Any]) -> None:
    message = rf"objectives.\w+': {key} must be given for the metric latency alone, .*; take it out"
    with pytest.raises(ExperimentError, match=message):
        experiment_of(tables, flops={"weight": -1, key: 4})
    own = {"weight": -1, "measure": lambda metrics, genome: 1.0}
    with pytest.raises(ExperimentError, match=message):
        experiment_of(tables, latency={**own, key: 4})


@pytest.mark.parametrize("value", [0, 1.0, True, "2"])
@pytest.mark.parametrize("key", ["batch_size", "threads"])
def test_terms_are_whole_numbers_above_nothing(key: str, value: object, tables: dict[str, Any]) -> None:
    with pytest.raises(ExperimentError, match=rf"'objectives.latency.{key}' must be"):
        experiment_of(tables, latency={"weight": -1, key: value})


def test_stated_constants_are_those_of_the_clock(tables: dict[str, Any]) -> None:
    assert build_parts(Experiment.from_dict(tables)).space.cost_model == CostModel()
    tables["training"]["cost"] = COST
    experiment = Experiment.from_dict(tables)
    assert astuple(build_parts(experiment).space.cost_model) == tuple(COST.values())
    other = CostModel(start=9.0)
    assert build_parts(experiment).charging(other).space.cost_model == other


@pytest.mark.parametrize("name", COST)
def test_constants_are_stated_all_or_none(name: str, tables: dict[str, Any]) -> None:
    tables["training"]["cost"] = {key: value for key, value in COST.items() if key != name}
    with pytest.raises(ExperimentError, match=rf"'training.cost.{name}' must be given, but it was missing"):
        Experiment.from_dict(tables)
    tables["training"]["cost"] = {**COST, name: -1e-9}
    with pytest.raises(ExperimentError, match=rf"'training.cost.{name}' must be greater than"):
        Experiment.from_dict(tables)


def test_an_unknown_constant_is_named_beside_those_that_exist(tables: dict[str, Any]) -> None:
    tables["training"]["cost"] = {**COST, "per_byte": 1}
    message = r"'training.cost.per_byte' is not known; known here: start, per_flop, per_activation"
    with pytest.raises(ExperimentError, match=message):
        Experiment.from_dict(tables)


def test_the_constants_that_the_page_shows_are_the_default_ones(tables: dict[str, Any]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "experiment-file.md").read_text(encoding="utf-8")
    block = page[page.index("```toml\n[training.cost]") :].split("```")[1].removeprefix("toml\n")
    tables["training"] |= tomllib.loads(block)["training"]
    assert build_parts(Experiment.from_dict(tables)).space.cost_model == CostModel()

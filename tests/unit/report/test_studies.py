"""What the studies of `experiments/` compute from runs, on runs that nobody trained."""

import runpy
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from evocnn.cli import tested
from evocnn.cli.study import Asked
from evocnn.config import Experiment, space_of
from evocnn.report.sweep import Point
from evocnn.runs import Run
from evocnn.store import Record

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
SPACE = space_of(
    Experiment.from_dict(
        {
            "name": "studied",
            "data": {"source": "digits"},
            "space": {"layers": {"conv": {"filters": [4, 8], "kernel": 3}, "pool": {}}},
        }
    ),
    (1, 8, 8),
    10,
)

ASKED = Asked(None, Path(), Path(), is_quick=False)


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXPERIMENTS / name / "run.py"))


@pytest.fixture
def search(make_record: Callable[..., Record], make_run: Callable[..., Run]) -> Callable[..., Run]:
    """Return a function of networks with their accuracies, sizes and gaps that makes a run of them."""

    def run(**networks: tuple[float, float, float]) -> Run:
        records = []
        for ticket, (layers, figures) in enumerate(networks.items()):
            text = f"{layers.replace('_', ' · ')} | gap | sgd lr=.05"
            genome = SPACE.parse(text).to_json()
            records.append(make_record(ticket, *figures, genome=genome, text=text, key=text))
        made = make_run(*records)
        return replace(
            made, manifest={**made.manifest, "data": {**made.manifest["data"], "n_validation": 400}}
        )

    return run


class TestHowManyLayers:
    def test_the_shallowest_within_a_standard_error_is_recommended(self, search: Callable[..., Run]) -> None:
        run = search(
            conv4k3=(0.70, 100, 0.01),
            conv4k3_pool_conv8k3=(0.79, 500, 0.06),
            conv4k3_conv4k3_conv8k3=(0.80, 900, 0.03),  # the standard error of 400 images is 0.02
        )
        study = script("how-many-layers")
        assert study["recommended"](run).ticket == 1
        assert study["n_layers"](study["recommended"](run)) == 3  # the pool has no weights, the output has
        assert study["recommended"](run, bound=0.05).ticket == 2
        assert study["recommended"](run, bound=0.02).ticket == 0
        assert study["recommended"](run, bound=0.005) is None

    def test_of_equally_deep_networks_the_better_is_recommended(self, search: Callable[..., Run]) -> None:
        run = search(conv4k3=(0.79, 100, 0), conv8k3=(0.80, 200, 0), conv4k3_conv4k3=(0.81, 300, 0))
        assert script("how-many-layers")["recommended"](run).ticket == 1

    def test_a_cell_tells_depths_and_the_mean_accuracy_of_what_keeps_the_bound(
        self, search: Callable[..., Run]
    ) -> None:
        first, second = search(conv4k3=(0.7, 100, 0), conv8k3=(0.8, 200, 0)).records
        assert script("how-many-layers")["kept_text"]([first, second, None]) == "none (1), 2 (2): 0.750"

    def test_the_grid_is_as_large_as_the_budget_and_of_one_width(self) -> None:
        study = script("how-many-layers")
        grid = study["experiment_of"]("grid", study["SETTINGS"][0], 1).space.founders
        assert len(set(grid)) == len(grid) == study["SETTINGS"][0].n_trainings
        assert {text.count("conv") for text in grid} == set(study["GRID_DEPTHS"])
        assert {text.partition(" ")[0] for text in grid} == {"conv16k3"}

    def test_test_accuracies_are_held_against_those_of_random_search_seed_by_seed(
        self, search: Callable[..., Run]
    ) -> None:
        study = script("how-many-layers")
        run = search(conv4k3=(0.70, 100, 0.08), conv4k3_conv8k3=(0.80, 900, 0.01))

        def answers(*accuracies: float) -> list[Any]:
            return [
                study["Answer"](
                    run,
                    run.records[1],
                    judged_at(accuracy),
                    tuple(study["recommended"](run, bound) for bound in study["BOUNDS"]),
                )
                for accuracy in accuracies
            ]

        found = {(500, "nsga2"): answers(0.75, 0.85), (500, "random"): answers(0.70, 0.70)}
        figures = study["figures_of"](found, is_quick=False)
        assert figures["500.nsga2.above_random"].value == pytest.approx(0.1)
        assert figures["500.nsga2.layers"].value == 3
        assert [figures[f"500.random.keep_{bound}"].value for bound in study["BOUNDS"]] == [2, 2, 2]
        assert "| 500 | nsga2 | +0.1000 (-0.5353 to +0.7353) |" in "\n".join(study["tests_table"](found))

    def test_all_arms_have_equal_budgets_and_may_draw_any_depth_and_kind(self) -> None:
        study = script("how-many-layers")
        experiments = [study["experiment_of"](arm, study["SETTINGS"][2], 1) for arm in study["ARMS"]]
        assert {one.search.budget.epochs for one in experiments} == {24 * 4}
        for one in experiments:  # as TPE draws, which knows neither prior nor weights
            space = one.tables["space"]
            assert space["founder_prior"] == "uniform"
            assert space["founder_depth"] == [1, space["limits"]["depth"]]
            assert not any("weight" in kind for kind in space["layers"].values())

    def test_one_arm_has_the_bound_from_the_start(self) -> None:
        study = script("how-many-layers")
        ours, others = (
            study["experiment_of"](arm, study["SETTINGS"][1], 1).tables["objectives"]
            for arm in (study["BOUNDED"], "nsga2")
        )
        assert {**others, "generalization_gap": {"weight": -1, "ceiling": study["BOUND"]}} == ours


class TestGeneralizationGap:
    def test_each_rule_takes_its_network_for_each_size(self, search: Callable[..., Run]) -> None:
        members = search(
            conv4k3=(0.70, 4_000, 0.00),
            conv4k3_conv4k3=(0.79, 9_000, 0.01),
            conv4k3_conv8k3=(0.80, 9_500, 0.05),
            conv8k3=(0.90, 60_000, 0.02),
        ).records
        study = script("generalization-gap")
        taken = study["taken_from"](members, 400)
        assert [taken["accurate", ceiling].ticket for ceiling in study["CEILINGS"]] == [0, 2, 2, 2]
        assert [taken["careful", ceiling].ticket for ceiling in study["CEILINGS"]] == [0, 1, 1, 1]

    def test_sizes_that_an_arm_does_not_reach_are_left_out_of_both(self, search: Callable[..., Run]) -> None:
        members = search(conv8k3=(0.9, 60_000, 0.02), conv4k3=(0.8, 15_000, 0.02)).records
        study = script("generalization-gap")
        assert set(study["taken_from"](members, 400)) == set(product(study["RULES"], (20_000, 50_000)))
        worse, better = study["Judged"](1, {"clean": 0.5}), study["Judged"](1, {"clean": 0.75})
        taken = {
            "with": [{("accurate", 10_000): better, ("accurate", 20_000): worse}],
            "without": [{("accurate", 20_000): better}],
        }
        assert study["common"](taken) == [[20_000]]
        assert study["means_of"](taken, "with", "accurate", "clean") == [0.5]

    def test_shifts_do_what_they_say(self) -> None:
        study = script("generalization-gap")
        grey = torch.full((3, 1, 9, 9), 0.5)
        line = torch.zeros(1, 1, 9, 9)
        line[..., 4, :] = 1
        assert study["noisy"](grey, 0.15).std().item() == pytest.approx(0.15, rel=0.15)
        assert torch.equal(study["noisy"](grey, 0.15), study["noisy"](grey, 0.15))
        assert torch.allclose(study["blurred"](grey, 1.0), grey)
        assert study["blurred"](line, 1.0)[0, 0, :, 4].argmax() == 4
        assert study["blurred"](line, 1.0).max() < 0.5
        assert torch.allclose(study["rotated"](line, 90.0)[0, 0, 1:-1, 4], torch.ones(7), atol=1e-5)
        assert torch.allclose(study["brighter"](grey, 0.2), torch.full_like(grey, 0.7))
        assert study["unchanged"](grey, 0.0) is grey

    def test_the_arms_differ_in_the_gap_alone(self) -> None:
        study = script("generalization-gap")
        ours, others = (study["experiment_of"](arm, 1, ASKED).tables for arm in study["ARMS"])
        assert set(ours["objectives"]) - set(others["objectives"]) == {"generalization_gap"}
        assert {**ours, "objectives": None} == {**others, "objectives": None}


def point_of(*accuracies: float) -> Point:
    return Point(1, "", {"validation_accuracy": accuracies, "seconds": (1.0,) * len(accuracies)}, 0)


class TestWhatMatters:
    def test_an_effect_is_the_difference_of_the_means_with_its_interval(self) -> None:
        study = script("what-matters")
        effect = study["Effect"]("batch size", "16", point_of(0.82, 0.84), point_of(0.79, 0.80, 0.81))
        assert effect.size == pytest.approx(0.03)
        assert effect.interval[0] < 0.03 < effect.interval[1]
        assert 0 < effect.p < 0.2

    def test_changes_are_distinct_and_differ_from_the_base(self) -> None:
        study = script("what-matters")
        space = space_of(study["experiment_of"](ASKED), (1, 28, 28), 10)
        base = space.parse(study["BASE"])
        fields = base.to_json()
        texts = [text for variants in study["VARIANTS"].values() for text in variants.values()]
        assert len({base.key, *(space.parse(text).key for text in texts)}) == len(texts) + 1
        for genes in (*study["SWEEPS"].values(), *study["LONG_SWEEPS"].values()):
            for gene, values in genes.items():
                segment, _, field = gene.partition(".")
                assert len(set(values)) == len(values)
                assert fields.get(segment, {}).get(field) not in values

    def test_blocks_are_held_against_as_many_convolutions(self) -> None:
        study = script("what-matters")
        blocks = study["VARIANTS"]["blocks"]
        convolutions = {"res": 2, "neck": 3, "conv": 1}
        for name, plain in study["AS_DEEP"].items():
            counts = [
                sum(
                    n * blocks[one].count(f"{kind}{filters}k3")
                    for kind, n in convolutions.items()
                    for filters in (16, 32, 64)
                )
                for one in (name, plain)
            ]
            assert counts[0] == counts[1]

    def test_every_change_is_yielded_once_beside_what_it_is_held_against(self) -> None:
        study = script("what-matters")
        base, long_base = point_of(0.5, 0.6), point_of(0.7, 0.8)

        def trained(
            _: Any, name: str, sweep: dict[str, list[Any]], *_rest: Any, **_given: Any
        ) -> dict[str, Any]:
            ((_gene, values),) = sweep.items()
            return {f"{name} {value}": point_of(0.1, 0.2) for value in values}

        study["changes"].__globals__["trained"] = trained
        found = list(study["changes"](ASKED, 2, base, long_base, 32))
        assert len({(one.factor, one.level) for one in found}) == len(found) == 64
        assert {one.factor for one in found} == set(study["FACTORS"])
        assert {one.factor for one in found if one.base is long_base} == {
            *study["LONG_SWEEPS"],
            *study["LONG_VARIANTS"],
        }


class TestCluster:
    def test_searches_that_differ_in_a_ticket_are_not_all_alike(self) -> None:
        share = script("cluster")["share_alike"]
        assert share({0: "a", 1: "b"}, {0: "a", 1: "b"}) == 1
        assert share({0: "a", 1: "b"}, {0: "a", 1: "c"}) == 0.5
        assert share({0: "a"}, {0: "a", 1: "b"}) == 0.5


def judged_at(accuracy: float) -> tested.Tested:
    return tested.Tested("one", "conv4k3 | gap | sgd lr=.05", 500, 400, 20, accuracy, (0.0, 1.0), 1.0, "")


def test_own_photos_tells_the_difference_seed_by_seed() -> None:
    lines = script("own-photos")["table"](
        {"augmented": [judged_at(0.9), judged_at(0.8)], "plain": [judged_at(0.8), judged_at(0.6)]}
    )
    assert lines[-1] == "paired by seed, with its 95 % interval (Student): +0.1500 (-0.4853 to +0.7853)."


def test_own_photos_arms_differ_in_augmentation_alone() -> None:
    study = script("own-photos")
    ours, others = (dict(study["experiment_of"](arm, 1, ASKED).tables["space"]) for arm in study["ARMS"])
    assert set(ours["recipe"]) - set(others["recipe"]) == set(study["AUGMENTATIONS"])
    assert {**ours, "recipe": None} == {**others, "recipe": None}

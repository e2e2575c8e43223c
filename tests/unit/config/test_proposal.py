"""What `evocnn init` proposes follows from the images and the machine, and can be searched as it is."""

import tomllib
from dataclasses import replace
from itertools import pairwise

import pytest

from evocnn.config import Experiment
from evocnn.config.proposal import (
    LEAST_IMAGES,
    LEAST_TRAININGS,
    SEARCH_SECONDS,
    Machine,
    Seen,
    accuracy_floor,
    batch_sizes,
    plan_of,
    sides_for,
    validation_share,
)
from evocnn.config.proposed_file import in_words, proposed_text, toml_value
from evocnn.genotype import CostModel
from evocnn.training.data.survey import Survey

COST = CostModel()
SLOW = CostModel(
    **{name: 50 * getattr(COST, name) for name in ("per_flop", "per_activation", "per_operation")}
)
MACHINE = Machine("2 cores", 2, COST)
PHOTOS = Seen(
    "pets", "folder", "pets", 3, Survey(7, (90, 100), (3000, 4000), 100, 1.0), (150, 900), ("cat", "dog\n")
)
GREY = Seen("mnist", "mnist", None, 1, Survey(1, (28, 28), (28, 28), 28, 1.0), (6000,) * 10, (*"0123456789",))


def test_larger_images_are_kept_on_a_faster_machine() -> None:
    fast = Machine("64 cores", 64, COST)
    slow = plan_of(PHOTOS, replace(MACHINE, cost=SLOW))
    assert plan_of(PHOTOS, fast).size == (100, 100)
    assert slow.size == (32, 32)
    assert slow.n_images == PHOTOS.n_images  # few are not made fewer
    assert slow.budget == 40


def test_a_search_takes_the_time_that_it_should() -> None:
    plan = plan_of(PHOTOS, MACHINE)
    assert plan.seconds * LEAST_TRAININGS <= SEARCH_SECONDS * MACHINE.n_workers
    assert SEARCH_SECONDS * 0.9 < plan.search_seconds < SEARCH_SECONDS * 1.1


def test_of_many_images_fewer_are_used_where_time_is_short() -> None:
    assert plan_of(GREY, Machine("a cluster", 500, COST)).n_images == 60_000
    slow = plan_of(GREY, MACHINE)
    assert LEAST_IMAGES <= slow.n_images < 60_000
    assert f"\nimages = {slow.n_images:_}\n" in proposed_text(GREY, MACHINE, slow, "e.toml")


@pytest.mark.parametrize("seen", [PHOTOS, GREY, replace(PHOTOS, counts=(10, 10), channels=1)])
def test_the_file_is_an_experiment_and_every_key_has_its_reason(seen: Seen) -> None:
    plan = plan_of(seen, MACHINE)
    text = proposed_text(seen, MACHINE, plan, "e.toml")
    experiment = Experiment.from_dict(tomllib.loads(text))
    assert experiment.training.epochs == plan.epochs
    assert experiment.search.budget.evaluations == plan.budget
    assert experiment.data.framing.size == (None if seen is GREY else plan.size)
    lines = text.splitlines()
    for above, line in pairwise(lines):
        assert " = " not in line or line.startswith("#") or above.startswith("# "), line
    assert all(len(line) <= 100 for line in lines)


def test_unequal_classes_are_spoken_of_and_their_names_cannot_break_the_file() -> None:
    text = proposed_text(PHOTOS, MACHINE, plan_of(PHOTOS, MACHINE), "e.toml").replace("\n# ", " ")
    assert 'Always saying "dog\\n", the largest class, is right in 85.7%' in text
    assert 'unequal, 900 images against 150 of "cat"' in text


def test_mirror_images_are_proposed_for_colours_alone() -> None:
    assert plan_of(PHOTOS, MACHINE).space["recipe"]["flip"] == [0, 0.5]
    assert "flip" not in plan_of(GREY, MACHINE).space["recipe"]


def test_images_are_made_smaller_never_larger() -> None:
    assert sides_for(8) == [8]
    assert sides_for(100) == [100, 96, 64, 48, 32]
    assert sides_for(3000) == [128, 96, 64, 48, 32]


@pytest.mark.parametrize(
    ("n_images", "n_classes", "share"), [(20, 2, 0.4), (2000, 10, 0.25), (60_000, 10, 0.2), (200, 100, 0.5)]
)
def test_the_fewer_images_the_more_of_them_validate(n_images: int, n_classes: int, share: float) -> None:
    assert validation_share(n_images, n_classes) == share


def test_the_floor_is_beyond_chance_and_within_reach() -> None:
    assert accuracy_floor(0.1, 900) == pytest.approx(0.13)  # three standard errors of 0.01
    assert accuracy_floor(0.5, 8) == pytest.approx(0.625)  # three of them would be beyond 1


@pytest.mark.parametrize(("n", "sizes"), [(12, [4, 8]), (160, [8, 16]), (1280, [64, 128])])
def test_an_epoch_has_steps_enough(n: int, sizes: list[int]) -> None:
    assert batch_sizes(n) == sizes


def test_portraits_are_not_squeezed_into_squares() -> None:
    assert Survey(2, (90, 60), (300, 200), 60, 1.5).size_at(32) == (48, 32)
    assert Survey(2, (60, 90), (200, 300), 60, 2 / 3).size_at(32) == (32, 48)
    assert Survey(2, (60, 70), (200, 240), 60, 0.85).size_at(32) == (32, 32)


@pytest.mark.parametrize("value", ['a"b\\c\n\x07\x7f é🙂', [1, 0.5], 50_000, 1e-07, -1])
def test_values_are_read_back_as_they_were(value: object) -> None:
    assert tomllib.loads(f"v = {toml_value(value)}")["v"] == value


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 seconds"), (89, "89 seconds"), (1200, "20 minutes"), (9000, "2.5 hours")]
)
def test_times_are_told_in_words(seconds: float, text: str) -> None:
    assert in_words(seconds) == text

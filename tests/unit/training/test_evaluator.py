"""The evaluator: figures, their repetition, saved states, and what is refused."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from evocnn.errors import GeneError, JournalError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Chromosome, Conv, Counts, Fidelity, Head, Pool, Recipe, Shape
from evocnn.phenotype import build
from evocnn.training import evaluator as evaluator_module
from evocnn.training import loop as loop_module
from evocnn.training.data import ImageSet, image_set, training_subset
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.images import Images
from evocnn.training.protocol import Protocol
from evocnn.training.step import EagerStep

SHAPE = Shape(1, 6, 6)
CHROMOSOME = Chromosome(
    (Conv(filters=4, kernel=3), Pool(), Conv(filters=6, kernel=3)),
    Head(dropout=0.2),
    Recipe(batch_size=16, learning_rate=0.05),
)


def patterns(n: int, seed: int, name: str = "patterns") -> ImageSet:
    """Return noise with a bright row for class 0, a bright column for class 1, neither for class 2."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 120, (n, 6, 6)).astype(np.uint8)
    labels = np.arange(n) % 3
    for image, label in zip(pixels, labels, strict=True):
        place = rng.integers(6)
        if label == 0:
            image[place, :] += 100
        elif label == 1:
            image[:, place] += 100
    return image_set(pixels, labels, name=name)


TRAINING, VALIDATION = patterns(61, seed=1), patterns(30, seed=2)


def evaluator_of(**changes: Any) -> TrainingEvaluator:
    settings = {"training": TRAINING, "validation": VALIDATION, "protocol": Protocol(seed=1), **changes}
    return TrainingEvaluator(**settings)


def asking(
    chromosome: Any = CHROMOSOME, epochs: int = 2, share: float = 1.0, **changes: Any
) -> EvaluationRequest:
    return EvaluationRequest(chromosome, Fidelity(epochs, len(TRAINING), share), **changes)


def figures(evaluation: Evaluation) -> tuple[Any, ...]:
    """Return everything but the time."""
    return evaluation.status, evaluation.metrics, evaluation.curves, evaluation.reason


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluator_of()(asking(epochs=3))


@pytest.fixture
def three_threads() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(n_threads)


def test_metrics_and_curves_of_a_success(found: Evaluation) -> None:
    assert found.status is Status.OK
    assert found.reason == ""
    assert found.seconds > 0
    assert set(found.curves) == {"training_loss", "validation_loss", "validation_accuracy"}
    assert {len(curve) for curve in found.curves.values()} == {3}
    metrics = found.metrics
    assert metrics["validation_accuracy"] == found.curves["validation_accuracy"][-1]
    assert metrics["validation_loss"] == found.curves["validation_loss"][-1]
    counts = CHROMOSOME.counts(SHAPE, 3)
    assert (metrics["parameters"], metrics["flops"]) == (counts.parameters, counts.flops)
    assert metrics["epochs"] == 3
    for name in ("validation_accuracy", "training_accuracy"):
        assert metrics[name] * 30 == pytest.approx(
            round(metrics[name] * 30)
        )  # both are measured on 30 images
        assert 0 <= metrics[name] <= 1
    assert {type(value) for value in metrics.values()} == {float}


def test_the_same_request_gives_the_same_bits(found: Evaluation, three_threads: None) -> None:
    evaluator = evaluator_of()
    torch.manual_seed(12345)
    first = evaluator(asking(epochs=3))
    evaluator(asking(replicate=5))  # whatever was trained in between
    torch.rand(7)
    assert figures(evaluator(asking(epochs=3))) == figures(first) == figures(found)


def test_another_process_gives_the_same_bits(found: Evaluation, tmp_path: Path) -> None:
    code = (
        "import pickle, sys, torch\n"
        "torch.set_num_threads(2)\n"
        "evaluator, request = pickle.load(open(sys.argv[1], 'rb'))\n"
        "pickle.dump(evaluator(request), open(sys.argv[2], 'wb'))\n"
    )
    asked, answered = tmp_path / "asked", tmp_path / "answered"
    asked.write_bytes(pickle.dumps((evaluator_of(), asking(epochs=3))))
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, str(asked), str(answered)], check=True, env=environment)
    assert figures(pickle.loads(answered.read_bytes())) == figures(found)


def test_a_replicate_starts_from_other_weights(found: Evaluation) -> None:
    other = evaluator_of()(asking(epochs=3, replicate=1))
    assert other.curves["training_loss"][0] != found.curves["training_loss"][0]


def test_another_protocol_seed_gives_other_results(found: Evaluation) -> None:
    other = evaluator_of(protocol=Protocol(seed=2))(asking(epochs=3))
    assert other.curves["training_loss"] != found.curves["training_loss"]


def test_the_callers_random_state_and_threads_are_left_alone(three_threads: None) -> None:
    torch.manual_seed(99)
    state = torch.get_rng_state()
    evaluator_of()(asking(epochs=1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == 3


def test_they_are_left_alone_by_a_failure_too(three_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        torch.rand(3)
        assert torch.get_num_threads() == 1
        raise RuntimeError("in the middle")

    monkeypatch.setattr(evaluator_module, "training_steps", fail)
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="in the middle"):
        evaluator_of()(asking())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == 3


def test_training_accuracy_is_measured_on_the_fixed_subset_in_eval_mode(
    monkeypatch: pytest.MonkeyPatch, found: Evaluation
) -> None:
    measured: list[tuple[torch.nn.Module, Images]] = []
    measure = evaluator_module.measure

    def spy(network: torch.nn.Module, images: Images) -> torch.Tensor:
        measured.append((network, images))
        return measure(network, images)

    monkeypatch.setattr(evaluator_module, "measure", spy)
    again = evaluator_of()(asking(epochs=3))
    assert figures(again) == figures(found)
    ((network, images),) = measured
    subset = training_subset(TRAINING, 30, 1)
    np.testing.assert_array_equal(images.pixels.numpy(), subset.images)
    np.testing.assert_array_equal(images.labels.numpy(), subset.labels)

    mean, deviation = TRAINING.images.mean(), TRAINING.images.std()
    with torch.no_grad():
        scores = network.eval()((torch.tensor(subset.images).float() - mean) / deviation)
        held_out = network((torch.tensor(VALIDATION.images).float() - mean) / deviation)
    accuracy = float((scores.argmax(1).numpy() == subset.labels).mean())
    validation = float((held_out.argmax(1).numpy() == VALIDATION.labels).mean())
    assert again.metrics["training_accuracy"] == pytest.approx(accuracy)
    assert again.metrics["validation_accuracy"] == pytest.approx(validation)
    assert again.metrics["generalization_gap"] == pytest.approx(max(0.0, accuracy - validation))
    assert sum(p.numel() for p in network.parameters()) == again.metrics["parameters"]


@pytest.mark.parametrize(("training_accuracy", "is_floored"), [(1.0, False), (0.0, True)])
def test_the_gap_is_training_minus_validation_floored_at_zero(
    monkeypatch: pytest.MonkeyPatch, training_accuracy: float, is_floored: bool
) -> None:
    monkeypatch.setattr(evaluator_module, "measure", lambda network, images: (0.5, training_accuracy))
    metrics = evaluator_of()(asking()).metrics
    assert 0 < metrics["validation_accuracy"] < 1
    gap = metrics["generalization_gap"]
    assert gap == (0.0 if is_floored else pytest.approx(1.0 - metrics["validation_accuracy"], abs=1e-11))
    assert metrics["training_accuracy"] == training_accuracy


def test_all_images_are_normalized_by_the_training_images() -> None:
    evaluator = evaluator_of()
    training, validation, subset = evaluator._images()
    pixels = training.batch(torch.arange(61))[0]
    assert float(pixels.mean()) == pytest.approx(0.0, abs=1e-5)
    assert float(pixels.std(correction=0)) == pytest.approx(1.0, abs=1e-5)
    for images in (validation, subset):
        assert torch.equal(images.mean, training.mean)
        assert torch.equal(images.deviation, training.deviation)
    assert len(subset) == len(validation) == 30
    assert evaluator._images()[0] is training  # loaded once


def test_images_that_cannot_be_written_are_fine() -> None:
    images = patterns(61, seed=1)
    images.images.setflags(write=False)  # as they come from Ray's store
    images.labels.setflags(write=False)
    assert evaluator_of(training=images)(asking(epochs=1)).status is Status.OK


def test_a_failure_has_curves_and_no_metrics() -> None:
    timed_out = evaluator_of(protocol=Protocol(seed=1, timeout=0.0))(asking())
    assert (timed_out.status, timed_out.metrics) == (Status.TIMED_OUT, {})
    assert timed_out.reason == "past its timeout of 0 s in epoch 1"
    wild = replace(CHROMOSOME, recipe=replace(CHROMOSOME.recipe, learning_rate=1e30))
    diverged = evaluator_of()(asking(wild, epochs=9))
    assert (diverged.status, diverged.metrics) == (Status.DIVERGED, {})
    assert {len(curve) for curve in diverged.curves.values()} == {1}
    assert diverged.seconds > 0


def test_early_stopping_is_the_protocols() -> None:
    protocol = Protocol(seed=1, patience=1, least_improvement=1.0)  # nothing is improvement enough
    found = evaluator_of(protocol=protocol)(asking(epochs=9))
    assert found.metrics["epochs"] == 2
    assert {len(curve) for curve in found.curves.values()} == {2}


@pytest.mark.parametrize("epochs", [1, 4])
def test_a_recipe_with_epochs_of_its_own_is_trained_for_them(epochs: int) -> None:
    own = replace(CHROMOSOME, recipe=replace(CHROMOSOME.recipe, epochs=epochs))
    found = evaluator_of()(asking(own, epochs=2))
    assert found.metrics["epochs"] == epochs
    assert {len(curve) for curve in found.curves.values()} == {epochs}


def test_early_stopping_cuts_a_recipes_own_epochs_too() -> None:
    own = replace(CHROMOSOME, recipe=replace(CHROMOSOME.recipe, epochs=9))
    found = evaluator_of(protocol=Protocol(seed=1, patience=1, least_improvement=1.0))(asking(own))
    assert found.metrics["epochs"] == 2


def at_rung(share: float, **changes: Any) -> EvaluationRequest:
    """Return a request for a share of 10 epochs whose state is saved."""
    fidelity = Fidelity(10, len(TRAINING), share)
    return EvaluationRequest(changes.pop("genome", CHROMOSOME), fidelity, saves_state=True, **changes)


def test_rungs_equal_full_training_with_and_without_their_states() -> None:
    """At 10, 30 and 100 % of the epochs, each on another worker."""
    whole = evaluator_of()(at_rung(1.0))
    state = None
    for share, epochs in (0.1, 1), (0.3, 3), (1.0, 10):
        anew = evaluator_of()(at_rung(share, continues=5))
        found = evaluator_of()(at_rung(share, continues=5, state=state))
        assert figures(found) == figures(anew)
        assert found.metrics["epochs"] == epochs
        for name, curve in found.curves.items():
            assert curve == whole.curves[name][:epochs]
        state = found.state
        assert state is not None
    assert figures(found) == figures(whole)


def test_a_continuation_may_have_nothing_left_to_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 3 epochs, 10 and 30 % are one."""
    first, direct = (evaluator_of()(asking(epochs=3, share=share, saves_state=True)) for share in (0.1, 0.3))
    monkeypatch.setattr(EagerStep, "__call__", None)  # no step is taken
    found = evaluator_of()(asking(epochs=3, share=0.3, saves_state=True, continues=5, state=first.state))
    assert figures(found) == figures(direct)
    assert found.metrics["epochs"] == 1
    monkeypatch.undo()
    ends = [evaluator_of()(asking(epochs=3, state=state)) for state in (found.state, None)]
    assert figures(ends[0]) == figures(ends[1])


def test_a_rung_is_a_share_of_a_recipes_own_epochs() -> None:
    own = replace(CHROMOSOME, recipe=replace(CHROMOSOME.recipe, epochs=20))
    whole, part = (evaluator_of()(at_rung(share, genome=own)) for share in (1.0, 0.3))
    assert part.metrics["epochs"] == 6
    assert part.curves["training_loss"] == whole.curves["training_loss"][:6]


def test_what_stopped_early_is_not_trained_further(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator = evaluator_of(protocol=Protocol(seed=1, patience=1, least_improvement=1.0))
    early = evaluator(at_rung(0.5))
    assert early.metrics["epochs"] == 2
    monkeypatch.setattr(EagerStep, "__call__", None)  # no step is taken
    assert figures(evaluator(at_rung(1.0, state=early.state))) == figures(early)


def test_a_state_is_brought_where_it_is_asked_for_and_training_succeeded(found: Evaluation) -> None:
    assert found.state is None
    assert evaluator_of(protocol=Protocol(seed=1, timeout=0.0))(at_rung(1.0)).state is None


@pytest.mark.parametrize(
    "other",
    [
        at_rung(0.3, replicate=1),
        at_rung(0.3, genome=replace(CHROMOSOME, recipe=replace(CHROMOSOME.recipe, learning_rate=0.06))),
        replace(at_rung(0.3), fidelity=Fidelity(12, len(TRAINING), 0.3)),
    ],
    ids=["replicate", "recipe", "epochs"],
)
def test_the_state_of_another_training_is_refused(other: EvaluationRequest) -> None:
    state = evaluator_of()(at_rung(0.1)).state
    with pytest.raises(
        JournalError, match=r"^a saved state must be of the training that goes on, \w+, but it"
    ):
        evaluator_of()(replace(other, state=state))


def test_the_state_of_another_experiment_is_refused() -> None:
    state = evaluator_of()(at_rung(0.1)).state
    with pytest.raises(
        JournalError, match=r"^a saved state must be of the training that goes on, \w+, but it"
    ):
        evaluator_of(protocol=Protocol(seed=2))(at_rung(0.3, state=state))


def test_all_figures_are_those_of_the_average(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[nn.Module] = []
    measured: list[nn.Module] = []

    def spy_build(*arguments: Any, **options: Any) -> nn.Module:
        trained.append(build(*arguments, **options))
        return trained[0]

    def spy_measure(network: nn.Module, images: Images) -> torch.Tensor:
        measured.append(network)
        return measure(network, images)

    measure = evaluator_module.measure
    monkeypatch.setattr(evaluator_module, "build", spy_build)
    for module in (evaluator_module, loop_module):
        monkeypatch.setattr(module, "measure", spy_measure)
    evaluator_of()(asking(replace(CHROMOSOME, recipe=replace(CHROMOSOME.recipe, average=0.5)), epochs=3))
    assert len(measured) == 4  # after each epoch, and on the training subset
    assert len({id(network) for network in measured}) == 1
    assert measured[0] is not trained[0]
    assert any(
        not torch.equal(one, other)
        for one, other in zip(measured[0].parameters(), trained[0].parameters(), strict=True)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "nadam"},
        {"optimizer": "rmsprop"},
        {"optimizer": "muon"},
        {"clip": 0.1},
        {"smoothing": 0.2},
        {"schedule": "one-cycle"},
        {"initialization": "orthogonal"},
        {"flip": 0.5, "cutout": 0.3},
        {"mixup": 0.3},
    ],
    ids="-".join,
)
def test_what_a_recipe_says_changes_the_result(found: Evaluation, changes: dict[str, Any]) -> None:
    recipe = replace(CHROMOSOME.recipe, **changes)
    other = evaluator_of()(asking(replace(CHROMOSOME, recipe=recipe), epochs=3))
    assert other.status is Status.OK
    assert other.curves["training_loss"] != found.curves["training_loss"]
    again = evaluator_of()(asking(replace(CHROMOSOME, recipe=recipe), epochs=3))
    assert figures(again) == figures(other)


def test_rates_that_a_chromosome_carries_change_nothing(found: Evaluation) -> None:
    carrying = replace(CHROMOSOME, rates=(("add_gene", 0.5),))
    assert figures(evaluator_of()(asking(carrying, epochs=3))) == figures(found)


def test_the_context_is_everything_that_a_result_depends_on() -> None:
    brighter = ImageSet(TRAINING.images + np.uint8(1), TRAINING.labels, TRAINING.class_names, "patterns")
    changes: list[dict[str, Any]] = [
        {},
        {"training": brighter},
        {"validation": brighter},
        {"training": VALIDATION, "validation": TRAINING},
        *(
            {"protocol": Protocol(**{"seed": 1, **setting})}
            for setting in (
                {"seed": 2},
                {"pool_order": "textbook"},
                {"patience": 3},
                {"least_improvement": 0.01},
                {"warmup": 0.2},
            )
        ),
    ]
    contexts = [evaluator_of(**change).context for change in changes]
    assert len(set(contexts)) == len(contexts)


def test_names_timeouts_and_shares_are_no_part_of_the_context() -> None:
    context = evaluator_of().context
    assert evaluator_of(protocol=Protocol(seed=1, timeout=30.0)).context == context
    assert evaluator_of(training=replace(TRAINING, name="other")).context == context
    assert evaluator_of(gpu_share=0.25).context == context
    assert evaluator_of(training=patterns(61, seed=1)).context == context  # the same pixels, made again


@pytest.mark.parametrize("order", ["early", "textbook"])
def test_the_pool_order_reaches_the_network(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    built: list[torch.nn.Module] = []

    def spy(*arguments: Any, **options: Any) -> torch.nn.Module:
        built.append(build(*arguments, **options))
        return built[0]

    monkeypatch.setattr(evaluator_module, "build", spy)
    found = evaluator_of(protocol=Protocol(seed=1, pool_order=order))(asking(epochs=1))
    expected = build(CHROMOSOME, SHAPE, 3, pool_order=order)
    assert str(built[0]) == str(expected)
    others = {str(build(CHROMOSOME, SHAPE, 3, pool_order=other)) for other in ("early", "textbook")}
    assert len(others) == 2  # so that the comparison can fail
    assert found.status is Status.OK


def test_it_pickles_without_tensors(found: Evaluation) -> None:
    evaluator = evaluator_of()
    before = pickle.dumps(evaluator)
    evaluator(asking(epochs=1))
    after = pickle.dumps(evaluator)
    assert evaluator._resident is not None
    assert b"torch" not in after
    assert len(after) == len(before)
    twin = pickle.loads(after)
    assert twin._resident is None
    assert twin.context == evaluator.context
    assert figures(twin(asking(epochs=3))) == figures(found)


def test_a_genome_that_is_no_chromosome_is_refused() -> None:
    @dataclass(frozen=True)
    class Vector:
        key: str = "v"

    with pytest.raises(
        GeneError, match="a genome to train must be a Chromosome, but it was Vector; use its own"
    ):
        evaluator_of()(asking(Vector()))


@dataclass(frozen=True, slots=True)
class Miscounted(Conv):
    """A convolution whose counts are one parameter short."""

    def counts(self, shape: Shape) -> Counts:
        counts = Conv.counts(self, shape)
        return counts._replace(parameters=counts.parameters - 1)

    def module(self, shape: Shape) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(shape.channels, self.filters, self.kernel, padding=self.kernel // 2, bias=False),
            nn.BatchNorm2d(self.filters),
            nn.ReLU(),
        )


def test_a_network_with_other_parameters_than_its_genes_count_is_refused() -> None:
    """Or a wrong size would stand on the front."""
    wrong = replace(CHROMOSOME, layers=(Miscounted(4, 3),))
    with pytest.raises(GeneError, match=r"counts of miscounted must add up to .* parameters, but they were"):
        evaluator_of()(asking(wrong))

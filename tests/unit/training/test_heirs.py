"""Training that starts from a donor's weights: what comes over, what is counted, what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from evocnn.errors import GeneError, JournalError
from evocnn.evaluation import Evaluation, EvaluationRequest
from evocnn.genotype import LAYERS, Chromosome, Fidelity
from evocnn.training.data import image_set
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.loop import Trained, measure
from evocnn.training.protocol import Protocol
from evocnn.training.state import load_weights, save_state
from evocnn.training.step import EagerStep

RNG = np.random.default_rng(1)
IMAGES = image_set(
    RNG.integers(0, 120, (60, 6, 6)).astype(np.uint8)
    + 40 * np.eye(6, dtype=np.uint8)[np.arange(60) % 3, None] * np.ones((1, 6, 1), np.uint8),
    np.arange(60) % 3,
    name="stripes",
)
EVALUATOR = TrainingEvaluator(IMAGES, IMAGES, Protocol(seed=1))
RECIPE = "sgd lr=.05 batch=16"


def chromosome(text: str, recipe: str = RECIPE) -> Chromosome:
    return Chromosome.parse(f"{text} | {recipe}", LAYERS)


DONOR = chromosome("conv4k3 · pool2 · conv6k3 | gap")
WIDER = chromosome("conv6k3 · pool2 · conv6k3 | gap")
OTHER = chromosome("conv6k3 · conv8k3 | gap")


def asking(genome: Chromosome = DONOR, epochs: int = 4, share: float = 1.0, **more: Any) -> EvaluationRequest:
    return EvaluationRequest(genome, Fidelity(epochs, 60, share), saves_state=True, **more)


def inheriting(
    genome: Chromosome, donor: Evaluation, donor_genome: Chromosome = DONOR, epochs: int = 2, **more: Any
) -> EvaluationRequest:
    return asking(genome, epochs, donor=7, donor_state=donor.state, donor_genome=donor_genome, **more)


def started(request: EvaluationRequest) -> tuple[float, float]:
    """Return validation loss and accuracy that a request's network has before any training."""
    chromosome = request.genome
    assert isinstance(chromosome, Chromosome)
    network = EVALUATOR._network(chromosome, request.replicate)
    EVALUATOR._inherit(network, chromosome, request)
    loss, accuracy = measure(network, EVALUATOR._images()[1]).tolist()
    return loss, accuracy


@pytest.fixture(scope="module")
def donor() -> Evaluation:
    return EVALUATOR(asking())


@pytest.mark.parametrize("heir", [WIDER, chromosome("conv4k3 · pool2 · conv6k3 | gap", "adamw lr=.01")])
def test_a_function_preserving_heir_begins_where_its_donor_ended(donor: Evaluation, heir: Chromosome) -> None:
    loss, accuracy = started(inheriting(heir, donor))
    assert accuracy == donor.metrics["validation_accuracy"]
    assert loss == pytest.approx(donor.metrics["validation_loss"], rel=1e-4)
    assert loss < 0.95 * started(asking(heir))[0]


def test_an_heir_of_an_averaged_donor_begins_at_the_average() -> None:
    averaging = chromosome("conv4k3 · pool2 · conv6k3 | gap", f"{RECIPE} average=.9")
    donor = EVALUATOR(asking(averaging))
    loss, accuracy = started(inheriting(WIDER, donor, averaging))
    assert accuracy == donor.metrics["validation_accuracy"]
    assert loss == pytest.approx(donor.metrics["validation_loss"], rel=1e-4)


def test_an_heir_that_cannot_keep_the_function_takes_what_matches(donor: Evaluation) -> None:
    assert donor.state is not None
    network = EVALUATOR._network(OTHER, 0)
    fresh = EVALUATOR._network(OTHER, 0).blocks[0].convolution.weight
    EVALUATOR._inherit(network, OTHER, inheriting(OTHER, donor))
    taken = network.blocks[0].convolution.weight
    weights = load_weights(donor.state)[0]["blocks.0.convolution.weight"]
    assert torch.equal(taken[:4], weights)
    assert torch.equal(taken[4:], fresh[4:])  # as its recipe draws them


def test_heirs_are_trained_from_their_donors_weights(donor: Evaluation) -> None:
    heir, alone = EVALUATOR(inheriting(WIDER, donor)), EVALUATOR(asking(WIDER, 2))
    assert heir.curves["training_loss"][0] < alone.curves["training_loss"][0]
    again = EVALUATOR(inheriting(WIDER, donor))
    assert (again.metrics, again.curves) == (heir.metrics, heir.curves)


def test_epochs_add_up_along_the_line(donor: Evaluation) -> None:
    child = EVALUATOR(inheriting(WIDER, donor))
    grandchild = EVALUATOR(inheriting(OTHER, child, WIDER, epochs=3))
    found = [(e.metrics["epochs"], e.metrics["lineage_epochs"]) for e in (donor, child, grandchild)]
    assert found == [(4, 4), (2, 6), (3, 9)]


def test_a_donors_early_stop_counts_as_what_it_was_trained() -> None:
    evaluator = replace(EVALUATOR, protocol=Protocol(seed=1, patience=1, least_improvement=1.0))
    donor = evaluator(asking(epochs=9))
    assert donor.metrics["lineage_epochs"] == donor.metrics["epochs"] == 2
    assert evaluator(inheriting(WIDER, donor)).metrics["lineage_epochs"] == 4


@pytest.mark.parametrize("is_donors_state_there", [True, False])
def test_an_heir_that_is_continued_equals_one_that_never_stopped(
    donor: Evaluation, *, is_donors_state_there: bool
) -> None:
    """Its own state is enough: the donor's is not read any more."""
    whole = EVALUATOR(inheriting(WIDER, donor, epochs=3))
    first = EVALUATOR(inheriting(WIDER, donor, epochs=3, share=0.4))
    assert (first.metrics["epochs"], first.metrics["lineage_epochs"]) == (1, 5)
    request = inheriting(WIDER, donor, epochs=3, continues=8, state=first.state)
    if not is_donors_state_there:
        request = replace(request, donor_state=None)
    found = EVALUATOR(request)
    assert (found.metrics, found.curves) == (whole.metrics, whole.curves)
    assert found.metrics["lineage_epochs"] == 7


def test_the_state_of_an_heir_is_that_of_no_other_training(donor: Evaluation) -> None:
    """Neither from scratch nor from another donor."""
    heir = EVALUATOR(inheriting(WIDER, donor, epochs=3, share=0.4))
    scratch = EVALUATOR(asking(WIDER, 3, share=0.4))
    rest, own = asking(WIDER, 3, continues=8), inheriting(WIDER, donor, epochs=3, continues=8)
    message = r"^a saved state must be of the training that goes on, \w+, but it was of \w+; leave it out"
    for request, state in (
        (rest, heir.state),
        (own, scratch.state),
        (replace(own, donor_genome=OTHER), heir.state),
    ):
        with pytest.raises(JournalError, match=message):
            EVALUATOR(replace(request, state=state))
    with pytest.raises(GeneError, match="must bring the state and the Chromosome of its donor"):
        EVALUATOR(replace(own, donor_genome=None, state=heir.state))


@pytest.mark.parametrize("missing", ["donor_state", "donor_genome"])
def test_a_donor_that_is_only_named_is_refused(donor: Evaluation, missing: str) -> None:
    request = replace(inheriting(WIDER, donor), **{missing: None})  # type: ignore[arg-type]
    message = (
        "a request that inherits must bring the state and the Chromosome of its donor, ticket 7, but it did "
        "not; leave the donor out to start anew"
    )
    with pytest.raises(GeneError, match=message):
        EVALUATOR(request)


def test_a_donors_state_that_is_none_is_refused(donor: Evaluation) -> None:
    with pytest.raises(JournalError, match="a saved state must be what a training saved, but it was 4 bytes"):
        EVALUATOR(replace(inheriting(WIDER, donor), donor_state=b"none"))


def test_weights_of_a_saved_state_are_those_that_count() -> None:
    training = EVALUATOR._images()[0]
    for average in (0.0, 0.9):
        network = EVALUATOR._network(DONOR, 0)
        step = EagerStep(network, DONOR.recipe.having(average=average), training)
        with torch.no_grad():
            network.head[-1].weight.fill_(2.0)  # the average knows nothing of it
        weights, n_epochs = load_weights(save_state(step, Trained(n_inherited=5), "this"))
        assert bool((weights["head.2.weight"] == 2).all()) == (average == 0)
        assert n_epochs == 5

"""The depth sweep: what everyone does by hand."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Status
from evocnn.genotype import Choice, Conv, Fidelity, GeneAlleles, Held, Limits, Pool, SearchSpace, baseline
from evocnn.search import Breeding, Budget, Candidate, DepthSweep, Ending

MakeSpace = Callable[..., SearchSpace]
RNG = np.random.default_rng(0)
CONV = GeneAlleles(Conv, {"filters": Choice((8, 32)), "kernel": Choice((3,))})


@pytest.fixture
def space(make_space: MakeSpace) -> SearchSpace:
    return make_space(layers=(CONV, GeneAlleles(Pool, {})), limits=Limits(depth=20))


def made(space: Any, toy: Any) -> DepthSweep:
    return DepthSweep(Breeding(space, toy.BitVariation(), Fidelity(3, 100)))


def depths_asked(algorithm: DepthSweep, space: SearchSpace, *accuracies: float | None) -> int:
    """Return how many networks were asked before it was complete; None stands for a failure."""
    for ticket, accuracy in enumerate(accuracies):
        candidate = algorithm.ask(ticket, RNG)
        if candidate is Ending.COMPLETE:
            return ticket
        assert isinstance(candidate, Candidate)
        assert candidate.request.genome == baseline(space, ticket + 1)
        assert candidate.request.fidelity.is_full
        assert algorithm.ask(ticket + 1, RNG) is None  # what is asked depends on what is told
        figures = {} if accuracy is None else {"validation_accuracy": accuracy}
        status = Status.DIVERGED if accuracy is None else Status.OK
        algorithm.tell(ticket, Evaluation(status, figures))
    return len(accuracies)


@pytest.mark.parametrize(
    ("accuracies", "n_asked"),
    [
        ((0.5, 0.6, 0.6, 0.59, 0.9), 4),  # equal is no rise
        ((0.5, 0.4, 0.6, 0.5, 0.7, 0.7, 0.7, 0.9), 7),  # a rise begins the count anew
        ((0.5, None, None, 0.9), 3),
        ((None, None, 0.9), 2),
        ((0.5, None, 0.6, 0.7), 4),
    ],
)
def test_layers_are_added_until_accuracy_has_not_risen_for_two_steps(
    toy: Any, space: SearchSpace, accuracies: tuple[float | None, ...], n_asked: int
) -> None:
    algorithm = made(space, toy)
    assert depths_asked(algorithm, space, *accuracies) == n_asked


def test_it_is_complete_where_limits_permit_no_more(toy: Any, make_space: MakeSpace) -> None:
    space = make_space(layers=(CONV,), limits=Limits(depth=3), founder_depth=(1, 2))
    assert depths_asked(made(space, toy), space, 0.1, 0.2, 0.3, 0.4, 0.5) == 3


@pytest.mark.parametrize(
    ("limits", "n_asked", "limit"),
    [
        (Limits(depth=3), 2, r"with 3 layers it would break space.limits \(depth 4 of 3\)"),
        (Limits(parameters=11_000), 2, r"with 3 layers .* \(parameters \d\d,\d\d\d of 11,000\)"),
        (Limits(parameters=900), 1, r"with 2 layers .* \(parameters 9,\d\d\d of 900\)"),
    ],
    ids=["depth", "parameters", "the first one, too"],
)
def test_it_ends_at_the_limits_and_says_so(
    toy: Any, make_space: MakeSpace, limits: Limits, n_asked: int, limit: str
) -> None:
    wide = GeneAlleles(Conv, {"filters": Choice((32,)), "kernel": Choice((3,))})
    space = make_space(layers=(wide, GeneAlleles(Pool, {})), limits=limits, founder_depth=(1, 1))
    algorithm = made(space, toy)
    assert depths_asked(algorithm, space, 0.1, 0.2, 0.3, 0.4, 0.5) == n_asked
    said = f"depth-sweep: the best network had {n_asked} layers?; limited: {limit}, so whether more depth"
    assert re.match(said, algorithm.outcome())


@pytest.mark.parametrize(
    ("parameters", "filters"), [(10**6, 32), (100_000, 16), (30_000, 8), (10_000, 4), (2_000, 4)]
)
def test_it_begins_with_the_widest_network_that_leaves_room_to_deepen(
    toy: Any, make_space: MakeSpace, parameters: int, filters: int
) -> None:
    conv = GeneAlleles(Conv, {"filters": Choice((4, 8, 16, 32, 64, 128)), "kernel": Choice((3,))})
    limits = Limits(parameters=parameters, depth=20)
    space = make_space(layers=(conv, GeneAlleles(Pool, {})), limits=limits, founder_depth=(1, 1))
    algorithm = made(space, toy)
    assert f"begins with conv{filters}k3 | " in algorithm.plan(Budget())
    first = algorithm.ask(0, RNG)
    assert isinstance(first, Candidate)
    assert first.request.genome.text.startswith(f"conv{filters}k3 | ")


def test_it_says_which_depth_was_best_and_why_it_ended(toy: Any, space: SearchSpace) -> None:
    algorithm = made(space, toy)
    depths_asked(algorithm, space, 0.5, 0.7)
    assert algorithm.outcome().endswith(
        "the best network had 2 layers; it was at 2 layers when the search ended"
    )
    algorithm = made(space, toy)
    depths_asked(algorithm, space, 0.5, 0.4, 0.4, 0.9)
    assert algorithm.outcome() == (
        "depth-sweep: the best network had 1 layer; 2 layers more gave no higher validation accuracy"
    )


def test_it_is_said_to_be_the_manual_method(toy: Any, space: SearchSpace) -> None:
    text = made(space, toy).plan(Budget())
    assert text.startswith("depth-sweep, the manual method: ")
    assert text.endswith(f"has not risen for 2 steps; begins with {baseline(space, 1).text}")


def test_it_needs_networks_whose_layers_evolve(toy: Any, make_space: MakeSpace) -> None:
    with pytest.raises(ExperimentError, match="depth-sweep must have a space of networks, but it was BitSp"):
        made(toy.BitSpace(), toy)
    held = make_space(layers=(CONV,), held=Held(layers=(Conv(8, 3),)))
    with pytest.raises(ExperimentError, match="must add layers, but they were held; let layers evolve"):
        made(held, toy)

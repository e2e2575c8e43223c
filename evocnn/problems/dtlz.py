"""DTLZ1 and DTLZ2 of Deb, Thiele, Laumanns and Zitzler (2005), "Scalable Test Problems".

Any number of losses of a real vector. DTLZ1's front is a plane behind 11^k - 1 local ones, DTLZ2's a
part of the unit sphere.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations, count
from math import comb, cos, factorial, gamma, pi, prod, sin

import numpy as np

from evocnn.errors import ExperimentError
from evocnn.evaluation import Objective, Objectives
from evocnn.problems.problem import Problem
from evocnn.problems.real import FunctionEvaluator, RealSpace, RealVariation

_REFERENCES = {1: 0.6, 2: 1.1}  # of every loss
_N_FURTHER = {1: 5, 2: 10}  # variables beyond those that say where on the front; k in the paper
N_POINTS = 1000  # at most, in the lattice of points on the true front

Values = Sequence[float]


def dtlz(number: int, n_objectives: int = 3) -> Problem:
    """Return DTLZ1 or DTLZ2, with as many variables as in the paper.

    Args:
        number: Which.
        n_objectives: Number of losses, at least 2.

    Raises:
        ExperimentError: There is no such problem.
    """
    if number not in _FUNCTIONS or n_objectives < 2:
        message = (
            f"a DTLZ problem must be one of {list(_FUNCTIONS)}, of at least 2 objectives, but it was "
            f"{number} of {n_objectives}; choose one"
        )
        raise ExperimentError(message)
    reference = _REFERENCES[number]
    n_variables = n_objectives - 1 + _N_FURTHER[number]
    names = [f"f{index + 1}" for index in range(n_objectives)]
    lattice = _lattice(n_objectives)
    # The volume that the front does not dominate: of a simplex of edge 0.5, of a part of the unit ball.
    corner = {
        1: 0.5**n_objectives / factorial(n_objectives),
        2: pi ** (n_objectives / 2) / gamma(n_objectives / 2 + 1) / 2**n_objectives,
    }[number]
    return Problem(
        name=f"dtlz{number}",
        space=RealSpace(n_variables),
        evaluator=FunctionEvaluator(
            f"dtlz{number} of {n_variables} in {n_objectives}",
            partial(_FUNCTIONS[number], n_objectives=n_objectives),
        ),
        objectives=Objectives(tuple(Objective(name, -1.0, reference=reference) for name in names)),
        variation=RealVariation(),
        front=lattice / 2 if number == 1 else lattice / np.linalg.norm(lattice, axis=1, keepdims=True),
        best_hypervolume=reference**n_objectives - corner,
    )


def _dtlz1(x: Values, n_objectives: int) -> tuple[float, ...]:
    place, rest = x[: n_objectives - 1], [value - 0.5 for value in x[n_objectives - 1 :]]
    g = 100 * (len(rest) + sum(value**2 - cos(20 * pi * value) for value in rest))
    return tuple(
        0.5 * (1 + g) * prod(place[: n_objectives - 1 - m]) * (1 - place[n_objectives - 1 - m] if m else 1)
        for m in range(n_objectives)
    )


def _dtlz2(x: Values, n_objectives: int) -> tuple[float, ...]:
    angles = [value * pi / 2 for value in x[: n_objectives - 1]]
    g = sum((value - 0.5) ** 2 for value in x[n_objectives - 1 :])
    return tuple(
        (1 + g)
        * prod(cos(angle) for angle in angles[: n_objectives - 1 - m])
        * (sin(angles[n_objectives - 1 - m]) if m else 1)
        for m in range(n_objectives)
    )


_FUNCTIONS: dict[int, Callable[..., tuple[float, ...]]] = {1: _dtlz1, 2: _dtlz2}


def _lattice(n_objectives: int) -> np.ndarray:
    """Return evenly spread points whose coordinates add up to 1 (Das and Dennis 1998)."""
    n_bars = n_objectives - 1
    n_divisions = next(n for n in count(1) if comb(n + 1 + n_bars, n_bars) > N_POINTS)
    n_places = n_divisions + n_bars
    bars = np.array(list(combinations(range(n_places), n_bars)))
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, n_places)))
    points: np.ndarray = (np.diff(edges, axis=1) - 1) / n_divisions
    return points

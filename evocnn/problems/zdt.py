"""The problems of Zitzler, Deb and Thiele (2000), "Comparison of Multiobjective Evolutionary Algorithms".

Two losses of a real vector. The first value alone decides where on the front a point lies, all others
how far from it; ZDT4 has 21^9 local fronts, ZDT3's front is in five pieces, ZDT6's is thinly populated.
ZDT5, a problem of bits, is left out.
"""

from collections.abc import Callable, Sequence
from math import cos, exp, pi, sin, sqrt

import numpy as np

from evocnn.errors import ExperimentError
from evocnn.evaluation import Objective, Objectives, nondominated_ranks
from evocnn.problems.problem import Problem
from evocnn.problems.real import FunctionEvaluator, RealSpace, RealVariation

REFERENCE = 1.1  # of both losses
N_POINTS = 1000  # along the true front
_ZDT3_PIECES = (  # where f1 lies on the front
    (0.0, 0.0830015349),
    (0.1822287280, 0.2577623634),
    (0.4093136748, 0.4538821041),
    (0.6183967944, 0.6525117038),
    (0.8233317983, 0.8518328654),
)
_ZDT6_START = 0.2807753191  # the least f1

Values = Sequence[float]


def zdt(number: int, n_variables: int | None = None) -> Problem:
    """Return ZDT1, 2, 3, 4 or 6.

    Args:
        number: Which.
        n_variables: Length of the vectors; 30 if not given, 10 for ZDT4 and ZDT6, as in the paper.

    Raises:
        ExperimentError: There is no such problem.
    """
    if number not in _FUNCTIONS:
        message = f"a ZDT problem must be one of {list(_FUNCTIONS)}, but it was {number}; choose one"
        raise ExperimentError(message)
    n = n_variables or (10 if number in (4, 6) else 30)
    if n < 2:
        message = f"a ZDT problem must have at least 2 variables, but it had {n}; add some"
        raise ExperimentError(message)
    objectives = Objectives(tuple(Objective(name, -1.0, reference=REFERENCE) for name in ("f1", "f2")))
    name = f"zdt{number}"
    return Problem(
        name=name,
        space=RealSpace(n),
        evaluator=FunctionEvaluator(f"{name} of {n}", _FUNCTIONS[number]),
        objectives=objectives,
        variation=RealVariation(),
        front=_front(number),
        best_hypervolume=_best_hypervolume(number),
    )


def _zdt1(x: Values) -> tuple[float, float]:
    g = _mean_growth(x)
    return x[0], g * (1 - sqrt(x[0] / g))


def _zdt2(x: Values) -> tuple[float, float]:
    g = _mean_growth(x)
    return x[0], g * (1 - (x[0] / g) ** 2)


def _zdt3(x: Values) -> tuple[float, float]:
    g = _mean_growth(x)
    return x[0], g * (1 - sqrt(x[0] / g) - x[0] / g * sin(10 * pi * x[0]))


def _zdt4(x: Values) -> tuple[float, float]:
    rest = [10 * value - 5 for value in x[1:]]  # in [-5, 5]
    g = 1 + 10 * len(rest) + sum(value**2 - 10 * cos(4 * pi * value) for value in rest)
    return x[0], g * (1 - sqrt(x[0] / g))


def _zdt6(x: Values) -> tuple[float, float]:
    f1 = 1 - exp(-4 * x[0]) * sin(6 * pi * x[0]) ** 6
    g = 1 + 9 * (sum(x[1:]) / (len(x) - 1)) ** 0.25
    return f1, g * (1 - (f1 / g) ** 2)


def _mean_growth(x: Values) -> float:
    return 1 + 9 * sum(x[1:]) / (len(x) - 1)


_FUNCTIONS: dict[int, Callable[[Values], tuple[float, float]]] = {
    1: _zdt1,
    2: _zdt2,
    3: _zdt3,
    4: _zdt4,
    6: _zdt6,
}


def _front(number: int) -> np.ndarray:
    """Return points along the true front: g = 1."""
    pieces = {3: _ZDT3_PIECES, 6: ((_ZDT6_START, 1.0),)}.get(number, ((0.0, 1.0),))
    f1 = np.concatenate([np.linspace(*piece, N_POINTS // len(pieces)) for piece in pieces])
    f2 = 1 - f1**2 if number in (2, 6) else 1 - np.sqrt(f1)
    f2 = f2 - f1 * np.sin(10 * np.pi * f1) if number == 3 else f2
    points = np.stack([f1, f2], axis=1)
    front: np.ndarray = points[
        nondominated_ranks(points, np.zeros(len(points))) == 0
    ]  # but where pieces start
    return front


def _best_hypervolume(number: int) -> float:
    """Return the area between the true front and the reference, integrated exactly."""
    if number == 3:
        ends = [start for start, _ in _ZDT3_PIECES[1:]] + [REFERENCE]
        area = 0.0
        for (start, end), following in zip(_ZDT3_PIECES, ends, strict=True):
            area += REFERENCE * (end - start) - (_zdt3_integral(end) - _zdt3_integral(start))
            area += (following - end) * (REFERENCE - (1 - sqrt(end) - end * sin(10 * pi * end)))
        return area
    if number == 6:
        start = _ZDT6_START
        return (REFERENCE - start) * REFERENCE - ((1 - start) - (1 - start**3) / 3)
    return REFERENCE**2 - {1: 1 / 3, 2: 2 / 3, 4: 1 / 3}[number]


def _zdt3_integral(f1: float) -> float:
    """Return the antiderivative of `1 - sqrt(f1) - f1 * sin(10 * pi * f1)`."""
    a = 10 * pi
    return f1 - 2 / 3 * f1 * sqrt(f1) - sin(a * f1) / a**2 + f1 * cos(a * f1) / a

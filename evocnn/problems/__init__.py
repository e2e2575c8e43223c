"""Search problems with known answers, which train nothing: NAS-Bench-201, ZDT, DTLZ, a landscape of CNNs.

How near a search comes to a front that is known::

    from evocnn.problems import zdt
    from evocnn.runs import solve

    problem = zdt(1)
    run = solve(problem, "nsga2", budget=10_000, population=100)
    print(problem.gap(run.front.losses))
"""

from evocnn.problems.cells import Cell, CellSpace, CellVariation
from evocnn.problems.dtlz import dtlz
from evocnn.problems.landscape import landscape, true_accuracy, true_losses
from evocnn.problems.nasbench201 import CellTable, nasbench201
from evocnn.problems.problem import Problem
from evocnn.problems.real import FunctionEvaluator, RealSpace, RealVariation, RealVector
from evocnn.problems.zdt import zdt

__all__ = [
    "Cell",
    "CellSpace",
    "CellTable",
    "CellVariation",
    "FunctionEvaluator",
    "Problem",
    "RealSpace",
    "RealVariation",
    "RealVector",
    "dtlz",
    "landscape",
    "nasbench201",
    "true_accuracy",
    "true_losses",
    "zdt",
]

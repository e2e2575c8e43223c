"""Crossover, mutation and selection; the adapter for DEAP's own operators."""

from evocnn.operators.crossover import BlendRecipe, Homologous, OnePoint, TwoPoint, Uniform
from evocnn.operators.deap_adapter import DeapCrossover, DeapMutation, deap_name, deap_operator, seeded_random
from evocnn.operators.morphism import AddSkip, NetDeepen, NetWiden
from evocnn.operators.mutation import (
    AddGene,
    AlterActivation,
    AlterBackbone,
    AlterGene,
    AlterHead,
    AlterKernel,
    AlterRecipe,
    AlterStride,
    DuplicateGene,
    MoveGene,
    Narrow,
    RemoveGene,
    ResampleRecipe,
    RewireLink,
    SwapKind,
    Widen,
)
from evocnn.operators.niching import reference_points, select_nsga3
from evocnn.operators.protocols import Crossover, Mutation
from evocnn.operators.ranked_population import RankedPopulation
from evocnn.operators.rates import RATES, CreditRates, FixedRates, Rates, SelfAdaptiveRates, Weighted
from evocnn.operators.selection import (
    assign_ranks,
    better_ranked,
    dominating,
    select_nsga2,
    select_weighted_sum,
    tournament,
)
from evocnn.operators.variation import Offspring, Variation

__all__ = [
    "RATES",
    "AddGene",
    "AddSkip",
    "AlterActivation",
    "AlterBackbone",
    "AlterGene",
    "AlterHead",
    "AlterKernel",
    "AlterRecipe",
    "AlterStride",
    "BlendRecipe",
    "CreditRates",
    "Crossover",
    "DeapCrossover",
    "DeapMutation",
    "DuplicateGene",
    "FixedRates",
    "Homologous",
    "MoveGene",
    "Mutation",
    "Narrow",
    "NetDeepen",
    "NetWiden",
    "Offspring",
    "OnePoint",
    "RankedPopulation",
    "Rates",
    "RemoveGene",
    "ResampleRecipe",
    "RewireLink",
    "SelfAdaptiveRates",
    "SwapKind",
    "TwoPoint",
    "Uniform",
    "Variation",
    "Weighted",
    "Widen",
    "assign_ranks",
    "better_ranked",
    "deap_name",
    "deap_operator",
    "dominating",
    "reference_points",
    "seeded_random",
    "select_nsga2",
    "select_nsga3",
    "select_weighted_sum",
    "tournament",
]

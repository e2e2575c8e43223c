"""Crossover, mutation and selection; the adapter for DEAP's own operators."""

from evocnn.operators.crossover import OnePoint, Uniform
from evocnn.operators.deap_adapter import DeapCrossover, DeapMutation, deap_name, deap_operator
from evocnn.operators.mutation import (
    AddGene,
    AlterGene,
    AlterHead,
    AlterRecipe,
    DuplicateGene,
    RemoveGene,
    ReplaceGene,
    ResampleRecipe,
    SwapGenes,
)
from evocnn.operators.protocols import Crossover, Mutation
from evocnn.operators.selection import assign_ranks, select_nsga2, tournament
from evocnn.operators.variation import Offspring, Variation, Weighted

__all__ = [
    "AddGene",
    "AlterGene",
    "AlterHead",
    "AlterRecipe",
    "Crossover",
    "DeapCrossover",
    "DeapMutation",
    "DuplicateGene",
    "Mutation",
    "Offspring",
    "OnePoint",
    "RemoveGene",
    "ReplaceGene",
    "ResampleRecipe",
    "SwapGenes",
    "Uniform",
    "Variation",
    "Weighted",
    "assign_ranks",
    "deap_name",
    "deap_operator",
    "select_nsga2",
    "tournament",
]

"""Mutations of a chromosome: each changes one thing."""

from evocnn.operators.mutation.alteration import (
    AlterActivation,
    AlterBackbone,
    AlterGene,
    AlterKernel,
    AlterStride,
    Narrow,
    Widen,
)
from evocnn.operators.mutation.head_and_recipe import AlterHead, AlterRecipe, ResampleRecipe
from evocnn.operators.mutation.structure import (
    AddGene,
    DuplicateGene,
    MoveGene,
    RemoveGene,
    RewireLink,
    SwapKind,
)

__all__ = [
    "AddGene",
    "AlterActivation",
    "AlterBackbone",
    "AlterGene",
    "AlterHead",
    "AlterKernel",
    "AlterRecipe",
    "AlterStride",
    "DuplicateGene",
    "MoveGene",
    "Narrow",
    "RemoveGene",
    "ResampleRecipe",
    "RewireLink",
    "SwapKind",
    "Widen",
]

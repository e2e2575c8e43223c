"""Which recipes the trainer carries out; no torch in here."""

from evocnn.errors import GeneError
from evocnn.genotype import Recipe


def check_trainable(recipe: Recipe) -> None:
    """Raise where a recipe names Muon, which torch has for matrices only, not for convolutions.

    Raises:
        GeneError: It does.
    """
    if recipe.optimizer == "muon":
        message = (
            "recipe.optimizer must be another one to train convolutions, but it was muon, which torch "
            "has for matrices only; leave it out"
        )
        raise GeneError(message)

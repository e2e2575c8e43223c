"""Which two objectives a picture of the front shows."""

from collections.abc import Sequence

from evocnn.evaluation import Objective

SIZE, ACCURACY = "parameters", "validation_accuracy"


def front_axes(objectives: Sequence[Objective]) -> tuple[Objective, Objective]:
    """Return the objectives across and up: size and accuracy where there are such.

    Otherwise they are the first of the others; a single one is both.
    """
    named = {objective.name: objective for objective in objectives}
    others = [objective for objective in objectives if objective.name not in {SIZE, ACCURACY}]
    across = named.get(SIZE) or (others or list(objectives))[0]
    up = named.get(ACCURACY) or next((each for each in others if each is not across), across)
    return across, up

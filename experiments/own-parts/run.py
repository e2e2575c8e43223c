"""The search of experiment.toml from Python, with the parts handed over as objects.

.venv/bin/python experiments/own-parts/run.py [RUN_FOLDER]
"""

import sys

from deap import tools
from own_parts import SqueezeExcite, n_layers, narrow_widest

import evocnn
from evocnn.genotype import Conv, Pool
from evocnn.operators import AddGene, AlterRecipe, DeapCrossover, OnePoint, SwapKind

EXPERIMENT = evocnn.Experiment.from_dict(
    {
        "name": "own-parts",
        "seed": 3,
        "data": {"source": "digits"},
        "space": {
            "founder_depth": [2, 4],
            "founder_prior": "uniform",
            "limits": {"parameters": 20_000, "flops": 1_500_000, "depth": 6},
            "layers": {
                "conv": {"gene": Conv, "weight": 2, "filters": [8, 16, 32], "kernel": 3},
                "pool": {"gene": Pool, "kind": ["max", "average"]},
                "squeeze_excite": {"gene": SqueezeExcite, "reduction": [2, 4, 8]},
            },
            "recipe": {
                "optimizer": ["sgd", "adamw"],
                "learning_rate": {"low": 0.003, "high": 0.3, "scale": "log"},
            },
        },
        "objectives": {
            "validation_accuracy": {"weight": 1},
            "layers": {"weight": -1, "measure": n_layers, "reference": 7},
        },
        "training": {"epochs": 4},
        "search": {
            "population": 8,
            "budget": 16,
            "mutation": [AddGene(), SwapKind(), AlterRecipe(), {"use": narrow_widest, "weight": 2}],
            "crossover": [OnePoint(), DeapCrossover(tools.cxMessyOnePoint)],
        },
    }
)


def main(folder: str = "runs/own-parts-python") -> None:
    """Search and print the front."""
    run = evocnn.run(EXPERIMENT, folder, workers=0)
    for member in run.front.members:
        print(f"{member.metrics['validation_accuracy']:.4f}  {member.text}")


if __name__ == "__main__":
    main(*sys.argv[1:])

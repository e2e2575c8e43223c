"""A model of the digits with random weights."""

from pathlib import Path

import pytest

from evocnn.deploy.model import Model


@pytest.fixture(scope="session")
def digits_model() -> Model:
    """Return a model with every figure that a step may hold, trained not at all."""
    import torch

    from evocnn.config import Experiment
    from evocnn.config.parts import load_data, space_of
    from evocnn.deploy.description import Input, Origin
    from evocnn.phenotype import build
    from evocnn.training.data import Framing

    tables = {
        "name": "tiny",
        "data": {"source": "digits", "images": 200},
        "space": {"layers": {"conv": {"filters": [4, 8], "kernel": 3}}},
    }
    experiment = Experiment.from_dict(tables)
    data = load_data(experiment)
    space = space_of(experiment, data.shape, data.n_classes)
    chromosome = space.parse("conv4k3 | gap | sgd lr=.1")
    torch.manual_seed(0)
    return Model(
        network=build(chromosome, space.input_shape, space.n_classes).eval(),
        chromosome=chromosome,
        input=Input(data.shape, Framing((8, 8), "crop", "grey"), (4.9,), (6.0,)),
        class_names=data.class_names,
        origin=Origin(
            experiment=tables,
            experiment_folder=str(Path.cwd()),
            data_path=None,
            data={"name": data.name, "digest": data.digest, "notes": ["1 file left out, hidden: .x"]},
            run="/somewhere/runs/tiny",
            ticket=3,
            pick="knee",
            lineage=("widen", "one_point"),
        ),
    )

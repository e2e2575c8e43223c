"""Full training that is killed: the same command goes on, and ends with the same weights."""

import shutil
import signal
from pathlib import Path
from typing import Any

import torch

import evocnn
from evocnn.deploy.full_training import train_in_full
from evocnn.deploy.model import Model
from evocnn.deploy.terms import full_training, terms_of
from evocnn.runs import Workers

N_EPOCHS = 60  # seconds of training, in which it can be killed

TABLES: dict[str, Any] = {
    "name": "killed",
    "data": {"source": "digits", "images": 300, "validation": 0.2},
    "space": {
        "founders": ["conv4k3 > pool | gap dense16 drop.2 | adamw lr=.01 average=.9 shift=.1"],
        "layers": {"conv": {"filters": [4, 8], "kernel": 3}, "pool": {}},
    },
    "training": {
        "epochs": 1,
        "cost": {"start": 0.1, "per_flop": 0, "per_activation": 0, "per_operation": 0},
    },
    "search": {"budget": 1, "population": 2, "algorithm": "random", "rungs": [1]},
}


def trained(folder: Path) -> tuple[Model, list[int]]:
    """Return what full training of a run's network ends with, and the epochs after which it stood."""
    terms = terms_of(evocnn.open_run(folder), epochs=N_EPOCHS)
    pieces: list[int] = []
    (model,) = train_in_full(
        terms,
        [full_training(terms, terms.run.records[0], "0", 0)],
        Workers(0),
        on_piece=lambda piece: pieces.append(piece.n_epochs),
        should_stop=lambda: False,
    )
    assert model is not None
    return model, pieces


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(tmp_path: Path, tools: Any) -> None:
    killed = evocnn.run(evocnn.Experiment.from_dict(TABLES), tmp_path / "killed").folder
    whole = Path(shutil.copytree(killed, tmp_path / "whole"))
    command = tools.evocnn("train", killed, "--pick", "0", "--epochs", N_EPOCHS)
    tools.wait_for(
        lambda: (
            [path for path in killed.glob("models/*/states/*") if not path.suffix]  # no part of one
            or command.process.poll() is not None
        ),
        "a saved state",
    )
    command.process.kill()
    assert command.wait()[0] == -signal.SIGKILL
    assert not [*killed.glob("models/*/model.safetensors")]
    one, pieces = trained(killed)
    assert 0 < pieces[0] < pieces[-1] == N_EPOCHS
    other, pieces = trained(whole)
    assert pieces[0] == 0
    weights, others = one.network.state_dict(), other.network.state_dict()
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert one.steps[0]["curves"] == other.steps[0]["curves"]

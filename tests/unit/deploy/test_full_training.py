"""Full training of a run's networks: in pieces, from several seeds, on all data, and what is saved of it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from evocnn import Experiment, open_run, run
from evocnn.deploy import full_training as module
from evocnn.deploy.full_training import Piece, train_in_full
from evocnn.deploy.judgement import probabilities
from evocnn.deploy.model import Model, load_model
from evocnn.deploy.terms import FullTraining, Terms, full_training, terms_of
from evocnn.errors import DataError, ReplayError, RunLockedError
from evocnn.evaluation import Evaluation, Status
from evocnn.runs import Run, Workers
from evocnn.store import Record, locked
from evocnn.training.data import Framing, ImageSet
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.state import load_weights

TABLES: dict[str, Any] = {
    "name": "mine",
    "data": {"source": "digits", "images": 300, "validation": 0.2},
    "space": {
        "founders": ["conv4k3 > pool | gap | sgd lr=.1 average=.9"],
        "layers": {"conv": {"filters": [4, 8], "kernel": 3}, "pool": {}},
    },
    "training": {
        "epochs": 3,
        "patience": 1,
        "cost": {"start": 0.1, "per_flop": 0, "per_activation": 0, "per_operation": 0},
    },
    "search": {"budget": 2, "population": 2, "algorithm": "random", "rungs": [1]},
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(Experiment.from_dict(TABLES), tmp_path_factory.mktemp("run") / "run").folder


@pytest.fixture
def mine(searched: Path, tmp_path: Path) -> Run:
    """Return a run of two networks, to be changed."""
    return open_run(shutil.copytree(searched, tmp_path / "run"))


@pytest.fixture
def train(mine: Run) -> Callable[..., tuple[list[Model | None], list[Piece]]]:
    """Return a function of terms and seeds that trains a network, and stops after a number of pieces."""

    def call(
        *seeds: int, record: Record | None = None, pieces: int = 10**9, **terms: Any
    ) -> tuple[list[Model | None], list[Piece]]:
        seen: list[Piece] = []
        found = terms_of(mine, **terms)
        trainings = [full_training(found, record or mine.records[0], "0", seed) for seed in seeds]
        models = train_in_full(
            found,
            trainings,
            Workers(0),
            on_piece=seen.append,
            should_stop=lambda: sum(piece.evaluation is not None for piece in seen) >= pieces,
        )
        return models, seen

    return call


def weights(model: Model | None) -> dict[str, torch.Tensor]:
    assert model is not None
    found: dict[str, torch.Tensor] = model.network.state_dict()
    return found


def equal(one: Model | None, other: Model | None) -> bool:
    mine, others = weights(one), weights(other)
    return mine.keys() == others.keys() and all(torch.equal(mine[name], others[name]) for name in mine)


def loss_of(model: Model, images: ImageSet) -> float:
    chosen = log_softmax(model.logits(images), axis=1)[np.arange(len(images)), images.labels]
    return float(-chosen.mean())


def test_a_training_that_was_stopped_goes_on_and_ends_as_if_it_never_was(
    train: Any, mine: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE_SECONDS", 0.0)
    (nothing,), _ = train(0, pieces=1)
    assert nothing is None
    (stopped,), pieces = train(0)
    assert [piece.n_epochs for piece in pieces] == [1, 2, 3]
    shutil.rmtree(mine.folder / "models")
    monkeypatch.setattr(module, "PIECE_SECONDS", 1e9)
    (at_once,), pieces = train(0)
    assert [piece.n_epochs for piece in pieces] == [0, 1, 3]
    assert equal(stopped, at_once)
    assert stopped.steps[0]["curves"] == at_once.steps[0]["curves"]
    assert not list(mine.folder.glob("models/*/states"))


def test_a_saved_model_gives_the_figures_that_are_told_of_it(train: Any, mine: Run) -> None:
    (trained,), _ = train(0)
    path = mine.folder / "models" / f"{mine.records[0].key[:12]}-3-epochs" / "model.safetensors"
    model = load_model(path)
    assert equal(trained, model)
    (step,) = model.steps
    validation = terms_of(mine).parts.evaluator.validation
    found = (probabilities(model, validation).argmax(axis=1) == validation.labels).mean()
    assert found == pytest.approx(step["validation_accuracy"], abs=1e-9)
    assert loss_of(model, validation) == pytest.approx(step["curves"]["validation_loss"][-1], rel=1e-5)
    assert step["curves"]["validation_accuracy"][-1] == step["validation_accuracy"]
    assert len(step["curves"]["training_loss"]) == 3  # whatever the patience of the search
    assert (step["seed"], step["epochs"], step["images"], step["all_data"]) == (0, 3, 240, False)
    assert model.input.framing.size == (8, 8)
    assert (model.origin.ticket, model.origin.pick, model.origin.run) == (0, "0", str(mine.folder))


SPACES: dict[str, dict[str, Any]] = {
    "pools": {
        "pool_order": "textbook",  # with pools of means another function than the early order
        "founders": ["conv4k3 > pool average | gap | sgd lr=.1"],
        "layers": {"conv": {"filters": [4, 8], "kernel": 3}, "pool": {"kind": "average"}},
    },
    "backbone": {
        "founders": ["backbone2 · conv4k3 | gap | sgd lr=.1"],
        "layers": {"conv": {"filters": [4, 8], "kernel": 3}},
        "backbone": {
            "weights": "network.pth",
            "layers": "conv4k3 norm=none · pool",
            "mean": [0.75],  # of other images than the digits
            "deviation": [0.125],
        },
    },
}


@pytest.mark.parametrize(
    ("space", "is_coloured", "mean"),
    [("pools", False, None), ("pools", True, None), ("backbone", False, (0.75 * 255,))],
    ids=["grey", "colours", "backbone"],
)
def test_a_saved_model_computes_and_frames_what_was_trained(
    space: str, is_coloured: bool, mean: tuple[float, ...] | None, tmp_path: Path
) -> None:
    data = {**TABLES["data"], "size": [8, 8], "fit": "pad"}
    if is_coloured:
        images = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 3), dtype=np.uint8)
        np.savez(tmp_path / "colours.npz", images=images, labels=np.arange(300) % 10)
        data |= {"source": "npz", "path": "colours.npz"}
    torch.manual_seed(0)
    torch.save({"weight": torch.randn(4, 1, 3, 3), "bias": torch.randn(4)}, tmp_path / "network.pth")
    tables = {**TABLES, "space": SPACES[space], "data": data}
    found = run(Experiment.from_dict(tables, folder=tmp_path), tmp_path / "run")
    terms = terms_of(found)
    training = full_training(terms, found.records[0], "0", 0)
    train_in_full(terms, [training], Workers(0), on_piece=lambda _: None, should_stop=lambda: False)
    model = load_model(training.path)
    validation, step = terms.parts.evaluator.validation, model.steps[0]
    curves: Any = step["curves"]
    assert loss_of(model, validation) == pytest.approx(curves["validation_loss"][-1], rel=1e-5)
    assert model.input.framing == Framing((8, 8), "pad", "rgb" if is_coloured else "grey")
    own = tuple(terms.training.images.mean(axis=(0, 2, 3)))
    assert model.input.mean == pytest.approx(mean or own)


def test_seeds_have_files_and_weights_of_their_own_and_are_trained_once(train: Any, mine: Run) -> None:
    (first,), _ = train(0)
    (again, second), pieces = train(0, 1)
    assert [(piece.training, piece.n_epochs) for piece in pieces[:2]] == [(0, 3), (1, 0)]
    assert {piece.training for piece in pieces if piece.evaluation is not None} == {1}
    assert equal(first, again)
    assert not equal(first, second)
    names = {path.name for path in mine.folder.glob("models/*/*.safetensors")}
    assert names == {"model.safetensors", "model-seed1.safetensors"}


def test_with_all_data_nothing_that_was_trained_on_is_told_as_validation(train: Any, mine: Run) -> None:
    (model,), _ = train(0, all_data=True)
    (step,) = model.steps
    assert step["images"] == 1442
    assert "validation" not in str(step)
    assert [
        path.parent.name.endswith("-all-data") for path in mine.folder.glob("models/*/*.safetensors")
    ] == [True]


def test_all_data_are_those_that_validated_and_those_that_the_search_left_out(mine: Run) -> None:
    together, apart = terms_of(mine, all_data=True), terms_of(mine)
    assert len(apart.training) + len(apart.parts.evaluator.validation) == 300
    assert together.training.digest == together.parts.data.digest
    assert len(together.training) == 1442
    assert len(together.parts.evaluator.validation) == 60  # as long to measure as in the search


@pytest.mark.parametrize(
    ("asked", "stated", "donor", "epochs"),
    [(None, 0, None, 2), (None, 0, 7, 3), (None, 5, None, 5), (9, 5, None, 9), (9, 0, None, 9)],
    ids=["the record's", "the experiment's for a child", "the recipe's", "asked", "asked of any"],
)
def test_the_length_is_that_of_the_search_unless_another_is_asked(
    asked: int | None, stated: int, donor: int | None, epochs: int, mine: Run
) -> None:
    terms = terms_of(mine, epochs=asked)
    chromosome = terms.parts.space.from_json(mine.records[0].genome)
    chromosome = replace(chromosome, recipe=chromosome.recipe.having(epochs=stated))
    record = replace(mine.records[0], genome=chromosome.to_json(), epochs=2, donor=donor)
    training = full_training(terms, record, "knee", 0)
    assert (training.epochs, training.chromosome.recipe.epochs) == (epochs, epochs if stated else 0)
    assert training.path.parent.name == f"{chromosome.key[:12]}-{epochs}-epochs"


@pytest.mark.fault
@pytest.mark.parametrize("damage", ["cut", "a bit of a weight flipped"])
def test_a_damaged_state_is_told_and_trained_anew(damage: str, train: Any, mine: Run) -> None:
    """Fails where the digest of a state is not compared."""
    train(0, pieces=1)
    (path,) = mine.folder.glob("models/*/states/*")
    content = bytearray(path.read_bytes())
    state = content[module.DIGEST_BYTES :]
    weight = next(iter(load_weights(bytes(state))[0].values())).numpy().tobytes()
    content[content.index(weight)] ^= 1
    load_weights(bytes(content[module.DIGEST_BYTES :]))  # torch sees nothing
    path.write_bytes(content[:100] if damage == "cut" else content)
    with pytest.warns(UserWarning, match="is damaged; seed 0 is trained anew"):
        (anew,), pieces = train(0)
    assert pieces[0].n_epochs == 0
    assert anew is not None


@pytest.mark.parametrize("damage", ["emptied", "a bit of a weight", "a bit of its experiment"])
def test_a_damaged_model_is_told_and_trained_anew(damage: str, train: Any, mine: Run) -> None:
    (first,), _ = train(0)
    (path,) = mine.folder.glob("models/*/model.safetensors")
    content = bytearray(path.read_bytes())
    content[-1 if damage == "a bit of a weight" else content.index(b"founders")] ^= 1
    path.write_bytes(b"" if damage == "emptied" else content)
    with pytest.warns(UserWarning, match=r"must be (readable|as it was written).*seed 0 is trained anew"):
        (anew,), _ = train(0)
    assert equal(first, anew)


PRUNED = {"step": "prune", "kind": "weights", "sparsity": 0.5, "epochs": 1}


def with_step(model: Model, **changes: Any) -> Model:
    return replace(model, steps=({**model.steps[0], **changes},))


def with_clip(model: Model) -> Model:
    return replace(model, chromosome=replace(model.chromosome, recipe=model.chromosome.recipe.having(clip=1)))


def of_other_data(model: Model) -> Model:
    return replace(model, origin=replace(model.origin, data={**model.origin.data, "digest": "ab"}))


@pytest.mark.parametrize(
    ("fact", "foreign"),
    [
        ("seed 0", lambda model: with_step(model, seed=1)),
        ("epochs 3", lambda model: with_step(model, epochs=30)),
        ("all_data False", lambda model: with_step(model, all_data=True)),
        ("seed 0", lambda model: replace(model, steps=())),
        (r"changes \['train'\]", lambda model: model.after(PRUNED)),
        ("data digest [0-9a-f]+", of_other_data),
        ("network [0-9a-f]+", with_clip),
    ],
    ids=["seed", "length", "all data", "no training", "pruned", "data", "network"],
)
def test_a_model_of_another_training_is_told_and_left_as_it_is(
    fact: str, foreign: Callable[[Model], Model], train: Any, mine: Run
) -> None:
    train(0)
    (path,) = mine.folder.glob("models/*/model.safetensors")
    foreign(load_model(path)).save(path)
    before = path.read_bytes()
    with pytest.raises(DataError, match=rf"model '.*' must be of this training, its {fact}, but it holds"):
        train(0, 1)
    assert [one.read_bytes() for one in path.parent.glob("*.safetensors")] == [before]  # nothing was trained


def test_a_seed_that_fails_does_not_stop_the_others(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = TrainingEvaluator.__call__

    def failing(evaluator: TrainingEvaluator, request: Any) -> Evaluation:
        if request.replicate == 0:
            return Evaluation(Status.DIVERGED, reason="the training loss was nan")
        return evaluate(evaluator, request)

    monkeypatch.setattr(TrainingEvaluator, "__call__", failing)
    (failed, trained), pieces = train(0, 1)
    assert failed is None
    assert trained is not None
    assert [p.evaluation.status for p in pieces if p.training == 0 and p.evaluation] == [Status.DIVERGED]


def test_no_worker_is_ended_for_a_full_training_that_takes_long(
    mine: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evocnn.workers import SerialExecutor, ray_executor

    asked: dict[str, Any] = {}

    def executor(evaluator: Any, n_workers: int | None, **settings: Any) -> SerialExecutor:
        asked.update(settings, n_workers=n_workers)
        return SerialExecutor(evaluator)

    monkeypatch.setattr(ray_executor, "RayExecutor", executor)
    terms = terms_of(mine)
    training = full_training(terms, mine.records[0], "0", 0)
    train_in_full(terms, [training], Workers(2), on_piece=lambda _: None, should_stop=lambda: False)
    assert (asked["n_workers"], asked["deadline"]) == (2, None)


def test_a_model_says_where_its_images_lay_and_what_trained_it(mine: Run, tmp_path: Path) -> None:
    from evocnn.config.parts import load_data

    images = load_data(mine.experiment)
    np.savez(tmp_path / "mine.npz", images=images.images[:, 0], labels=images.labels)
    moved = run(Experiment.from_dict(TABLES), tmp_path / "moved", data=tmp_path / "mine.npz")
    terms = terms_of(moved)
    training = full_training(terms, moved.records[0], "0", 0)
    train_in_full(terms, [training], Workers(0), on_piece=lambda _: None, should_stop=lambda: False)
    model = load_model(training.path)
    assert model.origin.data_path == str(tmp_path / "mine.npz")
    versions: Any = model.steps[0]["versions"]
    environment = moved.manifest["environment"]
    assert versions == {name: environment[name] for name in versions}
    assert {"evocnn", "torch", "python", "processor"} <= set(versions)


@pytest.mark.fault
def test_other_data_than_the_runs_are_refused(mine: Run, tmp_path: Path) -> None:
    """To see it fail: let `check_data` return at once."""
    path = tmp_path / "other.npz"
    np.savez(path, images=np.zeros((300, 8, 8), np.uint8), labels=np.arange(300) % 10)
    with pytest.raises(ReplayError, match="the data must be those of the run, digest"):
        terms_of(mine, path)


def test_one_process_at_a_time_trains_a_network(train: Any, mine: Run) -> None:
    train(0, pieces=1)
    with (
        locked(next(mine.folder.glob("models/*"))),
        pytest.raises(RunLockedError, match="one process at a time"),
    ):
        train(0)


def test_the_lineage_names_operators_from_the_founder_on(mine: Run) -> None:
    founder = replace(mine.records[0], operators=("founder",))
    child = replace(founder, ticket=1, parents=(0, 5), operators=("crossover", "widen"))
    last = replace(founder, ticket=2, parents=(1,), operators=("shrink",))
    family = replace(mine, records=(founder, child, last))
    assert module._lineage(family, last) == ("founder", "crossover", "widen", "shrink")


def test_a_training_of_another_protocol_goes_on_from_no_state(train: Any, mine: Run) -> None:
    train(0, pieces=1)
    terms: Terms = terms_of(mine)
    training: FullTraining = full_training(terms, mine.records[0], "0", 0)
    assert module._saved(terms, training)[1] == 1
    evaluator = replace(terms.parts.evaluator, protocol=replace(terms.parts.evaluator.protocol, warmup=0.3))
    other = replace(terms, parts=replace(terms.parts, evaluator=evaluator))
    assert module._saved(other, training) == (None, 0)

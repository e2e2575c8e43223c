"""`evocnn prune` and `evocnn quantize`."""

import csv
import shutil
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evocnn.cli import prune as prune_command
from evocnn.cli import quantize as quantize_command
from evocnn.cli.beside import is_quantized
from evocnn.deploy.export import export
from evocnn.deploy.images import split_images
from evocnn.deploy.judgement import Judgement
from evocnn.deploy.model import Model, load_model
from evocnn.deploy.pruning import Pruning, smallest_masked
from evocnn.deploy.quantization import Figures, Quantized, quantize
from evocnn.training.data import ImageSet
from evocnn.training.latency import Latency

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, write_halves: Call) -> Path:
    """Return the file of a model of two classes, trained not at all, with its images beside it."""
    text = "conv8k3 | flatten | sgd lr=.1 batch=8"
    return Path(write_halves(tmp_path_factory.mktemp("model"), 40, text))


@pytest.fixture
def copied(source: Path, tmp_path: Path) -> Path:
    """Return the file of the same model in a folder of its own."""
    return Path(shutil.copy(source, tmp_path))


def training(epochs: int, *, all_data: bool = False) -> dict[str, Any]:
    """Return a step of a training."""
    figures = {"seed": 0, "images": 32, "seconds": 1.0, "parameters": 338}
    return {"step": "train", "epochs": epochs, "all_data": all_data, **figures}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the export and its timing."""
    monkeypatch.setattr(prune_command, "export", lambda *_: None)

    def latencies(paths: Sequence[Path]) -> list[Latency]:
        return [Latency(0.001 * (number + 1), 0.0) for number in range(len(paths))]

    monkeypatch.setattr(prune_command, "interleaved_latencies", latencies)


@pytest.mark.usefixtures("quick")
def test_each_sparsity_gives_a_model_and_a_row(
    evocnn: Call, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    logits = Model.logits

    def counted(model: Model, images: ImageSet) -> Any:
        seen.append(len(images))
        return logits(model, images)

    monkeypatch.setattr(Model, "logits", counted)
    monkeypatch.setattr(prune_command, "N_COMPARED", 4)  # for the files; accuracies are those of all
    said = evocnn("prune", source, "--sparsity", ".6,.3")
    assert said.code == 0, said.err
    assert "then 2 epochs on 32 training images" in said.out  # the experiment's, with no training known
    rows = [line.split() for line in said.out.splitlines()]
    assert [row[0] for row in rows[2:5]] == ["none", "0.3", "0.6"]
    assert [row[-3] for row in rows[3:5]] == ["2.000", "3.000"]
    assert "8 validation images, not test images" in said.out
    assert seen == [8, 8, 8]
    with (source.parent / "model-channels.csv").open() as file:
        points = list(csv.DictReader(file))
    assert [float(point["sparsity"]) for point in points] == [0, 0.3, 0.6]
    for point in points[1:]:
        path = source.parent / f"model-channels-{float(point['sparsity']):g}.safetensors"
        step: Any = load_model(path).steps[-1]
        gone = 1 - step["nonzero_parameters"] / int(points[0]["parameters"])
        assert float(point["gone"]) == pytest.approx(gone)
        assert f"{100 * gone:.1f} %" in said.out
        assert int(point["epochs"]) == step["epochs"] == 2
        assert (int(point["parameters"]), int(point["flops"])) == (step["nonzero_parameters"], step["flops"])
        assert float(point["accuracy"]) == pytest.approx(step["validation_accuracy"])
        assert f"wrote {path}" in said.out
    assert (source.parent / "model-channels.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("quick")
def test_what_was_pruned_before_is_found_again_and_never_replaced_by_something_else(
    evocnn: Call, copied: Path, tmp_path: Path
) -> None:
    model = load_model(copied)
    model.after(training(3, all_data=True)).save(copied)
    command = ("prune", copied, "--sparsity", ".5", "--kind", "weights")
    first, again = evocnn(*command), evocnn(*command)
    assert "then 3 epochs" in first.out
    assert "note: the model was trained on the validation images, too: accuracies on these say" in first.err
    assert "pruned already" not in first.out
    assert "sparsity 0.5: pruned already" in again.out
    pruned = tmp_path / "model-weights-0.5.safetensors"
    kept = pruned.read_bytes()
    refused = evocnn(*command, "--epochs", 1)
    assert refused.code == 2
    assert f"'{pruned}' must be missing, or hold this model pruned to 0.5 with --epochs 1," in refused.err
    assert "it held it pruned to 0.5 with --epochs 3; ask for the same, or rename the file" in refused.err
    model.after({**training(3), "seed": 1}).save(copied)
    assert "it held another model; ask for the same" in evocnn(*command).err
    assert pruned.read_bytes() == kept


@pytest.mark.usefixtures("quick")
def test_the_curve_holds_all_prunings_of_a_kind_that_lie_there(
    evocnn: Call, copied: Path, tmp_path: Path
) -> None:
    """Files of other kinds, of nothing, and of code that is not trusted are passed over."""
    command = ("prune", copied, "--epochs")
    evocnn(*command, 1, "--sparsity", ".4,.6")
    evocnn(*command, 1, "--sparsity", ".5", "--kind", "weights")
    (tmp_path / "model-channels-0.6.safetensors").rename(tmp_path / "model-channels-0.6-one.safetensors")
    (tmp_path / "model-channels-mine.safetensors").write_text("no model")
    model = load_model(copied)
    foreign = {**model.origin.experiment, "data": {"source": "mine:images"}}
    other = replace(model, origin=replace(model.origin, experiment=foreign))
    other.save(tmp_path / "model-channels-foreign.safetensors")
    said = evocnn(*command, 2, "--sparsity", ".6")
    assert said.code == 0, said.err
    with (tmp_path / "model-channels.csv").open() as file:
        points = [(row["sparsity"], row["epochs"]) for row in csv.DictReader(file)]
    assert points == [("0.0", "0"), ("0.4", "1"), ("0.6", "1"), ("0.6", "2")]
    assert "also in the curve: " in said.out


@pytest.mark.usefixtures("quick")
def test_sparsities_whose_files_would_have_one_name_are_pruned_once(evocnn: Call, copied: Path) -> None:
    command = ("prune", copied, "--sparsity", ".5,.50000001", "--epochs", 1)
    said = evocnn(*command)
    assert said.code == 0, said.err
    assert said.err.count("sparsity 0.5: accuracy") == 1
    assert said.out.count("model-channels-0.5.safetensors") == 1
    assert "sparsity 0.5: pruned already" in evocnn(*command).out


def test_after_ctrl_c_the_models_that_were_made_stay(
    evocnn: Call, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prune = prune_command.prune

    def interrupted(model: Model, pruning: Pruning, *rest: Any) -> Model:
        if pruning.sparsity > 0.5:
            raise KeyboardInterrupt
        return prune(model, pruning, *rest)

    monkeypatch.setattr(prune_command, "prune", interrupted)
    said = evocnn("prune", copied, "--sparsity", ".4,.6", "--epochs", 1)
    assert said.code == 130
    assert "interrupted; go on with the same command" in said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model-channels-0.4.safetensors",
        "model.safetensors",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sparsity", "half"), "--sparsity must be numbers with commas between, but it was 'half'"),
        (("--sparsity", "50"), "a sparsity must lie between 0 and 1"),
        (("--kind", "filters"), "what is pruned must be channels or weights"),
        (("--sparsity", ".99"), "a sparsity must be at most"),
    ],
)
def test_a_wrong_option_is_a_mistake(
    evocnn: Call, source: Path, options: tuple[str, ...], message: str
) -> None:
    said = evocnn("prune", source, *options)
    assert said.code == 2
    assert message in said.err


def figures_of(share: float, latency: float = 0.001) -> Figures:
    return Figures(0.9 + share / 20, round(1_000 * share), round(3_000 * share), Latency(latency, 0.0))


def test_a_quantized_file_stands_in_a_table_beside_the_model_and_has_a_card(
    evocnn: Call, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def quantize(
        model: Model, path: Path, training: Any, validation: Any, max_drop: float, **others: Any
    ) -> Quantized:
        asked.append((model.class_names, path, len(training), len(validation), max_drop, others))
        path.write_bytes(b"graph")
        return Quantized(figures_of(1.0, 0.002), figures_of(0.5), 8, 32)

    monkeypatch.setattr(quantize_command, "quantize", quantize)
    said = evocnn("quantize", copied, "--max-drop", ".03")
    path = copied.with_name("model-int8.onnx")
    assert asked == [(("left", "right"), path, 32, 8, 0.03, {"beside": {}})]
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[2:4] == [
        ["float32", "0.9500", "1,000", "3,000", "2.000"],
        ["int8", "0.9250", "-0.0250", "500", "0.500", "1,500", "1.000", "0.50"],
    ]
    assert f"wrote {path}\n" in said.out
    card = path.with_name("model-int8.onnx.md").read_text(encoding="utf-8")
    assert "as 32 training images show them; on 8 validation images its accuracy is 0.9250, that of" in card
    assert (
        "| 1. quantize | images 32; validation accuracy 0.925; weight bytes 500; file bytes 1,500 |" in card
    )
    assert said.err == ""
    load_model(copied).after(training(3, all_data=True)).save(copied)
    said = evocnn("quantize", copied)
    told = "the model was trained on the validation images, too: accuracies on these say little"
    assert said.err == f"note: {told}\n"
    card = copied.with_name("model-int8.onnx.md").read_text(encoding="utf-8")
    assert f"- {told.capitalize()}." in card


def test_of_a_pruned_model_the_table_begins_with_the_trained_one(
    evocnn: Call, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = load_model(source).after(training(3))
    tested = trained.after(Judgement(((4, 0), (1, 3))).step)
    pruned = trained.after({"step": "prune", "kind": "weights", "sparsity": 0.5, "epochs": 1})
    other = load_model(source).after(training(4))
    other.save(tmp_path / "m.safetensors")
    path = tmp_path / "model-weights-0.5.safetensors"
    pruned.save(path)
    asked: list[Any] = []

    def quantize(_: Model, path: Path, *rest: Any, beside: Any) -> Quantized:
        asked.append({name: getattr(one, "steps", one) for name, one in beside.items()})
        path.write_bytes(b"graph")
        found = {name: figures_of(share) for name, share in zip(beside, (1.0, 0.3), strict=False)}
        return Quantized(figures_of(0.5), figures_of(0.2), 8, 32, found)

    monkeypatch.setattr(quantize_command, "quantize", quantize)
    alone = evocnn("quantize", path)
    assert "note: the trained model does not lie beside the pruned one, and is not compared" in alone.err
    tested.save(tmp_path / "model.safetensors")
    evocnn("quantize", path)
    monkeypatch.setattr(quantize_command, "is_quantized", lambda _, model: model.steps == tested.steps)
    said = evocnn("quantize", path)
    assert asked == [
        {},
        {"trained": tested.steps},
        {"trained": tested.steps, "int8": tmp_path / "model-int8.onnx"},
    ]
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[2:6] == [
        ["trained", "0.9500", "1,000", "3,000", "1.000"],
        ["int8", "0.9150", "-0.0350", "300", "0.300", "900", "1.000", "1.00"],
        ["pruned", "0.9250", "-0.0250", "500", "0.500", "1,500", "1.000", "1.00"],
        ["pruned,", "int8", "0.9100", "-0.0400", "200", "0.200", "600", "1.000", "1.00"],
    ]


def test_quantized_files_of_other_weights_are_told_apart(source: Path, tmp_path: Path) -> None:
    """Of one chromosome, such as the trained model and what was pruned of it."""
    trained = load_model(source)
    pruned = replace(trained, network=deepcopy(trained.network))
    smallest_masked(pruned.network, 0.5)
    path, sides = tmp_path / "model-int8.onnx", split_images(pruned)
    quantize(pruned, path, *sides, max_drop=1.0)
    assert is_quantized(path, pruned)
    assert not is_quantized(path, trained)
    whole = export(trained, "onnx", tmp_path / "model.onnx", sides[1]).path
    assert not is_quantized(whole, trained)
    assert not is_quantized(tmp_path / "gone.onnx", trained)


def test_an_exported_file_is_told_from_a_model(evocnn: Call, tmp_path: Path) -> None:
    (tmp_path / "model-int8.onnx").write_bytes(b"graph")
    for command in ("export", "quantize", "prune"):
        said = evocnn(command, tmp_path / "model-int8.onnx")
        assert said.code == 2
        assert "model-int8.onnx' is an exported file already" in said.err

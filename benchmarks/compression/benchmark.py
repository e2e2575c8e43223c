"""Claim: half of the parameters and three quarters of the bits can go at the cost of a point or two.

    evocnn reproduce benchmarks/compression [--quick] [--data FOLDER]

A network of more than 100,000 parameters is trained on digits and on Fashion-MNIST, quantized to int8,
pruned by channels to half of its parameters with as many epochs of training again, and both in tandem.
Accuracies are those of validation images, which choose nothing here. Fashion-MNIST is read from the folder
of its IDX files, or downloaded into the cache; the quick form leaves it out.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from evocnn.cli.lone_training import trained_alone
from evocnn.cli.study import Asked, perform
from evocnn.deploy.description import Origin
from evocnn.deploy.images import split_images
from evocnn.deploy.latency import N_TURNS
from evocnn.deploy.model import Model
from evocnn.deploy.pruning import Pruning, prune
from evocnn.deploy.quantization import Figures, is_drop_allowed, quantize
from evocnn.genotype import LAYERS, Chromosome
from evocnn.report.figures import Figure
from evocnn.store import environment
from evocnn.training.data import load, split

NETWORK = "conv32k3 · pool · conv64k3 · pool · conv128k3 | gap dense64 | adamw lr=.003"
SPARSITY = 0.5
ALLOWED = 1.0  # the limit of `quantize`; the bars are judged below
BARS = {"int8": (0.01, 0.35), "pruned": (0.01, 1.0), "tandem": (0.02, 0.2)}  # accuracy lost, share of bytes
EPOCHS = {"digits": 20, "fashion-mnist": 10}
QUICK_EPOCHS = {"digits": 5}
TOLERANCES = {"digits": 0.03, "fashion-mnist": 0.01}  # three standard errors of an accuracy, and more


class Row(NamedTuple):
    """What was found on one data set.

    Attributes:
        data: The data's name.
        n_training: Training images.
        n_validation: Validation images.
        epochs: Of training, and of training again after pruning.
        n_parameters: Of the network, and after pruning.
        whole: The network as ONNX, with 32-bit numbers.
        int8: It quantized.
        pruned: It pruned, with 32-bit numbers.
        tandem: It pruned and quantized.
    """

    data: str
    n_training: int
    n_validation: int
    epochs: int
    n_parameters: tuple[int, int]
    whole: Figures
    int8: Figures
    pruned: Figures
    tandem: Figures


def trained(data: str, path: Path | None, epochs: int) -> Model:
    """Return the model of the network, trained on a data set."""
    where = {} if path is None else {"path": str(path.resolve())}
    tables = {
        "name": "compression",
        "data": {"source": data, **where},
        "space": {"layers": {"conv": {"filters": [32], "kernel": 3}, "pool": {}}},
    }
    images = load(data, "train", path)
    sides = split(images, validation=0.2, seed=0)
    chromosome = Chromosome.parse(NETWORK, LAYERS)
    origin = Origin(tables, ".", None, {"name": images.name, "digest": images.digest}, "", 0, "given")
    return trained_alone(chromosome, sides, epochs, origin)[0]


def measured(data: str, path: Path | None, epochs: int, folder: Path) -> Row:
    """Return what compressing the network found on a data set."""
    model = trained(data, path, epochs)
    training, validation = split_images(model)
    int8 = folder / f"{data}.onnx"
    quantize(model, int8, training, validation, ALLOWED)
    pruned = prune(model, Pruning("channels", SPARSITY, epochs), training, validation)
    beside = {"whole": model, "int8": int8}
    half = folder / f"{data}-half.onnx"
    found = quantize(pruned, half, training, validation, ALLOWED, beside=beside)
    n_parameters = [sum(p.numel() for p in each.network.parameters()) for each in (model, pruned)]
    return Row(
        data,
        len(training),
        len(validation),
        epochs,
        (n_parameters[0], n_parameters[1]),
        *(found.others["whole"], found.others["int8"], found.before, found.after),
    )


def study(asked: Asked) -> Mapping[str, Figure]:
    """Compress the network on each data set, write the table, and return the figures."""
    lengths = QUICK_EPOCHS if asked.is_quick else EPOCHS
    with TemporaryDirectory() as folder:
        rows = [
            measured(data, None if data == "digits" else asked.data_of(data), epochs, Path(folder))
            for data, epochs in lengths.items()
        ]
    asked.write("results.md", report(rows).splitlines())
    figures = {}
    for row in rows:
        tolerance = 0.05 if asked.is_quick else TOLERANCES[row.data]
        for name in ("whole", "int8", "pruned", "tandem"):
            found: Figures = getattr(row, name)
            share = found.weight_bytes / row.whole.weight_bytes
            figures[f"{row.data}.{name}.accuracy"] = Figure(found.accuracy, tolerance)
            figures[f"{row.data}.{name}.share_of_bytes"] = Figure(share, 0.02)
            figures[f"{row.data}.{name}.latency"] = Figure(found.latency.median, None, "s")
        bars_met = all(is_met(row, name) for name in BARS)  # which are those of the full form
        figures[f"{row.data}.bars_met"] = Figure(float(bars_met), None if asked.is_quick else 0)
    return figures


def is_met(row: Row, name: str) -> bool:
    """Return whether a network of a row kept to its bars."""
    figures: Figures = getattr(row, name)
    most_lost, most_bytes = BARS[name]
    share = figures.weight_bytes / row.whole.weight_bytes
    return is_drop_allowed(row.whole.accuracy, figures.accuracy, most_lost) and share <= most_bytes


def report(rows: list[Row]) -> str:
    """Return the results as Markdown."""
    where = environment()
    lines = "\n".join(_line(row, name) for row in rows for name in ("whole", "int8", "pruned", "tandem"))
    verdicts = "\n".join(f"- {text}" for row in rows for text in _verdicts(row))
    data = "\n".join(
        f"- {row.data}: {row.n_training:,} images to train, n = {row.n_validation:,} to validate, "
        f"{row.epochs} epochs, and {row.epochs} more after pruning"
        for row in rows
    )
    return f"""# A network pruned, quantized, and both

`{NETWORK}`, {rows[0].n_parameters[0]:,} parameters on digits; pruned by channels to half of its parameters,
quantized to int8 by ONNX Runtime (static, per channel). Accuracy on validation images; latency of one image
with one thread, median of {N_TURNS} turns, in which the four networks alternate. What was pruned has been
trained for twice as long as what was not, so a gain is not pruning's.

{data}

| data | network | parameters | accuracy | change | bytes of weights | share | latency, ms |
|---|---|---|---|---|---|---|---|
{lines}

{verdicts}

Command: `evocnn reproduce benchmarks/compression`
Machine: {where["processor"]}, {where["cores"]} cores; Python {where["python"]}, torch {where["torch"]},
ONNX Runtime {version("onnxruntime")}, torch-pruning {version("torch-pruning")}, seed 0, commit
{where["commit"]}.
"""


def _line(row: Row, name: str) -> str:
    figures: Figures = getattr(row, name)
    n_parameters = row.n_parameters[name in ("pruned", "tandem")]
    return (
        f"| {row.data} | {name} | {n_parameters:,} | {figures.accuracy:.4f} "
        f"| {figures.accuracy - row.whole.accuracy:+.4f} | {figures.weight_bytes:,} "
        f"| {figures.weight_bytes / row.whole.weight_bytes:.3f} | {1e3 * figures.latency.median:.3f} |"
    )


def _verdicts(row: Row) -> list[str]:
    """Return whether each bar is met."""
    ratio = row.int8.latency.median / row.whole.latency.median
    said = []
    for name, (most_lost, most_bytes) in BARS.items():
        beside = f" and {most_bytes:g} times the bytes at most" if most_bytes < 1 else ""
        verdict = "met" if is_met(row, name) else "missed"
        said.append(f"{row.data}, {name}: at most {most_lost:g} lost{beside}: {verdict}")
    return [f"{said[0]}; it takes {ratio:.2f} times as long", *said[1:]]


if __name__ == "__main__":
    perform(study, __doc__)

"""Claim: exported networks give PyTorch's logits within 1e-4 on 1,000 images of digits and Fashion-MNIST.

    evocnn reproduce benchmarks/export [--quick] [--data FOLDER]

Networks that hold every layer gene, normalization and activation between them are trained, exported as
ONNX and with `torch.export`, loaded again, and compared with the trained network on 1,000 images of the
training split, from the pixels to the logits. Fashion-MNIST is read from the folder of its IDX files, or
downloaded into the cache; the quick form leaves it out.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from evocnn.cli.lone_training import trained_alone
from evocnn.cli.study import Asked, perform
from evocnn.deploy.description import Origin
from evocnn.deploy.export import Exported, export
from evocnn.deploy.forms import OPSET
from evocnn.genotype import LAYERS, Chromosome, Shape
from evocnn.report.figures import Figure
from evocnn.store import environment
from evocnn.training.data import ImageSet, load, split

NETWORKS = {
    "plain": "conv32k3 · pool · conv64k3 · pool · conv128k3 | gap dense64",
    "residual": "conv16k3 · pool · res32k3 silu · res64k3s2 | gap",
    "bottleneck": "conv16k3 gelu norm=group · pool · neck32k3 reduction=4 · conv32k3 dilation=2 | flatten",
    "depthwise": "conv8k3 · dws32k3s2 tanh · inv32k3e3 se=4 · pool average | gap",
    "dense": "conv16k3 · dense16k3 · dense16k3 leaky_relu · pool | flatten",
    "links": "conv16k3 · conv16k5 groups=4 · link1 · pool · conv32k3 norm=none · link3 concat · drop.2 | gap",
}
RECIPE = "adamw lr=.003"
N_IMAGES = {"digits": 1_442, "fashion-mnist": 4_000}  # to train and validate
EPOCHS = 5
N_COMPARED = 1_000
BAR = 1e-4


class Row(NamedTuple):
    """What was found of a network.

    Attributes:
        data: The data's name.
        network: The network's name.
        n_parameters: Its parameters.
        accuracy: On validation images.
        largest: Largest logit, its sign aside.
        onnx: The ONNX file.
        torch: The program of `torch.export`.
        n_bytes: Size of the ONNX file.
    """

    data: str
    network: str
    n_parameters: int
    accuracy: float
    largest: float
    onnx: Exported
    torch: Exported
    n_bytes: int


def measured(data: str, images: ImageSet, network: str, folder: Path) -> Row:
    """Return what exporting a network found."""
    chromosome = Chromosome.parse(f"{NETWORKS[network]} | {RECIPE}", LAYERS)
    sides = split(images, validation=0.25, seed=0, n_images=N_IMAGES[data])
    origin = Origin({"name": images.name}, "", None, {"digest": images.digest}, "", 0, "given")
    model, accuracy = trained_alone(chromosome, sides, EPOCHS, origin)
    compared = images.take(np.arange(N_COMPARED))
    exported = [
        export(model, form, folder / f"{data}-{network}{end}", compared)
        for form, end in (("onnx", ".onnx"), ("torch", ".pt2"))
    ]
    return Row(
        data,
        network,
        chromosome.counts(Shape(*images.shape), images.n_classes).parameters,
        accuracy,
        float(np.abs(model.logits(compared)).max()),
        *exported,
        exported[0].path.stat().st_size,
    )


def study(asked: Asked) -> Mapping[str, Figure]:
    """Export every network for both data sets, write the table, and return the figures."""
    names = ("digits",) if asked.is_quick else tuple(N_IMAGES)
    sets = {name: load(name, "train", asked.data_of(name) if name != "digits" else None) for name in names}
    with TemporaryDirectory() as folder:
        rows = [
            measured(data, images, network, Path(folder))
            for data, images in sets.items()
            for network in NETWORKS
        ]
    asked.write("results.md", report(rows).splitlines())
    figures = {
        "bars_met": Figure(float(is_met(rows)), 0),
        "onnx.difference": Figure(max(row.onnx.difference for row in rows), BAR),
        "torch.difference": Figure(max(row.torch.difference for row in rows), BAR),
        "other_classes": Figure(sum(row.onnx.n_other + row.torch.n_other for row in rows), 2),
    }
    for row in rows:
        figures[f"{row.data}.{row.network}.bytes"] = Figure(row.n_bytes, 0.01 * row.n_bytes, "bytes")
    return figures


def is_met(rows: list[Row]) -> bool:
    """Return whether all ONNX files kept to the bar."""
    return all(row.onnx.difference <= BAR for row in rows)


def report(rows: list[Row]) -> str:
    """Return the results as Markdown."""
    where = environment()
    lines = "\n".join(
        f"| {row.data} | {row.network} | {row.n_parameters:,} | {row.accuracy:.3f} | {row.largest:.1f} "
        f"| {row.onnx.difference:.1e} | {row.torch.difference:.1e} | {row.onnx.n_other + row.torch.n_other} "
        f"| {row.n_bytes:,} |"
        for row in rows
    )
    texts = "\n".join(f"- {name}: `{text}`" for name, text in NETWORKS.items())
    worst = max(row.onnx.difference for row in rows)
    return f"""# Exported networks against PyTorch

Trained for {EPOCHS} epochs (`{RECIPE}`; {N_IMAGES["digits"]:,} digits, {N_IMAGES["fashion-mnist"]:,} images
of Fashion-MNIST, a quarter of them to validate), exported, loaded again, and run on n = {N_COMPARED:,} images
of the training split: the largest difference between two logits, and the images that an export puts into
another class.

| data | network | parameters | accuracy | largest logit | ONNX | torch.export | other classes | ONNX bytes |
|---|---|---|---|---|---|---|---|---|
{lines}

Bar: ONNX within {BAR:.0e}. {"Met" if is_met(rows) else "Missed"}: the largest difference is {worst:.1e}.

{texts}

Command: `evocnn reproduce benchmarks/export`
Machine: {where["processor"]}, {where["cores"]} cores; Python {where["python"]}, torch {where["torch"]},
ONNX Runtime {version("onnxruntime")}, ONNX opset {OPSET}, seed 0, commit {where["commit"]}.
"""


if __name__ == "__main__":
    perform(study, __doc__)

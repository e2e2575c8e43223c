"""The layers of a run's network, one by one: shapes, parameters and FLOPs."""

from collections.abc import Iterable
from dataclasses import dataclass

from evocnn.errors import ExperimentError, GeneError
from evocnn.genotype import LAYERS, Chromosome, LayerGene, Shape
from evocnn.genotype.chromosome import counts_of
from evocnn.runs import Run
from evocnn.store import Record


@dataclass(frozen=True)
class LayerRow:
    """A layer, or the head.

    Attributes:
        text: Its text form.
        kind: The gene type's name, or `head`.
        inputs: The shape that arrives.
        output: The shape behind it; of the head, a channel a class.
        parameters: Trained values.
        flops: Floating-point operations for one image.
    """

    text: str
    kind: str
    inputs: Shape
    output: Shape
    parameters: int
    flops: int


@dataclass(frozen=True)
class LayerTable:
    """A network, layer by layer.

    Attributes:
        chromosome: The network.
        shape: Of an image.
        n_classes: Number of classes.
        rows: Layers that are not inert, then the head.
        notes: How to read it.
    """

    chromosome: Chromosome
    shape: Shape
    n_classes: int
    rows: tuple[LayerRow, ...]
    notes: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Those of all rows."""
        return sum(row.parameters for row in self.rows)

    @property
    def flops(self) -> int:
        """Those of all rows."""
        return sum(row.flops for row in self.rows)


def layers_of(run: Run, record: Record, genes: Iterable[type[LayerGene]] = LAYERS) -> LayerTable:
    """Return a network of a run, layer by layer.

    Args:
        run: The run.
        record: The network.
        genes: The gene types that may occur; the package's own need no code of the user's.

    Raises:
        ExperimentError: The run is of no images.
        GeneError: The network has a gene of another type, or other counts than were measured.
    """
    data = run.manifest.get("data")
    if data is None:
        message = (
            f"'{run.folder}' must be a run of networks on images, but it was of the problem "
            f"'{run.name}'; give another run"
        )
        raise ExperimentError(message)
    shape, n_classes = Shape(*data["shape"]), len(data["class_names"])
    chromosome = Chromosome.from_json(record.genome, genes)
    rows, behind = [], shape
    for step in chromosome.trace(shape):
        counts = counts_of([step])
        row = LayerRow(
            step.gene.text, step.gene.name(), step.inputs[0], step.output, counts.parameters, counts.flops
        )
        rows.append(row)
        behind = step.output
    head = chromosome.head.counts(behind, n_classes)
    rows.append(
        LayerRow(chromosome.head.text, "head", behind, Shape(n_classes, 1, 1), head.parameters, head.flops)
    )
    table = LayerTable(chromosome, shape, n_classes, tuple(rows), _notes(chromosome))
    measured = record.metrics.get("parameters")
    if measured is not None and measured != table.parameters:
        message = (
            f"layers of ticket {record.ticket} must have the {measured:,.0f} parameters that were measured, "
            f"but they had {table.parameters:,}; use the version and the genes of the run"
        )
        raise GeneError(message)
    return table


def _notes(chromosome: Chromosome) -> tuple[str, ...]:
    notes = ["FLOPs are those of convolutions and dense layers for one image, forward."]
    if any(gene.skip for gene in chromosome.layers):
        notes.append(
            "Arcs lead from where a second input comes from; dashed ones put channels behind one another."
        )
    return tuple(notes)

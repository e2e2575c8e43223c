"""A search space for people, before anything is trained: alleles, number of networks, sizes of samples."""

from collections import Counter
from collections.abc import Iterator, Mapping
from math import floor, inf, isinf, log10
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.genotype import Choice, Chromosome, Counts, GeneAlleles, Range, SearchSpace
from evocnn.genotype.gene import Gene
from evocnn.genotype.limits import LIMITING
from evocnn.genotype.size import Estimate, SpaceSize

QUANTILES = {"least": 0.0, "lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75, "greatest": 1.0}
_EXACT_BELOW = 1_000_000  # numbers are written in full; from there on as powers of ten


class Sample(NamedTuple):
    """A network that a space draws, as founders are drawn.

    Attributes:
        chromosome: The chromosome after repair.
        counts: What it costs for one image.
        changes: What repair had to change, and how often; empty where nothing.
    """

    chromosome: Chromosome
    counts: Counts
    changes: Mapping[str, int]


def draw_samples(space: SearchSpace, n: int, rng: np.random.Generator) -> list[Sample]:
    """Return `n` networks as the founders of a search are drawn."""
    repaired = (space.repair(space.draw(rng)) for _ in range(n))
    return [
        Sample(genome, genome.counts(space.input_shape, space.n_classes), changes)
        for genome, changes in repaired
    ]


def show_alleles(name: str, space: SearchSpace) -> None:
    """Print what a space's networks may be made of, its limits and its founders."""
    console = Console(emoji=False)
    shape = "×".join(map(str, space.input_shape))
    _say(console, f"{name}: images of {shape}, {space.n_classes} classes")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("gene")
    table.add_column("weight", justify="right")
    table.add_column("field")
    table.add_column("alleles", overflow="fold", ratio=1)
    for row in _allele_rows(space):
        table.add_row(*map(Text, row))
    console.print(table)
    limits = space.limits
    measures = {"parameters": limits.parameters, "FLOPs": limits.flops, "activations": limits.activations}
    finite = [f"{limit:,.0f} {measure}" for measure, limit in measures.items() if limit < inf]
    _say(console, f"limits: {', '.join([*finite, f'{limits.depth} layers'])}")
    low, high = space.founder_depth
    _say(console, f"founders: {low} to {high} layers, {space.founder_prior}; {len(space.founders)} given")
    for founder in space.founders:
        genome, changes = space.repair(founder)
        n_parameters = genome.counts(space.input_shape, space.n_classes).parameters
        change = f", from {founder.text}" if changes else ""
        _say(console, f"  {genome.text} ({n_parameters:,} parameters{change})")


def show_size(size: SpaceSize, architectures: Estimate) -> None:
    """Print how many networks the alleles form, and about how many differ and lie within the limits."""
    console = Console(emoji=False)
    if size.n_genes:
        _say(console, f"layer genes: {counted(size.n_genes)}, up to {size.depth} in a row")
    bound, share = size.n_architectures, architectures.relative_error
    _say(console, f"architectures: at most {counted(bound)}; {_estimated(architectures, 1, bound)}")
    _say(console, f"recipes: {counted(size.n_recipes)}")
    bound = size.n_networks
    _say(console, f"networks: at most {counted(bound)}; {_estimated(architectures, size.n_recipes, bound)}")
    if not isinf(architectures.log10):
        error = "less than 1 %" if share < 0.01 else f"{100 * share:.0f} %"
        _say(console, f"(distinct within the limits: an estimate, its standard error {error})")


def show_sizes(samples: list[Sample]) -> None:
    """Print how the sizes of samples spread, and what repair had to change."""
    console = Console(emoji=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(f"{len(samples):,} samples")
    for title in QUANTILES:
        table.add_column(title.replace(" ", "\n"), justify="right", vertical="bottom")
    for title, values in sizes_of(samples).items():
        found = np.quantile(values, [*QUANTILES.values()], method="inverted_cdf")
        table.add_row(title, *(f"{value:,.0f}" for value in found))
    console.print(table)
    limited = [LIMITING & set(sample.changes) for sample in samples]
    kinds = Counter(kind for changes in limited for kind in changes)
    detail = ", ".join(f"{kind} {n:,}" for kind, n in kinds.most_common())
    line = f"the limits changed {sum(map(bool, limited)):,} of {len(samples):,} samples"
    _say(console, f"{line}: {detail}" if detail else line)


def sizes_of(samples: list[Sample]) -> dict[str, list[int]]:
    """Return depth, parameters, FLOPs and activations of samples, the counts for one image."""
    return {
        "layers": [len(sample.chromosome.layers) for sample in samples],
        "parameters": [sample.counts.parameters for sample in samples],
        "FLOPs": [sample.counts.flops for sample in samples],
        "activations": [sample.counts.activations for sample in samples],
    }


def counted(number: int) -> str:
    """Return a number in full, or as `1.5 × 10^13` where it is large."""
    return f"{number:,}" if number < _EXACT_BELOW else powered(log10(number))


def powered(exponent: float) -> str:
    """Return ten to an exponent as `1.5 × 10^13`, or in full with two digits where it is small."""
    mantissa, whole = f"{10 ** (exponent - floor(exponent)):.1f}", floor(exponent)
    if mantissa == "10.0":
        mantissa, whole = "1.0", whole + 1
    if whole >= log10(_EXACT_BELOW):
        return f"{mantissa} × 10^{whole}"
    return f"{round(float(mantissa) * 10**whole):,}"


def _allele_rows(space: SearchSpace) -> Iterator[tuple[str, str, str, str]]:
    """Yield gene, weight, field and alleles of each row."""
    held = space.held
    if space.backbone is not None:
        yield from _rows_of("backbone", "", space.backbone)
    if held.layers is None:
        for alleles in space.layers:
            yield from _rows_of(alleles.gene.name(), f"{alleles.weight:g}", alleles)
    else:
        yield ("layers", "", "held", " · ".join(gene.text for gene in held.layers) or "none")
    segments: dict[str, tuple[Gene | None, GeneAlleles[Any]]] = {
        "head": (held.head, space.head),
        "recipe": (held.recipe, space.recipe),
    }
    for name, (gene, own) in segments.items():
        yield from [(name, "", "held", gene.text)] if gene else _rows_of(name, "", own)


def _rows_of(name: str, weight: str, alleles: GeneAlleles[Any]) -> Iterator[tuple[str, str, str, str]]:
    if not alleles.fields:
        yield (name, weight, "", alleles.smallest().text)
    for index, (field, own) in enumerate(alleles.fields.items()):
        yield (*((name, weight) if index == 0 else ("", "")), field, _alleles_text(own))


def _alleles_text(alleles: Choice | Range) -> str:
    if isinstance(alleles, Range):
        return f"{alleles.low:g} to {alleles.high:g}{', log' if alleles.log else ''}"
    return ", ".join(str(list(value)) if isinstance(value, tuple) else str(value) for value in alleles.values)


def _estimated(architectures: Estimate, n_each: int, bound: int) -> str:
    """Return about how many there are where each architecture stands for `n_each`."""
    if isinf(architectures.log10):
        return f"none of {architectures.n_draws:,} draws lies within the limits: fewer than about " + powered(
            log10(bound) - log10(architectures.n_draws)
        )
    return f"about {powered(architectures.log10 + log10(n_each))} distinct within the limits"


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False)

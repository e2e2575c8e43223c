"""What the words and the text forms of a page mean, in the words of the genes themselves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from inspect import getdoc

from evocnn.genotype import LAYERS, Head, Recipe
from evocnn.genotype.gene import Gene
from evocnn.runs import Run

WORDS = (
    (
        "candidate",
        "a network that the search proposed, with its recipe of training; its number is its ticket",
    ),
    ("epoch", "one pass over the training images"),
    ("rung", "a share of the epochs after which only the best of the candidates are trained on"),
    ("looked at", "trained, if only up to the first rung"),
    ("trained in full", "trained for all epochs: only such a network can be on the front or have offspring"),
    (
        "full trainings, evaluations",
        "what a budget counts: as much work as so many trainings in full; a tenth of the epochs counts 0.1",
    ),
    ("founder, offspring", "a network that was drawn at random or given; one that was bred from others"),
    ("front", "the networks for which none was found that is as good in all objectives and better in one"),
    ("knee", "the network of the front that is nearest to the best of everything at once"),
    ("hypervolume", "how much the front covers, up to the reference point: the larger the better"),
    ("parameters", "the numbers that a network learns, and so its size"),
    ("FLOPs", "floating-point operations for one image, and so about its speed"),
    (
        "generalization gap",
        "training minus validation accuracy, what was learned by heart; gap in a text form is a way to pool",
    ),
)


@dataclass(frozen=True)
class Glossary:
    """Words and their meanings, by what they are about.

    Attributes:
        words: Of the page.
        layers: How the text form of each kind of layer begins; of the kinds in the run alone, and without
            genes of the run's own, which are described where they were written.
        head: What stands behind the first bar of a text form.
        recipe: What stands behind the second.
    """

    words: tuple[tuple[str, str], ...]
    layers: tuple[tuple[str, str], ...]
    head: tuple[tuple[str, str], ...]
    recipe: tuple[tuple[str, str], ...]

    @property
    def parts(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        """The parts with their headings, those without any word aside."""
        named = (
            ("Words", self.words),
            ("Text form: layers", self.layers),
            ("Text form: behind the first bar, from features to classes", self.head),
            ("Text form: behind the second bar, how it was trained", self.recipe),
        )
        return tuple((heading, entries) for heading, entries in named if entries)


def glossary_of(run: Run) -> Glossary:
    """Return what a reader of a run's page may look up; text forms only where there are networks."""
    kinds = set(_kinds(run))
    if not kinds:
        return Glossary(WORDS, (), (), ())
    layers = tuple((gene.code_of(), _summary(gene)) for gene in LAYERS if gene.name() in kinds)
    return Glossary(WORDS, layers, tuple(_entries(Head)), tuple(_entries(Recipe)))


def _kinds(run: Run) -> Iterator[str]:
    for record in run.records:
        layers = record.genome.get("layers") if isinstance(record.genome, dict) else None
        for layer in layers if isinstance(layers, list) else ():
            if isinstance(layer, dict):
                yield str(layer.get("gene"))


def _summary(gene: type[Gene]) -> str:
    """Return the first sentence of a gene's description."""
    return _plain((getdoc(gene) or "").partition("\n")[0])


def _entries(gene: type[Gene]) -> Iterator[tuple[str, str]]:
    """Yield how each field of a gene is written, and what its description says."""
    _, _, attributes = (getdoc(gene) or "").partition("Attributes:\n")
    for name, text in re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", attributes, re.MULTILINE):
        prefix = next(field.metadata.get("prefix") for field in fields(gene) if field.name == name) or ""
        yield prefix.strip() or name, _plain(text)


def _plain(text: str) -> str:
    """Return a text in one line, what is code in quotation marks."""
    return " ".join(text.replace("`", "'").split())

"""Genes that keep every rule pass; each rule has a gene that breaks it alone and is refused by its name."""

import itertools
import pickle
import random
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from evocnn.errors import ConformanceError, EvocnnError
from evocnn.genotype import LAYERS, Counts, GeneAlleles, LayerGene, Shape, number, word
from evocnn.testing import check_gene, example_space
from evocnn.testing.example_space import example_alleles


@dataclass(frozen=True, slots=True)
class Mix(LayerGene):
    """A pointwise convolution to as many, or several times as many, channels; keeps every rule."""

    times: int = number("", default=1, low=1)
    order: str = word("before", "after")

    def output(self, shape: Shape) -> Shape | None:
        return shape._replace(channels=shape.channels * self.times)

    def counts(self, shape: Shape) -> Counts:
        weights = shape.channels**2 * self.times
        return Counts(weights, 2 * weights * shape.height * shape.width, shape.size * self.times, 1)

    def module(self, shape: Shape) -> Any:
        return nn.Conv2d(shape.channels, shape.channels * self.times, 1, bias=False)


@dataclass(frozen=True, slots=True)
class Doubled(LayerGene):
    """What arrives, times a number, plus what lies one gene back; inert where shapes differ."""

    @property
    def skip(self) -> int:
        return 1

    def output(self, shape: Shape, source: Shape | None = None) -> Shape | None:
        return shape if source == shape else None

    def counts(self, shape: Shape, source: Shape | None = None) -> Counts:
        return Counts(1, 0, shape.size, 1)

    def canonical(self, shape: Shape, source: Shape | None = None) -> "Doubled":
        return self

    def module(self, *_: Shape) -> nn.Module:
        return Scaled(lambda scale, x, source: scale * x + source)


class Scaled(nn.Module):
    """A function of a trained number and the inputs."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(self.scale, *inputs)


@pytest.mark.parametrize("gene", LAYERS, ids=lambda gene: gene.name())
def test_a_gene_of_the_package_conforms(gene: type[LayerGene]) -> None:
    check_gene(example_alleles(gene))


def test_genes_of_ones_own_conform_with_alleles_as_a_file_writes_them() -> None:
    check_gene(Mix, times=[1, 3], order=["before", "after"])
    check_gene(Mix)
    check_gene(Mix, times=2)
    check_gene(Doubled)


def test_a_space_says_which_other_genes_there_are() -> None:
    space = example_space()
    with pytest.raises(ConformanceError, match="have a name of its own"):
        check_gene(Pool)
    without = [alleles for alleles in space.layers if alleles.gene.name() != "pool"]
    smaller = type(space)(space.input_shape, 3, tuple(without), space.head, space.recipe)
    check_gene(Pool, smaller)


def test_random_states_and_threads_are_put_back() -> None:
    before = random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
    n_threads = torch.get_num_threads()
    with pytest.raises(ConformanceError):
        check_gene(Drawn)
    assert before == (
        random.getstate(),
        pickle.dumps(np.random.get_state()),  # noqa: NPY002
        torch.get_rng_state().tolist(),
    )
    assert torch.get_num_threads() == n_threads


def test_the_error_names_rule_value_input_and_way_out() -> None:
    expected = (
        r"^gene Uncounted\(times=1, order='before'\) must count parameters as torch does, but it was 0 where "
        r"torch has 1 on 1x8x8; correct this method or the module$"
    )
    with pytest.raises(ConformanceError, match=expected) as caught:
        check_gene(Uncounted)
    assert isinstance(caught.value, EvocnnError)


# --- a gene for each rule --------------------------------------------------------------------------


class Plain(Mix):
    pass


@dataclass(frozen=True, slots=True)
class Thawed(Mix):
    pass


Thawed.__setattr__ = object.__setattr__  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True, eq=False)
class Alike(Mix):
    shade: int = number(default=0)


@dataclass(frozen=True, slots=True)
class Unequal(Mix):
    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = Mix.__hash__


@dataclass(frozen=True, slots=True)
class OddHash(Mix):
    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True, slots=True)
class Unpicklable(Mix):
    def __reduce__(self) -> Any:
        message = "no"
        raise TypeError(message)


@dataclass(frozen=True, slots=True)
class Reset(Mix):
    def __reduce__(self) -> Any:
        return (Reset, ())


@dataclass(frozen=True, slots=True)
class Ambiguous(Mix):
    place: str = word("before", "after")


@dataclass(frozen=True, slots=True)
class Barred(Mix):
    code: ClassVar[str] = "mix|"


@dataclass(frozen=True, slots=True)
class Spaced(Mix):
    tail: str = word("none", "dot · dot")


@dataclass(frozen=True, slots=True)
class Poolish(Mix):
    code: ClassVar[str] = "pool"


@dataclass(frozen=True, slots=True)
class Greedy(Mix):
    code: ClassVar[str] = ""
    label: str = number("", default="mine")


@dataclass(frozen=True, slots=True)
class Forgetful(Mix):
    def to_json(self) -> Any:
        return {"times": 1, "order": self.order}


@dataclass(frozen=True, slots=True)
class Silent(Mix):
    def to_json(self) -> Any:
        return {}


@dataclass(frozen=True, slots=True)
class Pool(Mix):
    code: ClassVar[str] = "own_pool"


@dataclass(frozen=True, slots=True)
class Drawn(Mix):
    def output(self, shape: Shape) -> Shape | None:
        random.random()
        return shape


@dataclass(frozen=True, slots=True)
class Fickle(Mix):
    def counts(self, shape: Shape) -> Counts:
        return Counts(next(_COUNTER))


_COUNTER = itertools.count()


@dataclass(frozen=True, slots=True)
class Tupled(Mix):
    def output(self, shape: Shape) -> Any:
        return tuple(shape)


@dataclass(frozen=True, slots=True)
class Halved(Mix):
    def output(self, shape: Shape) -> Shape | None:
        return shape._replace(height=shape.height // 2)


@dataclass(frozen=True, slots=True)
class Broken(Mix):
    def output(self, shape: Shape) -> Shape | None:
        return Shape(shape.channels // (shape.width - 8), 1, 1)


@dataclass(frozen=True, slots=True)
class Inert(Mix):
    def output(self, shape: Shape) -> Shape | None:
        return None


@dataclass(frozen=True, slots=True)
class Fractional(Mix):
    def counts(self, shape: Shape) -> Counts:
        return Counts(shape.channels / 2)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Negative(Mix):
    def counts(self, shape: Shape) -> Counts:
        return Mix.counts(self, shape)._replace(activations=-1)


@dataclass(frozen=True, slots=True)
class Uncounted(Mix):
    def counts(self, shape: Shape) -> Counts:
        return Mix.counts(self, shape)._replace(parameters=0)


@dataclass(frozen=True, slots=True)
class Halfcounted(Mix):
    def counts(self, shape: Shape) -> Counts:
        counts = Mix.counts(self, shape)
        return counts._replace(flops=counts.flops // 2)


@dataclass(frozen=True, slots=True)
class Frozen(Mix):
    def module(self, shape: Shape) -> Any:
        return Mix.module(self, shape).requires_grad_(requires_grad=False)


@dataclass(frozen=True, slots=True)
class Shrinking(Mix):
    def module(self, shape: Shape) -> Any:
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), Mix.module(self, shape))


@dataclass(frozen=True, slots=True)
class Moduleless(LayerGene):
    def output(self, shape: Shape) -> Shape:
        return shape

    def counts(self, shape: Shape) -> Counts:
        return Counts(activations=shape.size)


@dataclass(frozen=True, slots=True)
class Simplified(Mix):
    def canonical(self, shape: Shape) -> "Simplified":
        return self.having(times=1)


@dataclass(frozen=True, slots=True)
class Retyped(Mix):
    def canonical(self, shape: Shape) -> Any:
        return Mix(self.times, self.order)


@dataclass(frozen=True, slots=True)
class Flipping(Mix):
    def canonical(self, shape: Shape) -> "Flipping":
        return self.having(order="after" if self.order == "before" else "before")


@dataclass(frozen=True, slots=True)
class WithFunction(LayerGene):
    """One trained number, and whatever a subclass does with it and the input."""

    def output(self, shape: Shape) -> Shape:
        return shape

    def counts(self, shape: Shape) -> Counts:
        return Counts(1, 0, shape.size, 1)


def with_function(name: str, function: Any) -> type[LayerGene]:
    """Return a gene, importable under its name, whose module is a function of a number and the input."""

    def module(_: LayerGene, shape: Shape) -> nn.Module:
        return Scaled(function)

    kind = type(name, (WithFunction,), {"__module__": __name__, "__slots__": (), "module": module})
    return dataclass(frozen=True)(kind)


Chancy = with_function("Chancy", lambda scale, x: nn.functional.dropout(scale * x, 0.5))
Mingling = with_function("Mingling", lambda scale, x: scale * x - x.mean(dim=0))
Overwriting = with_function("Overwriting", lambda scale, x: scale * x.relu_())
Detached = with_function("Detached", lambda scale, x: scale.detach() * x)
Deaf = with_function("Deaf", lambda scale, x: scale * x.detach())
Infinite = with_function("Infinite", lambda scale, x: scale * x / 0)
Steep = with_function("Steep", lambda scale, x: (scale * x.relu()).sqrt())
Viewing = with_function("Viewing", lambda scale, x: scale * x.view(len(x), -1).view(x.shape))


@dataclass(frozen=True, slots=True)
class DeafToSource(Doubled):
    def module(self, *_: Shape) -> nn.Module:
        return Scaled(lambda scale, x, source: scale * x + source.detach())


@dataclass(frozen=True, slots=True)
class OneEyed(Doubled):
    canonical = LayerGene.canonical  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Demanding(Doubled):
    def output(self, shape: Shape, source: Shape) -> Shape | None:  # type: ignore[override]
        return shape if source == shape else None


@dataclass(frozen=True, slots=True)
class Careless(Doubled):
    def output(self, shape: Shape, source: Shape | None = None) -> Shape | None:
        return shape if source in (None, shape) else None


@dataclass(frozen=True, slots=True)
class Backward(Mix):
    @property
    def skip(self) -> int:
        return -1


ORDERS = {"order": ["before", "after"]}
REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (3, {}, "a gene must be a subclass of LayerGene, but it was 3; hand over the class itself"),
    (Mix(), {}, "a gene must be a subclass of LayerGene"),
    (GeneAlleles(Mix, {}), ORDERS, "a gene must be a subclass of LayerGene"),
    (Plain, {}, "Plain must be a frozen dataclass, but it was a plain class; write @dataclass"),
    (Mix, {"times": [0, 1]}, "Mix must accept its alleles, .* an allele is refused: Mix.times must be"),
    (Mix, {"time": [1]}, "Mix must accept its alleles, .* but it was 'time'; did you mean 'times'"),
    (Thawed, {}, "must be frozen, but it was possible to set times; write @dataclass"),
    (Alike, {"shade": [0, 1]}, "must differ where a field differs, but it was equal"),
    (Unequal, {}, "must equal and hash like one with the same fields, but it was unequal"),
    (OddHash, {}, "must equal and hash like one with the same fields, but it was of another hash"),
    (Unpicklable, {}, "must pickle, but it was TypeError: no; define it at the top of a module"),
    (Reset, {"times": [1, 2]}, r"must be itself after pickling, but it was Reset\(times=1"),
    (Ambiguous, {"place": ["before", "after"]}, r"must be what its text form 'ambiguous after' gives back"),
    (Barred, {}, r"must have a text form without separators, but it was 'mix\|'; leave spaces"),
    (Spaced, {"tail": ["none", "dot · dot"]}, "must have a text form without separators"),
    (Poolish, {"times": 2}, r"must alone read its text form 'pool2', but it was read as Pool\(size=2"),
    (Poolish, {"times": 1}, r"must alone read its text form 'pool', but it was read as Pool\(size=2"),
    (Greedy, {}, "Greedy must leave 'conv4k1' to Conv"),
    (Forgetful, {"times": [1, 2]}, r"must be what its JSON form gives back, but it was Forgetful\(times=1"),
    (Silent, {}, "must be what its JSON form gives back, but it was GeneError: gene 'silent' must have"),
    (
        Pool,
        {},
        r"Pool must have a name of its own, but it was 'pool', like that of evocnn\.\S+\.Pool; rename",
    ),
    (Drawn, {}, "must compute output without chance, but it was drawn from Python's random"),
    (Fickle, {}, r"must compute the same counts each time, but it was .* on 1x8x8; compute it from fields"),
    (Tupled, {}, r"must output a Shape of positive whole numbers, but it was \(1, 8, 8\) on 1x8x8"),
    (Halved, {}, "must output what its module does, but it was 1x4x8 where torch has 1x8x8"),
    (Broken, {}, r"must have a method output, but it was ZeroDivisionError: .*write output\(self, shape\)"),
    (Inert, {}, "must apply to features of some shape, but it was inert on each of 1x8x8, 3x32x32"),
    (Fractional, {}, r"must have counts that are whole numbers, but it was Counts\(parameters=0.5"),
    (Negative, {}, r"must have counts that are whole numbers, but it was .*activations=-1"),
    (Uncounted, {}, "must count parameters as torch does, but it was 0 where torch has 1"),
    (Halfcounted, {}, "must count FLOPs as torch does, but it was 64 where torch has 128 on 1x8x8"),
    (Frozen, {}, "must count parameters as torch does, but it was 1 where torch has 0"),
    (Shrinking, {}, "must output what its module does, but it was 1x8x8 where torch has 1x1x1"),
    (Moduleless, {}, "must have a module that trains, but it was GeneError: gene 'moduleless' must have"),
    (Simplified, {"times": 2}, r"must be the same layer in canonical form, but it was Simplified\(times=1"),
    (Retyped, {}, r"must have a canonical form of its own type, but it was Mix\("),
    (Flipping, {}, r"must have a canonical form that is its own, but it was .*'after'\), then .*'before'\)"),
    (Chancy, {}, "must be without chance in eval mode, but it was another result the second time"),
    (Mingling, {}, "must treat each image by itself in eval mode, but it was another result beside"),
    (Overwriting, {}, "must leave its input as it is, but it was changed in place"),
    (Detached, {}, "must pass gradients to its parameters and inputs, but it was none for parameter scale"),
    (Deaf, {}, "must pass gradients to its parameters and inputs, but it was none for input 0"),
    (Infinite, {}, "must have finite results, but it was nan or infinity"),
    (Steep, {}, "must have finite gradients, but it was nan or infinity for parameter scale"),
    (Viewing, {}, "must have a module that trains, but it was RuntimeError: view .* channels-last, too"),
    (DeafToSource, {}, "must pass gradients to its parameters and inputs, but it was none for input 1"),
    (OneEyed, {}, r"must have a method canonical, .*write canonical\(self, shape, source=None\)"),
    (Demanding, {}, r"must have a method output, .*write output\(self, shape, source=None\)"),
    (Careless, {}, "must be inert without a source, but it was Shape"),
    (Backward, {}, "must skip a whole number of genes, but it was -1; return 0"),
]


@pytest.mark.parametrize(("gene", "alleles", "rule"), REFUSED, ids=lambda part: getattr(part, "__name__", ""))
def test_a_gene_that_breaks_a_rule_is_refused(gene: Any, alleles: dict[str, Any], rule: str) -> None:
    with pytest.raises(ConformanceError, match=rule):
        check_gene(gene, **alleles)


def test_a_gene_that_workers_cannot_import_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, slots=True)
    class Local(Mix):
        pass

    with pytest.raises(ConformanceError, match=r"Local must be importable, but it was defined in .*<locals>"):
        check_gene(Local)
    monkeypatch.setattr(Mix, "__module__", "__main__")
    with pytest.raises(
        ConformanceError, match="Mix must be importable, but it was defined in __main__; define it at the top"
    ):
        check_gene(Mix)


def test_every_broken_gene_breaks_one_rule_alone() -> None:
    """The list above holds every class of this file that breaks a rule."""
    listed = {gene for gene, *_ in REFUSED if isinstance(gene, type)}
    kinds = {kind for kind in globals().values() if isinstance(kind, type) and issubclass(kind, LayerGene)}
    assert kinds - listed == {LayerGene, WithFunction, Doubled}

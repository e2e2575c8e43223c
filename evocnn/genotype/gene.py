"""What a gene is: a frozen record whose fields carry their rule and their text form.

A layer gene defines three things: its shape rule (`output`), its counts (`counts`) and its
module. The first two need no torch. The modules of the genes in this package live in
`evocnn.phenotype`; a gene of your own brings its module as a method:

    @dataclass(frozen=True, slots=True)
    class Blur(LayerGene):
        size: int = number("k", default=3)

        def output(self, shape): return shape
        def counts(self, shape): return Counts(activations=prod(shape), operations=1)
        def module(self, shape): return nn.AvgPool2d(self.size, 1, self.size // 2)
"""

import re
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from functools import cache
from sys import float_info
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, cast

from evocnn.errors import GeneError, did_you_mean
from evocnn.genotype.genome import JSON
from evocnn.genotype.text_form import TextField, TextForm, Value

Result = TypeVar("Result")
MOST = 2**31 - 1  # of a whole number: torch multiplies them in 64 bits


class Shape(NamedTuple):
    """The shape of one image's features."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """Number of values."""
        return self.channels * self.height * self.width


class Counts(NamedTuple):
    """What a layer costs, for one image.

    Attributes:
        parameters: Trained values.
        flops: Floating-point operations of convolutions and linear layers, forward;
            twice the multiply-accumulates, as `torch.utils.flop_counter` counts.
        activations: Values that the layer's operations write, forward.
        operations: Number of such operations (kernel launches, forward).
    """

    parameters: int = 0
    flops: int = 0
    activations: int = 0
    operations: int = 0

    def __add__(self, other: "Counts") -> "Counts":  # type: ignore[override]
        """Return the sum, field by field."""
        return Counts(self[0] + other[0], self[1] + other[1], self[2] + other[2], self[3] + other[3])


def number(
    prefix: str | None = None,
    *,
    default: Any = MISSING,
    low: float = 0,
    below: float = float("inf"),
    width: bool = False,
    shown: bool = False,
) -> Any:
    """Declare a numeric field of a gene.

    Args:
        prefix: What precedes the value in the text form, `k` in `conv32k3`; the name with `=` if not given.
        default: The value where none is given.
        low: Least permitted value.
        below: The value must be smaller than this.
        width: Whether this is the gene's width, which repair shrinks when a network is too large.
        shown: Whether the text form writes the default, too.
    """
    rule = {"prefix": prefix, "low": low, "below": below, "width": width, "shown": shown}
    return field(default=default, metadata=rule)


def word(*words: str, prefix: str = " ", shown: bool = False) -> Any:
    """Declare a field whose value is one of some words, the first by default."""
    return field(default=words[0], metadata={"prefix": prefix, "words": words, "shown": shown})


@dataclass(frozen=True, slots=True)
class Gene:
    """A frozen record with checked fields, a text form and a JSON form.

    Raises:
        GeneError: A field's value breaks the field's rule.
    """

    code: ClassVar[str] = ""  # how the text form begins

    def __post_init__(self) -> None:
        """Check every field against its own declaration, then the gene as a whole."""
        for name, kind, rule in _rules(type(self)):
            value = getattr(self, name)
            _check(type(self).__name__, name, kind, rule, value)
            if kind is float:  # one value, one key: 1 is 1.0, -0.0 is 0.0
                object.__setattr__(self, name, float(value) + 0.0)
        self.check()

    def check(self) -> None:
        """Raise GeneError where fields contradict each other; nothing by default."""

    def having(self, **values: Value) -> Self:
        """Return the gene with these values; itself where it has them already."""
        return self if all(getattr(self, n) == v for n, v in values.items()) else replace(self, **values)

    @classmethod
    def name(cls) -> str:
        """Return the gene's name in experiment files and JSON: the class's in snake case."""
        return _snake(cls.__name__)

    @property
    def text(self) -> str:
        """The one-line form, `conv32k3s2`; fields at their defaults are left out."""
        return _text_form(type(self)).written(self)

    @classmethod
    def code_of(cls) -> str:
        """Return what the text form begins with: `code`, or the name where none is given."""
        return cls.code if "code" in vars(cls) else cls.name()

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the gene that `text` wrote, or None where the text is no gene of this type.

        What stands behind a space may come in any order.
        """
        values = _text_form(cls).read(text)
        return None if values is None else cls(**values)

    @classmethod
    def form(cls) -> str:
        """Return how the text form is written, for messages: `drop<rate>`, `pool[<size>] [max|average]`."""
        return str(_text_form(cls))

    def to_json(self) -> dict[str, JSON]:
        """Return all fields by name."""
        return {
            name: list(value) if isinstance(value := getattr(self, name), tuple) else value
            for name, _, _ in _rules(type(self))
        }

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        """Return the gene that `to_json` wrote.

        Raises:
            GeneError: The value is no object with this gene's fields.
        """
        names = {name for name, _, _ in _rules(cls)}
        if not isinstance(value, dict) or set(value) != names:
            message = (
                f"gene '{cls.name()}' must have the fields {sorted(names)}, but it was {value!r}; "
                "write it with to_json of the same version"
            )
            raise GeneError(message)
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in value.items()})


@dataclass(frozen=True, slots=True)
class LayerGene(Gene):
    """One layer of a network: abstract; a subclass gives `output` and `counts`, and its module.

    A gene whose `skip` is above 0 reads a second input from that many active genes back; its
    methods, and its module's `forward`, take that input second. `Link` is such a gene.

    Attributes:
        begins: Whether the gene is inert but at the first place, and nothing behind reads what lies ahead
            of it. `Backbone` is such a gene.
    """

    begins: ClassVar[bool] = False

    @property
    def skip(self) -> int:
        """How many active genes back the second input lies; 0 for none."""
        return 0

    def output(self, shape: Shape) -> Shape | None:
        """Return the shape after the layer, or None where the gene cannot apply and is inert."""
        raise NotImplementedError

    def counts(self, shape: Shape) -> Counts:
        """Return what the layer costs on an input of this shape, where it is not inert."""
        raise NotImplementedError

    def canonical(self, shape: Shape) -> Self:
        """Return the simplest gene that is the same layer on an input of this shape; itself by default."""
        del shape
        return self


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _once_a_type(function: Callable[[type[Gene]], Result]) -> Callable[[type[Gene]], Result]:
    """Return the function, computed once for each gene type."""
    return cast("Callable[[type[Gene]], Result]", cache(function))


@_once_a_type
def _rules(gene: type[Gene]) -> tuple[tuple[str, type, Any], ...]:
    """Return name, kind and rule of each field of a gene type."""
    return tuple((f.name, _kind(f), f.metadata) for f in fields(gene))


def _kind(f: Field[Any]) -> type:
    kinds: dict[Any, type] = {int: int, float: float, str: str, "int": int, "float": float, "str": str}
    if f.type not in kinds and not str(f.type).startswith("tuple[int"):
        message = (
            f"a gene's field must be int, float, str or tuple[int, ...], but {f.name} was {f.type}; use one"
        )
        raise GeneError(message)
    return kinds.get(f.type, tuple)


@_once_a_type
def _text_form(gene: type[Gene]) -> TextForm:
    return TextForm(
        gene.code_of(),
        tuple(
            TextField(
                name=f.name,
                kind=kind,
                prefix=f" {f.name}=" if rule.get("prefix") is None else rule["prefix"],
                default=f.default,
                is_required=f.default is MISSING or bool(rule.get("shown")),
                words=tuple(rule.get("words", ())),
            )
            for f, (_, kind, rule) in zip(fields(gene), _rules(gene), strict=True)
        ),
    )


def _check(gene: str, name: str, kind: type, rule: Any, value: Any) -> None:
    words = rule.get("words")
    low, below = rule.get("low", 0), rule.get("below", float("inf"))
    if words is not None:
        good, allowed = isinstance(value, str) and value in words, "one of " + ", ".join(words)
    elif kind is tuple:
        good = type(value) is tuple and all(type(v) is int and v > 0 for v in value)
        allowed = "a list of whole numbers above 0, such as [64]"
    elif kind is int:
        good, allowed = type(value) is int and value >= low, f"a whole number of at least {low}"
        if good and value > MOST:
            good, allowed = False, f"a whole number of at most {MOST:,}"
    elif kind is float:
        good = type(value) in (int, float) and low <= value < below and abs(value) <= float_info.max
        allowed = f"a finite number of at least {low}" + (
            f" and below {below}" if below < float("inf") else ""
        )
    else:
        good, allowed = type(value) is kind, f"of type {kind.__name__}"
    if not good:
        hint = did_you_mean(str(value), words or ()) or "; choose such a value"
        message = f"{gene}.{name} must be {allowed}, but it was {value!r}{hint}"
        raise GeneError(message)

"""The one-line text form of a gene, `conv32k3s2 silu`: how it is written, read and described."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Value = int | float | str | tuple[int, ...]


@dataclass(frozen=True)
class TextField:
    """A field of a gene in its text form.

    Attributes:
        name: The field's name.
        kind: int, float, str or tuple.
        prefix: What precedes the value; behind a space, fields may come in any order.
        default: The value that is left out.
        is_required: Whether the field is always written.
        words: The values of a field of words.
    """

    name: str
    kind: type
    prefix: str
    default: Any
    is_required: bool
    words: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """A regular expression of the field's values."""
        return {
            int: r"-?\d{1,12}",
            float: r"-?(?:\d{1,20}(?:\.\d{0,30})?|\.\d{1,30})(?:e[+-]?\d{1,3})?",
            tuple: r"\d{1,12}(?:,\d{1,12})*",
            str: "|".join(map(re.escape, self.words)) or r"[\w-]{1,64}",
        }[self.kind]

    def value(self, text: str) -> Value:
        """Return the value that a text stands for."""
        return tuple(int(part) for part in text.split(",")) if self.kind is tuple else self.kind(text)

    def __str__(self) -> str:
        """Return how the field is written, in brackets where it may be left out."""
        part = self.prefix + ("|".join(self.words) or f"<{self.name}>")
        if self.is_required:
            return part
        return f" [{part[1:]}]" if part.startswith(" ") else f"[{part}]"


@dataclass(frozen=True)
class TextForm:
    """The text form of one gene type.

    Attributes:
        code: How it begins.
        fields: Its fields, in order.
    """

    code: str
    fields: Sequence[TextField]

    def written(self, gene: object) -> str:
        """Return the text of a gene; fields at their defaults are left out."""
        return self.code + "".join(
            f.prefix + _format(value)
            for f in self.fields
            if (value := getattr(gene, f.name)) != f.default or f.is_required
        )

    def read(self, text: str) -> dict[str, Value] | None:
        """Return the values that a text gives, or None where it is no such text."""
        start, *words = text.split(" ")
        match = self._start.fullmatch(start)
        if match is None:
            return None
        found = {name: text for name, text in match.groupdict().items() if text is not None}
        for word in words:
            readings = (
                (name, read["value"])
                for name, pattern in self._behind
                if name not in found and (read := pattern.fullmatch(word))
            )
            name, text = next(readings, ("", ""))
            if not name:
                return None
            found[name] = text
        if any(f.is_required and f.name not in found for f in self.fields):
            return None
        return {f.name: f.value(found[f.name]) for f in self.fields if f.name in found}

    def __str__(self) -> str:
        """Return how the text is written, for messages: `drop<rate>`, `pool[<size>] [max|average]`."""
        return self.code + "".join(map(str, self.fields))

    @cached_property
    def _start(self) -> re.Pattern[str]:
        """What reads the text up to its first space."""
        parts = [
            f"(?:{re.escape(f.prefix)}(?P<{f.name}>{f.pattern}))" + ("" if f.is_required else "?")
            for f in self.fields
            if not f.prefix.startswith(" ")
        ]
        return re.compile(re.escape(self.code) + "".join(parts))

    @cached_property
    def _behind(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """What reads each field that stands behind a space."""
        return tuple(
            (f.name, re.compile(f"{re.escape(f.prefix[1:])}(?P<value>{f.pattern})"))
            for f in self.fields
            if f.prefix.startswith(" ")
        )


def _format(value: Value) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    text = repr(value) if isinstance(value, float) else str(value)
    return text.removesuffix(".0") if not text.startswith("0.") else text[1:] if text != "0.0" else "0"

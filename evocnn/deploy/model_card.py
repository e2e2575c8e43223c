"""The model card: what an exported model is, where it comes from, what it is for and what not (Markdown).

Mitchell et al. (2019), "Model Cards for Model Reporting".
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evocnn.deploy.forms import OPSET
from evocnn.deploy.judgement import SHARED, overlap
from evocnn.deploy.model import SEEN, Model, versions
from evocnn.deploy.pruning import flops_of
from evocnn.errors import DataError, EvocnnError
from evocnn.runs import open_run
from evocnn.store.durable import write_durably

_CHUNK = 1 << 20  # bytes that are hashed at a time
_FITS = {
    "crop": "the shorter side is scaled, and the centre cut out",
    "resize": "both sides are scaled",
    "pad": "the longer side is scaled, and black added",
}
_PACKAGES = ("onnx", "onnxruntime", "onnxscript", "safetensors")  # beside those of a training


def write_model_card(model: Model, source: Path, exported: Path, form: str, made: str) -> Path:
    """Write the card of an exported file beside it, and return its path.

    Args:
        model: The model.
        source: The file that it was loaded from.
        exported: The file that was made of it.
        form: `onnx`, `torch` or `safetensors`.
        made: What was done with the file, to stand behind "it was".

    Raises:
        DataError: The card cannot be written.
    """
    path = exported.with_name(f"{exported.name}.md")
    try:
        write_durably(path, ("\n".join(_lines(model, source, exported, form, made)) + "\n").encode())
    except OSError as error:
        message = f"model card '{path}' must be writable, but: {error.strerror}; choose another place"
        raise DataError(message) from error
    return path


def _lines(model: Model, source: Path, exported: Path, form: str, made: str) -> Iterator[str]:
    origin = model.origin
    yield f"# Model card: {_text(origin.experiment['name'])}, {_text(exported.name)}\n"
    yield _in_short(model)
    yield "\n## Files\n"
    yield "| file | bytes | SHA-256 |\n|---|---|---|"
    for path in dict.fromkeys((exported, source)):
        yield f"| {_cell(path.name)} | {path.stat().st_size:,} | `{_digest(path)}` |"
    yield f"\n{_code(exported.name)} was made of {_code(source.name)}. It was {made}."
    yield "\n## How to use it\n"
    yield from _usage(model, exported.name, form)
    yield "\n## Intended use\n"
    yield (
        f"Sorting images like those of {_code(origin.data['name'])} into these {len(model.class_names)} "
        "classes, where single mistakes do little harm or are noticed."
    )
    yield "\n## Limits\n"
    yield from (f"- {limit}" for limit in _limits(model, source))
    yield "\n## Figures and how it was made\n"
    yield from _steps(model)
    yield "\n## Data\n"
    yield f"- Name: {_code(origin.data['name'])}"
    yield f"- Digest of the training images (SHA-256): {_code(origin.data['digest'])}"
    yield from (f"- Left out or repaired: {_text(note)}" for note in origin.data.get("notes", ()))
    yield "\n## Network, recipe and lineage\n"
    layers, head, recipe = model.chromosome.text.split(" | ")
    yield from (
        f"- {name}: {_code(text)}" for name, text in (("Layers", layers), ("Head", head), ("Recipe", recipe))
    )
    run = _code(Path(origin.run).name)
    yield f"- Picked as {_code(origin.pick)} from the run {run}: ticket {origin.ticket}"
    yield f"- Lineage: {' → '.join(map(_code, origin.lineage)) or 'a founder'}"
    yield "\n## Versions\n"
    yield from _all_versions(model)


def _in_short(model: Model) -> str:
    channels, height, width = model.input.shape
    n_parameters = sum(parameter.numel() for parameter in model.network.parameters())
    n_flops = flops_of(model.network, model.input.shape)
    kind = "grey" if channels == 1 else "RGB"
    return (
        f"A convolutional network that evocnn found, with {n_parameters:,} parameters and {n_flops:,} FLOPs "
        f"an image. It puts {kind} images of {height}×{width} pixels into one of {len(model.class_names)} "
        f"classes: {', '.join(map(_code, model.class_names))}."
    )


def _usage(model: Model, name: str, form: str) -> Iterator[str]:
    channels, height, width = model.input.shape
    if form == "safetensors":
        yield "`evocnn.deploy.model.load_model` returns it; the metadata hold the chromosome as JSON.\n"
    else:
        opset = f" (ONNX opset {OPSET})" if form == "onnx" else ""
        yield (
            f"Input{opset}: `images`, uint8 of shape (n, {channels}, {height}, {width}), any n, not "
            f"normalized. Outputs: `probabilities` and `logits`, float32 of shape "
            f"(n, {len(model.class_names)}). The metadata hold the classes' names as JSON.\n"
        )
    if form == "onnx":
        yield f"{_code(f'evocnn predict {name} IMAGE...')} needs nothing but this file.\n"
    mean, deviation = (
        ", ".join(f"{value:.4g}" for value in figures)
        for figures in (model.input.mean, model.input.deviation)
    )
    place = "ahead of the network" if form == "safetensors" else "inside the graph"
    yield (
        f"Of images of another aspect ratio {_FITS[model.input.framing.fit]}. Normalization, {place}: "
        f"subtract the mean {mean}, divide by the deviation {deviation}, in units of 0 to 255."
    )


def _limits(model: Model, source: Path) -> Iterator[str]:
    yield (
        "Every image gets one of these classes, also one that shows none of them. Probabilities were not "
        "calibrated, and do not tell how much an image is like those of training."
    )
    yield (
        "Figures hold for images from the same source. Other cameras, light, framing or ranges of values "
        "were not tried; neither were differences between groups of people, nor images made to deceive."
    )
    yield (
        "The search chose among networks by the validation images, so accuracies on these are somewhat too "
        "high; those on test images are not."
    )
    if model.was_trained_on_all:
        yield f"{SEEN.capitalize()}."
    tests = [step for step in model.steps if step["step"] == "test"]
    if not tests:
        yield "It has not been tested."
    elif tests[-1] is not model.steps[-1]:
        yield "It was changed after it had been tested."
    last: Mapping[str, Any] = tests[-1] if tests else {}
    if last.get(SHARED):
        yield f"Of its last test: {overlap(last[SHARED], last.get('images', 0))}."
    number = last.get("reading", 1)
    n_readings = max(number if isinstance(number, int) else 1, _readings(source, last.get("when")))
    if n_readings > 1:
        yield (
            f"The test split of the run has been read {n_readings} times so far, for this test the "
            f"{_text(_shown(number))}. time; choices may have followed from it."
        )


def _readings(source: Path, when: object) -> int:
    """Return how often the test split was read of the run in which a model lies with its test."""
    try:
        readings = open_run(source.resolve().parents[2]).readings
    except (EvocnnError, IndexError):  # the model lies elsewhere
        return 0
    return len(readings) if when in [entry["when"] for entry in readings] else 0


def _steps(model: Model) -> Iterator[str]:
    """Yield each step with its plain figures; what is long, such as curves, stays in the model."""
    if not model.steps:
        yield "Nothing is recorded."
        return
    yield "Figures are those right after each step; accuracies are fractions, times seconds.\n"
    yield "| step | figures |\n|---|---|"
    for number, step in enumerate(model.steps, 1):
        figures = [
            f"{_text(name.replace('_', ' '))} {_text(_shown(value))}"
            for name, value in step.items()
            if name not in ("step", "class_accuracies") and _is_short(value)
        ]
        yield f"| {number}. {_text(step['step'])} | {'; '.join(figures)} |"
    last = next((step for step in reversed(model.steps) if "class_accuracies" in step), None)
    if last is not None:
        yield "\nTest accuracy by class:\n\n| class | accuracy |\n|---|---|"
        values: Any = last["class_accuracies"]
        for name, value in zip(model.class_names, values, strict=True):
            yield f"| {_cell(name)} | {'no images' if value is None else f'{value:.4f}'} |"


def _is_short(value: object) -> bool:
    """Return whether a value is one figure or word, or two figures."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return 0 < len(value) <= 2 and all(isinstance(part, int | float) for part in value)
    return not isinstance(value, Mapping)


def _shown(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " to ".join(map(_shown, value))
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value)


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _all_versions(model: Model) -> Iterator[str]:
    """Yield with what each training was done, and with what the file was written."""
    for number, step in enumerate(model.steps, 1):
        found: Any = step.get("versions")
        if found:
            yield f"- {number}. {_text(step['step'])}: {_text(_listed(found))}"
    now = {**versions(), **{name: version(name) for name in _PACKAGES}}
    yield f"- export: {_text(_listed(now))}"


def _listed(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in found.items())


def _code(text: object) -> str:
    """Return a text as Markdown shows it letter by letter; on one line."""
    plain = " ".join(str(text).split())
    longest = max(map(len, re.findall("`+", plain)), default=0)
    fence, space = "`" * (longest + 1), " " if longest or not plain else ""
    return f"{fence}{space}{plain}{space}{fence}"


def _cell(text: object) -> str:
    """Return the same for a table, whose cells end at a bar."""
    return _code(text).replace("|", "\\|")


def _text(text: object) -> str:
    """Return a text without meaning for Markdown or HTML; on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", " ".join(str(text).split()))

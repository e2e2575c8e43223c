"""What is fuzzed: functions that take any bytes and raise nothing but what evocnn raises on purpose, inside.

Each reads bytes as a user's file would be read, uses what was read as a command would, and holds what comes
back against what went in where there is a way back.
"""

import gzip
import io
import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import safetensors.torch
from PIL import Image
from safetensors import safe_open

import evocnn
from evocnn.config import Experiment, load_experiment, space_of, to_plain
from evocnn.config.parts import objectives_of
from evocnn.config.user_code import refusing_code
from evocnn.deploy import model, model_card
from evocnn.deploy.description import Input, Origin
from evocnn.deploy.judgement import Judgement, recorded
from evocnn.deploy.widths import widths_of
from evocnn.errors import EvocnnError
from evocnn.phenotype import build
from evocnn.store import Journal, Record
from evocnn.store.committed import FILE_NAME as COMMITTED_NAME
from evocnn.store.journal import FILE_NAME
from evocnn.store.rescue import rescued
from evocnn.training.data.cifar import FORMS, N_PIXELS, load_cifar
from evocnn.training.data.folder import load_folder
from evocnn.training.data.framing import Framing
from evocnn.training.data.idx import load_idx, read_idx
from evocnn.training.data.npz import load_npz

ROOT = Path(__file__).parents[2]
IMAGES, CLASSES = (1, 8, 8), 10
DIGEST = "0" * 64
TABLES: dict[str, Any] = {
    "name": "fuzzing",
    "data": {"source": "digits", "images": 120},
    "space": {"preset": "tiny"},
    "training": {"epochs": 1},
    "search": {"budget": 3, "population": 2},
}

Target = Callable[[bytes], None]


def experiment_target(folder: Path) -> Target:
    """Return the target that reads experiment files and builds what they describe; no code is imported."""
    path = folder / "experiment.toml"

    def target(content: bytes) -> None:
        path.write_bytes(content)
        with suppress(EvocnnError), refusing_code("this is a fuzzer"):
            experiment = load_experiment(path)
            to_plain(experiment.tables)
            with suppress(EvocnnError):
                objectives_of(experiment, 0.1, 100)
            space = space_of(experiment, IMAGES, CLASSES)
            space.sample(np.random.default_rng(0))

    return target


def experiment_seeds() -> Iterator[bytes]:
    """Yield every experiment file and preset of the repository."""
    for path in sorted([*ROOT.glob("experiments/*/*.toml"), *ROOT.glob("evocnn/config/presets/*.toml")]):
        yield path.read_bytes()


def chromosome_target(_: Path) -> Target:
    """Return the target that reads chromosomes, as text or as JSON, writes them and reads them again."""
    space = space_of(Experiment.from_dict(TABLES), IMAGES, CLASSES)
    wide = [
        space_of(Experiment.from_dict({**TABLES, "space": {"preset": p}}), IMAGES, CLASSES) for p in PRESETS
    ]
    spaces = [space, *wide]

    def target(content: bytes) -> None:
        if not content:
            return
        chosen = spaces[content[0] // 2 % len(spaces)]
        text = content[1:].decode("utf-8", "replace")
        with suppress(EvocnnError):
            if content[0] % 2:
                chromosome = chosen.parse(text)
                assert chosen.parse(chromosome.text) == chromosome
            else:
                try:
                    value = json.loads(text)
                except (ValueError, RecursionError):
                    return
                chromosome = chosen.from_json(value)
                assert chosen.from_json(json.loads(json.dumps(chromosome.to_json()))) == chromosome
            repaired = chosen.repair(chromosome).genome
            assert chosen.from_json(repaired.to_json()).key == repaired.key
            repaired.counts(chosen.input_shape, chosen.n_classes)

    return target


PRESETS = ("evocnn", "mobile", "resnet-like")


def chromosome_seeds() -> Iterator[bytes]:
    """Yield samples of the presets, as text and as JSON."""
    for index, preset in enumerate(("tiny", *PRESETS)):
        space = space_of(Experiment.from_dict({**TABLES, "space": {"preset": preset}}), IMAGES, CLASSES)
        rng = np.random.default_rng(0)
        for _ in range(5):
            chromosome = space.sample(rng)
            yield bytes([2 * index + 1]) + chromosome.text.encode()
            yield bytes([2 * index]) + json.dumps(chromosome.to_json()).encode()


def data_target(folder: Path) -> Target:  # noqa: C901 - a branch for each reader
    """Return the target that reads data: the first byte says as what."""
    idx, packed, npz = folder / "train-images-idx3-ubyte", folder / "packed.gz", folder / "data.npz"
    (folder / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x04\0\1\0\1")
    binary, python = (folder / form.source for form in (FORMS[0], FORMS[3]))
    photos = [folder / "photos" / name / f"{n}.png" for name in ("a", "b") for n in range(3)]
    for place in (binary, python, *(photo.parent for photo in photos)):
        place.mkdir(parents=True, exist_ok=True)
    small = _png()
    for photo in photos:
        photo.write_bytes(small)

    def read(kind: int, content: bytes) -> None:
        if kind == 0:
            idx.write_bytes(content)
            load_idx(folder, "train")
        elif kind == 1:
            packed.write_bytes(content)
            read_idx(packed)
        elif kind == 2:
            for name in FORMS[0].batches["train"]:
                (binary / name).write_bytes(content)
            load_cifar(binary, "train", "cifar-10")
        elif kind == 3:
            (python / "train").write_bytes(content)
            load_cifar(python, "train", "cifar-100")
        elif kind == 4:
            npz.write_bytes(content)
            load_npz(npz, "train")
        else:
            photos[0].write_bytes(content)
            load_folder(folder / "photos", "train", Framing((8, 8)))

    def target(content: bytes) -> None:
        with suppress(EvocnnError):
            read(content[0] % 6 if content else 0, content[1:])

    return target


def data_seeds() -> Iterator[bytes]:
    """Yield a small valid file of each kind."""
    idx = b"\0\0\x08\x03" + b"\0\0\0\4\0\0\0\2\0\0\0\2" + bytes(range(16))
    yield b"\0" + idx
    yield b"\1" + gzip.compress(idx)
    yield b"\2" + b"".join(bytes([n]) + bytes(N_PIXELS) for n in range(2))
    batch = {b"data": np.zeros((2, N_PIXELS), np.uint8), b"fine_labels": [0, 1]}
    yield from (b"\3" + pickle.dumps(batch, protocol) for protocol in (0, 2, 4))
    archive = io.BytesIO()
    np.savez(archive, images=np.zeros((4, 2, 2), np.uint8), labels=np.array([0, 1, 0, 1]))
    yield b"\4" + archive.getvalue()
    packed = io.BytesIO()
    np.savez_compressed(packed, images=np.zeros((4, 2, 2)), labels=np.array(["a", "b", "a", "b"]))
    yield b"\4" + packed.getvalue()
    yield b"\5" + _png()
    for form in ("JPEG", "WEBP"):
        yield b"\5" + _png(form)


def _png(form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(stream, form)
    return stream.getvalue()


def journal_target(folder: Path) -> Target:
    """Return the target that reads and rescues journals: with bytes changed, or other values in their cells.

    The first byte says which. Changes of bytes are groups of four: three for the place, one for the value;
    behind the journal's bytes come those of the file that says how much was committed.
    Other values are text, one change a line: the row (-1 for the manifest), the name of the field, and JSON.
    """
    run = evocnn.run(Experiment.from_dict(TABLES), folder / "whole")
    names = (FILE_NAME, COMMITTED_NAME)
    size = (run.folder / FILE_NAME).stat().st_size
    whole = b"".join((run.folder / name).read_bytes() for name in names)
    with Journal.open(run.folder, read_only=True) as journal:
        manifest, records = journal.manifest(), tuple(journal.records())
    changed = folder / "changed"
    changed.mkdir()

    def target(content: bytes) -> None:
        for file in changed.iterdir():
            file.unlink()
        if content[:1] < b"\x80":
            patched = _patched(whole, content[1:])
            for name, part in zip(names, (patched[:size], patched[size:]), strict=True):
                (changed / name).write_bytes(part)
        elif not _write_other(changed, manifest, records, content[1:].decode("utf-8", "replace")):
            return
        with suppress(EvocnnError):
            look_at(changed)
        with suppress(EvocnnError):
            rescued(changed)

    return target


def look_at(folder: Path) -> None:
    """Read a run as the commands that show it do."""
    run = evocnn.open_run(folder)
    _ = run.name, run.front, run.candidates, run.n_epochs, run.rejection, run.readings, run.resumptions
    for record in run.records:
        run.donors(record)


def _patched(whole: bytes, patches: bytes) -> bytes:
    changed = bytearray(whole)
    for start in range(0, len(patches) - 3, 4):
        changed[int.from_bytes(patches[start : start + 3]) % len(changed)] = patches[start + 3]
    return bytes(changed)


def _write_other(folder: Path, manifest: Mapping[str, Any], records: tuple[Record, ...], text: str) -> bool:
    """Write a journal with other values; False where the text is not of that form or SQLite takes no such."""
    entries, rows = dict(manifest), list(records)
    names = [field.name for field in fields(Record)]
    for line in text.splitlines():
        row, _, rest = line.partition(" ")
        name, _, value = rest.partition(" ")
        try:
            number, parsed = int(row), json.loads(value)
        except (ValueError, RecursionError):
            return False
        if number < 0:
            entries[name] = parsed
        elif number < len(rows) and name in names and name != "evaluation":
            rows[number] = replace(rows[number], **{name: parsed})
        elif number < len(rows) and name in ("metrics", "curves", "status", "reason", "seconds"):
            rows[number] = replace(
                rows[number], evaluation=replace(rows[number].evaluation, **{name: parsed})
            )
    try:
        with Journal.create(folder, entries, is_kept=False) as journal:
            for record in rows:
                journal.commit(record)
    except (EvocnnError, AttributeError, TypeError, ValueError, OverflowError):  # what can never be written
        return False
    return True


def journal_seeds() -> Iterator[bytes]:
    """Yield changes of bytes and of values."""
    yield b"\0" + b"\0\0\x64\xff"
    yield b"\0" + b"\0\x10\0\0" + b"\0\x20\x10\x7f"
    yield b"\0" + b"\0\x08\x20\xff" + b"\0\x0f\x70\0"  # statements of the schema
    entries = ("status", "experiment", "objectives", "data", "rejection", "tests", "resumed_after_tests")
    cells = ("genome", "parents", "operators", "repairs", "metrics", "curves", "donor", "reused_from")
    for value in ('"x"', "null", "3", "-1", "[]", "{}", "[1]", '{"name": 1}', "[[1, 2]]", "1e999"):
        for name in entries:
            yield f"\x80-1 {name} {value}".encode("latin1")
        for name in cells:
            yield f"\x801 {name} {value}".encode("latin1")


def model_target(folder: Path) -> Target:
    """Return the target that reads models and shows them: with other values, or with another description.

    The first byte says which. Other values are text, one a line: where, with dots between, and JSON. The
    digest is passed over, as whoever writes such a file makes one that fits.
    """
    path, card = folder / "model.safetensors", folder / "model.onnx"
    whole = _described(path)
    weights = safetensors.torch.load_file(path)
    card.touch()

    def target(content: bytes) -> None:
        text: str | None = content[1:].decode("utf-8", "replace")
        if content[:1] >= b"\x80":
            text = _changed(deepcopy(whole), text or "")
        if text is None:
            return
        path.write_bytes(safetensors.torch.save(weights, {"evocnn": text}))
        without_digest = patch.object(model, "_digest", return_value=DIGEST)
        without_git = patch.object(model_card, "versions", return_value={})
        with suppress(EvocnnError), without_digest, without_git:
            found = model.load_model(path)
            _ = found.done, found.changes, found.was_trained_on_all, recorded(found.steps)
            model_card.write_model_card(found, path, card, "onnx", "compared")

    return target


def _described(path: Path) -> Any:
    """Write a model with a step of each kind, trained not at all, and return its description."""
    tables = {**TABLES, "space": {"layers": {"conv": {"filters": [8], "kernel": 3}}}}
    experiment = Experiment.from_dict(tables)
    space = space_of(experiment, IMAGES, CLASSES)
    chromosome = space.parse("conv8k3 | gap | sgd lr=.1")
    network = build(chromosome, space.input_shape, space.n_classes).eval()
    origin = Origin(
        TABLES, "", None, {"name": "digits", "digest": DIGEST, "notes": ["a note"]}, "run", 0, "knee"
    )
    form = Input(IMAGES, Framing((8, 8), "crop", "grey"), (4.9,), (6.0,))
    confusion = tuple(tuple(4 * (row == column) for column in range(CLASSES)) for row in range(CLASSES))
    figures: dict[str, Any] = {"epochs": 2, "images": 80, "seconds": 1.5, "parameters": 170}
    steps = (
        {"step": "train", "seed": 0, "all_data": False, **figures, "versions": {"torch": "2"}},
        Judgement(confusion, when="2026-01-01", n_shared=2).step,
        {"step": "prune", "kind": "channels", "sparsity": 0.5, **figures, "widths": widths_of(network)},
    )
    model.Model(network, chromosome, form, tuple("abcdefghij"), origin, steps).save(path)
    with safe_open(path, "pt") as file:
        return {**json.loads(file.metadata()["evocnn"]), "digest": DIGEST}


def _changed(description: Any, text: str) -> str | None:
    """Return a description with other values; None where the text is not of that form."""
    try:
        for line in text.splitlines():
            place, _, value = line.partition(" ")
            *parents, last = (int(part) if part.isdecimal() else part for part in place.split("."))
            inside = description
            for part in parents:
                inside = inside[part]
            inside[last] = json.loads(value)
        return json.dumps(description)
    except (LookupError, TypeError, ValueError, RecursionError):
        return None


def model_seeds() -> Iterator[bytes]:
    """Yield each value of a description as something else, and descriptions as others might write them."""
    with TemporaryDirectory() as folder:
        whole = _described(Path(folder) / "model.safetensors")
    yield b"\0" + json.dumps(whole).encode()
    for place in _places(whole):
        for value in ('"x"', "null", "-1", "1e999", "[]", "{}", "[[1]]", "9" * 400):
            yield f"\x80{place} {value}".encode("latin1")


def _places(value: Any, place: str = "") -> Iterator[str]:
    """Yield where the values of a table or a list lie, those inside others, too."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield f"{place}{name}"
        yield from _places(part, f"{place}{name}.")


TARGETS: Mapping[str, tuple[Callable[[Path], Target], Callable[[], Iterator[bytes]]]] = {
    "experiment": (experiment_target, experiment_seeds),
    "chromosome": (chromosome_target, chromosome_seeds),
    "data": (data_target, data_seeds),
    "journal": (journal_target, journal_seeds),
    "model": (model_target, model_seeds),
}

"""Two hundred changes of valid experiment files: each is refused in words that name it, or runs as asked."""

import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from evocnn import open_run
from evocnn.cli.main import EXIT_MISTAKE, main
from evocnn.config import load_experiment
from evocnn.config.toml import MAX_DEPTH
from evocnn.errors import printable
from evocnn.genotype import size

pytestmark = pytest.mark.fault

VALID = """\
name = "tiny"
seed = 5

[data]
source = "digits"
images = 60
validation = 0.5

[space]
founder_depth = [1, 2]
limits = { parameters = 3000, depth = 3 }

[space.layers.conv]
filters = [2, 4]
kernel = [1, 3]

[space.layers.pool]
size = 2

[space.recipe]
learning_rate = { low = 0.01, high = 0.1, scale = "log" }
optimizer = ["sgd", "adamw"]

[objectives.validation_accuracy]
weight = 1
floor = 0.0

[objectives.parameters]
scale = "linear"
weight = -1
reference = 3000

[training]
epochs = 1
timeout = 30
cost = { start = 0.01, per_flop = 1e-9, per_activation = 1e-9, per_operation = 1e-5 }

[search]
algorithm = "random"
window = 1
budget = 1
"""
OTHER = """\
name = "other"
seed = 1

[data]
source = "digits"
images = 60
validation = 0.5
channels = "grey"

[space]
preset = "tiny"
evolve = ["layers", "recipe"]

[space.hold]
head = "gap dense16"

[training]
epochs = 2

[search]
algorithm = "nsga2-generational"
population = 2
window = 1
budget = 2
rungs = [0.5, 1.0]
crossover_rate = 0.5
rates = "credit"
"""
VALUES = (
    *("-1", "0", "1", "2.5", "nan", "-inf", "1e308", "9223372036854775808", f"1{'0' * 400}", "true", '""'),
    *('"x"', '"9"', '"../../up"', '"nowhere:x"', '"\u001b]0;title\u0007"', '"\u0000"', "[]", "[[]]"),
    *("[1, 'a']", "{}", "{ low = 2, high = 1 }", "{ low = 0.1, high = 0.2 }", "1979-05-27", "[nan]"),
)
TABLES = ("space.layers.cnv", "a.b", "data", "search.x", "objectives.own")
NAMES = ("sed", "", "x", "weight", "tables", "folder", "name", '"a b"', '"\\u001b[31m"', "low")
BYTES = (b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\x80", b"\x1b[2J", b"=", b"[", b'"', b"\r", b"\xe9")


def changed(rng: np.random.Generator) -> tuple[bytes, tuple[str, ...]]:
    """Return a valid file after one change, and what a refusal of that must name."""
    valid = str(rng.choice([VALID, OTHER]))
    lines = valid.splitlines()
    keys = [n for n, line in enumerate(lines) if "=" in line]
    tables = [n for n, line in enumerate(lines) if line.startswith("[")]
    key = int(rng.choice(keys))
    name, _, value = lines[key].partition(" = ")
    named: tuple[str, ...] = ()
    match rng.integers(9):
        case 0 | 1 | 2:
            value = str(rng.choice(VALUES))
            lines[key] = f"{name} = {value}"
            named = (name, shown(value))
        case 3:
            other = str(rng.choice(NAMES))
            lines[key] = f"{other} = {value}"
            named = (other.strip('"').replace("u001b", "x1b"),)
        case 4:
            other = str(rng.choice(NAMES))
            lines.insert(key, f"{other} = {rng.choice(VALUES)}")
            named = (other.strip('"').replace("u001b", "x1b"),)
        case 5:
            del lines[int(rng.choice([*keys, *tables]))]
        case 6:
            lines[int(rng.choice(tables))] = f"[{rng.choice(TABLES)}]"
        case 7:
            depth = int(rng.choice([MAX_DEPTH, 5000]))
            lines[key] = (
                f"{name} = {'[' * depth}{']' * depth}" if rng.random() < 0.5 else f"{'a.' * depth}b = 1"
            )
        case _:
            content, at = valid.encode(), int(rng.integers(len(valid)))
            return content[:at] + bytes(rng.choice(np.array(BYTES, dtype=object))) + content[at:], ()
    return "\n".join(lines).encode(), named


def shown(value: str) -> str:
    """Return how an error shows a value, or begins to; nothing for one that it may tell in other words."""
    try:
        found = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return ""
    return repr(found)[:50] if isinstance(found, (bool, int, float, str)) else ""


def said_by(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command says of a mistake, nothing where it makes none; what it raises is a failure."""
    monkeypatch.setattr(sys, "argv", ["evocnn", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code in (0, EXIT_MISTAKE)
    return said if ended.value.code == EXIT_MISTAKE else ""


@pytest.mark.parametrize("n_files", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_changed_files_are_refused_in_words_or_run_as_asked(
    n_files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails without `check_extent` (a traceback of 5,000 frames), without `printable` in `main` (a command to
    the terminal, in the file's name), wherever a value passes the tables and is met further on, and where a
    run drops what was asked.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(size, "_GENES_DRAWN", 1)  # of the estimate that the command prints: a second or two
    rng, n_run = np.random.default_rng(8), 0
    for number in range(n_files):
        path, out = tmp_path / f"{number}\x1b[2J.toml", tmp_path / f"run-{number}"
        content, named = changed(rng)
        path.write_bytes(content)
        if said := said_by(["space", str(path), "--samples", "5"], monkeypatch, capsys):
            assert printable(str(path)) in said, said
            assert re.search(r"must|is not known", said), said
            assert not re.search(r"[^\n\x20-\x7e\xa0-\U0010ffff]|Traceback", said), said
            if "must be TOML in UTF-8, but" not in said:  # which names the line, or the byte
                assert all(word in said for word in named), (named, said)
        else:
            options = ["--budget", "1", "--workers", "0", "--out", str(out)]
            assert not said_by(["run", str(path), *options], monkeypatch, capsys)
            found, asked = open_run(out), load_experiment(path)
            changes = {"search": asked.search.model_copy(update={"budget": found.experiment.search.budget})}
            assert found.experiment.model_dump() == asked.model_copy(update=changes).model_dump()
            assert found.records
            n_run += 1
    assert 0 < n_run < n_files / 2

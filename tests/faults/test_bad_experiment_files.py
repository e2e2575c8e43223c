"""Two hundred changes of a valid experiment file: each is refused by file, key and rule, or runs as asked."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from evocnn import open_run
from evocnn.cli.main import EXIT_MISTAKE, main
from evocnn.config import load_experiment
from evocnn.config.toml import MAX_DEPTH
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
VALUES = (
    *("-1", "0", "1", "2.5", "nan", "-inf", "1e308", "9223372036854775808", f"1{'0' * 400}", "true", '""'),
    *('"x"', '"9"', '"../../up"', '"nowhere:x"', '"\u001b]0;title\u0007"', '"\u0000"', "[]", "[[]]"),
    *("[1, 'a']", "{}", "{ low = 2, high = 1 }", "{ low = 0.1, high = 0.2 }", "1979-05-27", "[nan]"),
)
TABLES = ("space.layers.cnv", "a.b", "data", "search.x", "objectives.own")
NAMES = ("sed", "", "x", "weight", "tables", "folder", "name", '"a b"', '"\\u001b[31m"', "low")
BYTES = (
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\0",
    b"\x80",
    b"\x1b[2J",
    b"=",
    b"[",
    b'"',
    b"\r",
    b"\xe9",
)


def changed(rng: np.random.Generator) -> bytes:
    """Return the file after one change."""
    lines = VALID.splitlines()
    keys = [n for n, line in enumerate(lines) if "=" in line]
    tables = [n for n, line in enumerate(lines) if line.startswith("[")]
    key = int(rng.choice(keys))
    name, _, value = lines[key].partition(" = ")
    match rng.integers(9):
        case 0 | 1 | 2:
            lines[key] = f"{name} = {rng.choice(VALUES)}"
        case 3:
            lines[key] = f"{rng.choice(NAMES)} = {value}"
        case 4:
            lines.insert(key, f"{rng.choice(NAMES)} = {rng.choice(VALUES)}")
        case 5:
            del lines[int(rng.choice([*keys, *tables]))]
        case 6:
            number = int(rng.choice(tables))
            lines[number] = (
                f"[{rng.choice(['space.layers.cnv', 'a.b', 'data', 'search.x', 'objectives.own'])}]"
            )
        case 7:
            depth = int(rng.choice([MAX_DEPTH, 5000]))
            lines[key] = (
                f"{name} = {'[' * depth}{']' * depth}" if rng.random() < 0.5 else f"{'a.' * depth}b = 1"
            )
        case _:
            content, at = VALID.encode(), int(rng.integers(len(VALID)))
            return content[:at] + bytes(rng.choice(np.array(BYTES, dtype=object))) + content[at:]
    return "\n".join(lines).encode()


def said_by(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command says of a mistake, nothing where it makes none; what it raises is a failure."""
    monkeypatch.setattr(sys, "argv", ["evocnn", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code in (0, EXIT_MISTAKE)
    return said if ended.value.code == EXIT_MISTAKE else ""


@pytest.mark.parametrize("n_files", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_changed_files_are_refused_in_words_or_shown(
    n_files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails without `check_extent` (a traceback of 5,000 frames), without `printable` in `main` (a command to
    the terminal), and wherever a value passes the tables and is met further on.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(size, "_GENES_DRAWN", 1)  # of the estimate that the command prints: a second or two
    rng, n_refused = np.random.default_rng(8), 0
    for number in range(n_files):
        path = tmp_path / f"{number}.toml"
        path.write_bytes(changed(rng))
        said = said_by(["space", str(path), "--samples", "5"], monkeypatch, capsys)
        if said:
            n_refused += 1
            assert str(path) in said, said
            assert re.search(r"must|is not known", said), said
            assert not re.search(r"[^\n\x20-\x7e\xa0-\U0010ffff]|Traceback", said), said
    assert 0.5 * n_files < n_refused < 0.95 * n_files


@pytest.mark.slow
def test_what_is_accepted_runs_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails where a value is accepted and only met in training; or wherever a run drops what was asked."""
    monkeypatch.chdir(tmp_path)
    rng, n_run = np.random.default_rng(9), 0
    while n_run < 3:
        path = tmp_path / f"{n_run}.toml"
        path.write_bytes(changed(rng))
        if said_by(["space", str(path), "--samples", "5"], monkeypatch, capsys):
            continue
        out = tmp_path / f"run-{n_run}"
        options = ["--budget", "1", "--workers", "0", "--out", str(out)]
        if not said_by(["run", str(path), *options], monkeypatch, capsys):
            experiment = load_experiment(path)
            assert (
                open_run(out).experiment.model_dump()
                == experiment.model_copy(update={"search": open_run(out).experiment.search}).model_dump()
            )
            assert len(open_run(out).records) >= 1
        n_run += 1

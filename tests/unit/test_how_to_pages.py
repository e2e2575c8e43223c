"""What the how-to pages show runs: their code, their experiment files, and the errors that they quote."""

import importlib
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from evocnn.config import Experiment, build_parts
from evocnn.errors import EvocnnError
from evocnn.testing import check_gene, check_mutation

ROOT = Path(__file__).parents[2]
EXTENSIONS = sorted((ROOT / "docs" / "how-to").glob("add-*.md"))
# What an experiment must have at least, where a page shows only the lines that its part needs.
LEAST: Mapping[str, Any] = {
    "name": "page",
    "data": {"source": "digits"},
    "space": {"layers": {"conv": {"filters": [8, 16], "kernel": 3}}},
}

# Each error that a page quotes, with the changes to the page's files that bring it about.
NO_LAYERS = {
    "runs_of_genes.py": [("if not parent.layers:", "if False:")],
    "transplant.py": [("if not mother.layers or not father.layers:", "if False:")],
}
ERRORS: Mapping[str, Mapping[str, list[tuple[str, str]]]] = {
    "must count parameters as torch does": {"factorized.py": [("weights + 2 * self.filters", "weights")]},
    "kernel must be odd": {"test_genes.py": [("kernel=[3, 5]", "kernel=[4, 5]")]},
    "must leave its input as it is": {
        "factorized.py": [("nn.Sequential(", "nn.Sequential(nn.ReLU(inplace=True),")]
    },
    "must leave 'conv4k1' to Conv": {
        "factorized.py": [("    filters: int", '    code = "conv"\n    filters: int')]
    },
    "must be importable": {
        "test_genes.py": [("from gate", 'Factorized.__module__ = "__main__"\nfrom gate')],
    },
    "mutation 'RepeatRun' must return offspring of any parents": NO_LAYERS,
    "must draw from rng alone": {
        "runs_of_genes.py": [
            ("import numpy", "import random\nimport numpy"),
            ("int(rng.integers(len(parent.layers)))", "random.randrange(len(parent.layers))"),
        ]
    },
    "must return chromosomes whose layers are a tuple": {
        "runs_of_genes.py": [
            ("layers=(*parent.layers[:stop], *run, *parent.layers[stop:])", "layers=list(run)"),
        ]
    },
    "must change something": {"runs_of_genes.py": [("*run, ", "")]},
    "crossover 'transplant' must return offspring of any parents": NO_LAYERS,
    "must return a pair of chromosomes": {
        "transplant.py": [("    return replace(", "    return [mother, father]\n    return replace(")]
    },
    "must leave its parents as they are": {
        "transplant.py": [
            ("    return replace(", '    object.__setattr__(mother, "layers", ())\n    return replace(')
        ]
    },
    "must mix its parents": {
        "transplant.py": [("    return replace(", "    return father, mother\n    return replace(")]
    },
    "must have a name that prints": {
        "test_transplant.py": [("(transplant)", "(lambda *parents: transplant(*parents))")]
    },
    "an objective must have a reference": {"experiment.toml": [("reference = 1024", "")]},
    "must name something in": {"experiment.toml": [("memory:kibibytes", "memory:kilobytes")]},
    "an objective must be one of": {"experiment.toml": [('measure = "memory:kibibytes"', "")]},
    "pixels of 'stripes:stripes train' must": {"stripes.py": [(", 0.0, 1.0)", ", -1.0, 2.0)")]},
    "labels of 'stripes:stripes train' must": {"stripes.py": [("images, labels,", "images, labels[1:],")]},
    "data function stripes:stripes must return": {
        "stripes.py": [("    lines =", '    raise OSError("gone")\n    lines =')]
    },
    "must take the split's name": {
        "stripes.py": [("(split: str)", "()"), ("    rng =", '    split = "train"\n    rng =')]
    },
}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[str]]]:
    """Return a function that writes a page's blocks as files, with changes, where they can be imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(page: Path, changes: Mapping[str, list[tuple[str, str]]] | None = None) -> list[str]:
        names = []
        for kind, text in re.findall(
            r"^```(\w+)\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE
        ):
            name = text.splitlines()[0].removeprefix("# ")
            assert name.endswith({"python": ".py", "toml": ".toml"}[kind])
            changed = text
            for old, new in (changes or {}).get(name, []):
                assert old in changed, f"{page.name} has no {old!r}"
                changed = changed.replace(old, new, 1)
            (tmp_path / name).write_text(changed)
            names.append(name)
        return names

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def run_all(folder: Path, names: list[str]) -> Experiment:
    """Import the modules of a page, run its tests, and return its experiment, whose parts can be built."""
    modules = [importlib.import_module(Path(name).stem) for name in names if name.endswith(".py")]
    tests = [value for module in modules for key, value in vars(module).items() if key.startswith("test_")]
    assert tests, "the page shows no test"
    for test in tests:
        test()
    tables = merged(LEAST, tomllib.loads((folder / "experiment.toml").read_text()))
    experiment = Experiment.from_dict(tables, folder=folder)
    build_parts(experiment)
    return experiment


def merged(base: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def quotes(page: Path) -> list[str]:
    """Return the errors that a page quotes, in one line each."""
    listed = page.read_text().partition("## Check it")[2]
    found = re.findall(r"`([^`]*\bmust\b[^`]*)`", re.sub(r"```.*?```", "", listed, flags=re.DOTALL))
    return [" ".join(quote.split()) for quote in found]


def test_there_is_a_page_for_each_kind_of_extension() -> None:
    names = {page.stem.removeprefix("add-a-").removeprefix("add-an-") for page in EXTENSIONS}
    assert names == {"gene", "crossover", "mutation", "objective", "data-source"}


@pytest.mark.parametrize("page", EXTENSIONS, ids=lambda page: page.stem)
def test_what_a_page_shows_runs(page: Path, written: Callable[..., list[str]], tmp_path: Path) -> None:
    described = repr(run_all(tmp_path, written(page)))
    named = re.findall(r'"(?!deap)\w+:(\w+)"', (tmp_path / "experiment.toml").read_text())
    assert named
    assert all(name in described for name in named)


@pytest.mark.parametrize(
    ("page", "quote"),
    [(page, quote) for page in EXTENSIONS for quote in quotes(page)],
    ids=lambda part: part.stem if isinstance(part, Path) else part[:40],
)
def test_an_error_that_a_page_quotes_is_raised(
    page: Path, quote: str, written: Callable[..., list[str]], tmp_path: Path
) -> None:
    changes = next((changes for start, changes in ERRORS.items() if start in quote), None)
    assert changes, f"say above what brings about {quote!r}"
    names = written(page, changes)
    with pytest.raises(EvocnnError, match=re.escape(quote)):
        run_all(tmp_path, names)


def test_the_parts_of_the_example_experiment_conform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "experiments" / "own-parts"))
    own_parts = importlib.import_module("own_parts")
    check_gene(own_parts.SqueezeExcite, reduction=[2, 4, 8])
    check_mutation(own_parts.narrow_widest, n=24)

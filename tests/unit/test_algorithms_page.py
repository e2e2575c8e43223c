"""The page on algorithms names each of them with its options, and what it shows runs."""

import re
import runpy
import sys
import tomllib
from inspect import signature
from pathlib import Path

import pytest

from evocnn.config.algorithm_names import ALGORITHMS, GIVEN, algorithm_named
from evocnn.errors import ConformanceError
from evocnn.problems import landscape
from evocnn.search.algorithms.map_elites import WIDTHS
from evocnn.testing import check_algorithm

PAGE = (Path(__file__).parents[2] / "docs" / "algorithms.md").read_text(encoding="utf-8")
FILES = {
    found[2]: found[3] for found in re.finditer(r"```(python|toml)\n# ([\w.]+)\n(.*?)```", PAGE, re.DOTALL)
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the page's files, from which Python imports for as long as the test runs."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in ("climbing", "test_climbing", "known_answer"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_has_a_row_with_all_its_options_and_defaults(name: str) -> None:
    """Numbers as they are in the code."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    for parameter in signature(ALGORITHMS[name]).parameters.values():
        if parameter.name in GIVEN:
            continue
        is_number = isinstance(parameter.default, int | float)
        expected = f"`{parameter.name}`" + (f" ({parameter.default:.12g})" if is_number else "")
        assert expected in row


def test_the_default_grid_is_the_one_that_is_told() -> None:
    """To three places."""
    assert f'{{ "log parameters" = {WIDTHS["log parameters"]:.3f}, depth = {WIDTHS["depth"]:g} }}' in PAGE


def test_ones_own_algorithm_conforms_and_is_found_by_its_name(folder: Path) -> None:
    """As the page's experiment file says it."""
    use = tomllib.loads((folder / "experiment.toml").read_text(encoding="utf-8"))["search"]["algorithm"]
    choice = algorithm_named(use, folder)
    assert choice.options == {"patience": 10}
    check_algorithm(choice.make, n=20, **choice.options)
    namespace: dict[str, object] = {}
    exec(FILES["test_climbing.py"], namespace)  # noqa: S102 - the page's own test
    assert "test_climbing_conforms" in namespace


def test_the_error_that_is_quoted_is_the_one_that_comes(folder: Path) -> None:
    """Where the failed are not left out."""
    text = FILES["climbing.py"].replace("evaluation.status is not Status.OK", "False")
    (folder / "climbing.py").write_text(text, encoding="utf-8")
    quoted = next(line.strip() for line in PAGE.splitlines() if line.startswith("    algorithm '"))
    with pytest.raises(ConformanceError, match=re.escape(quoted)):
        check_algorithm(algorithm_named("climbing:Climbing", folder).make, n=20)


def test_a_problem_with_a_known_answer_is_searched_as_it_is_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By an algorithm of the package and by one's own."""
    runpy.run_path(str(folder / "known_answer.py"))
    gap, text = capsys.readouterr().out.splitlines()
    assert 0 < float(gap) < 0.5
    assert landscape().space.parse(text).text == text

"""`module:name`: where it is looked for, and what is said when it is not there or fails."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evocnn.config import Experiment, load_experiment
from evocnn.config.references import to_plain
from evocnn.config.user_code import NotImported, check_trusted, load_object, refusing_code
from evocnn.errors import DataError, ExperimentError

Write = Callable[..., Path]


def test_modules_beside_the_experiment_come_first(write: Write, tmp_path: Path) -> None:
    write("value = 41", "own_values.py")
    assert load_object("own_values:value", tmp_path) == 41
    assert sys.path[0] == str(tmp_path)


def test_the_folder_enters_the_path_once(write: Write, tmp_path: Path) -> None:
    write("value = 41", "own_values.py")
    load_object("own_values:value", tmp_path)
    load_object("own_values:value", tmp_path)
    assert sys.path.count(str(tmp_path)) == 1


def test_installed_modules_and_packages_work_too(write: Write, tmp_path: Path) -> None:
    assert load_object("evocnn.genotype:Conv", None).__name__ == "Conv"  # type: ignore[attr-defined]
    (tmp_path / "own_package").mkdir()
    write("value = 42", "own_package/inner.py")
    assert load_object("own_package.inner:value", tmp_path) == 42


@pytest.mark.parametrize("name", ["own_missing:x", "own_missing.inner:x", "os.own_missing:x"])
def test_a_missing_module(name: str, tmp_path: Path) -> None:
    module = name.partition(":")[0]
    with pytest.raises(
        ExperimentError,
        match=rf"^'{name}' must name a module .* there was none; put {module}.py into {tmp_path}$",
    ):
        load_object(name, tmp_path)


def test_a_missing_module_of_an_experiment_without_a_file() -> None:
    with pytest.raises(ExperimentError, match=r"put own_missing.py into a folder of sys.path$"):
        load_object("own_missing:x", None)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("own_values:valu", r"has no 'valu'; did you mean 'value'\?"),
        ("own_values:", "has no ''; define it there"),
        ("own_values:zzz", "has no 'zzz'; define it there"),
        ("own_values:value:x", r"has no 'value:x'; did you mean 'value'\?"),
    ],
)
def test_a_missing_name(name: str, hint: str, write: Write, tmp_path: Path) -> None:
    path = write("value = 41", "own_values.py")
    with pytest.raises(ExperimentError, match=rf"^'{name}' must name something in {path}, but it {hint}$"):
        load_object(name, tmp_path)


def test_a_missing_name_of_a_module_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(
        ExperimentError, match=r"'sys:pth' must name something in sys, .* did you mean 'path'"
    ):
        load_object("sys:pth", None)
    (tmp_path / "own_namespace").mkdir()
    with pytest.raises(ExperimentError, match=r"must name something in own_namespace, but it has no 'x'"):
        load_object("own_namespace:x", tmp_path)


@pytest.mark.parametrize("name", [":x", ".x:y", "..:y", "a..b:c", "\x00:x", "os.:x"])
def test_names_that_no_module_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"must (import|name a module)"):
        load_object(name, tmp_path)


@pytest.mark.parametrize(
    ("code", "line", "what"),
    [
        ("x = 1\nraise ValueError('too hot')", 2, "ValueError: too hot"),
        ("import os\nos.nothing", 2, "AttributeError: module 'os' has no attribute 'nothing'"),
        ("def inner():\n    return 1 / 0\ninner()", 2, "ZeroDivisionError: division by zero"),
        ("\nimport own_missing_too", 2, "ModuleNotFoundError: No module named 'own_missing_too'"),
        ("from os import nothing", 1, "ImportError: cannot import name 'nothing' from 'os'"),
        ("import sys\nsys.exit(3)", 2, "SystemExit: 3"),
        ("import json\nx = 1\njson.loads('{')", 3, "JSONDecodeError: Expecting property name"),
    ],
)
def test_a_module_that_raises_is_told_with_its_own_line(
    code: str, line: int, what: str, write: Write, tmp_path: Path
) -> None:
    path = write(code, "own_failing.py")
    with pytest.raises(
        ExperimentError, match=rf"'own_failing:x' must import, but it raised {what}"
    ) as caught:
        load_object("own_failing:x", tmp_path)
    place = f" at {path}:{line}; correct that line"
    if "json" not in code:
        assert str(caught.value).endswith(place)


def test_a_module_that_is_no_python_is_told_with_its_line(write: Write, tmp_path: Path) -> None:
    write("x = 1\nif x\n    pass", "own_broken.py")
    with pytest.raises(ExperimentError, match=r"raised SyntaxError: expected ':' \(own_broken.py, line 2\)"):
        load_object("own_broken:x", tmp_path)


def test_a_module_of_the_same_name_elsewhere_is_not_taken_for_it(write: Write, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(f"value = '{folder}'", f"{folder}/own_twins.py")
    assert load_object("own_twins:value", tmp_path / "one") == "one"
    with pytest.raises(
        ExperimentError, match=r"must name .*two/own_twins.py, but .*one/own_twins.py had its name"
    ):
        load_object("own_twins:value", tmp_path / "two")


def test_what_is_not_to_be_imported_is_refused_left_as_its_name_or_trusted(
    write: Write, tmp_path: Path
) -> None:
    write("value = 41", "own_values.py")
    rule = "'own_values:value' must not be imported for a file that may be anyone's, .*; ask its author$"
    with refusing_code("ask its author"), pytest.raises(ExperimentError, match=rule):
        load_object("own_values:value", tmp_path)
    with refusing_code("ask its author", leaves_names=True):
        left: Any = load_object("own_values:value", tmp_path)
        with pytest.raises(
            ExperimentError, match=r"'weights.pth' must not be opened for .*; ask its author$"
        ):
            check_trusted("weights.pth", "opened")
    assert left == NotImported("own_values:value") != NotImported("own_values:other")
    assert to_plain([left]) == ["own_values:value"]
    with pytest.raises(
        ExperimentError, match="'own_values:value' must be imported to be used, but it was no"
    ):
        left(1, size=2)
    with refusing_code("ask its author", unless=True):
        check_trusted("weights.pth", "opened")
        assert load_object("own_values:value", tmp_path) == 41


def test_an_experiment_names_a_gene_a_measure_and_data(
    write: Write, experiment_text: str, tmp_path: Path
) -> None:
    code = """
from evocnn.genotype import Conv
class Wide(Conv):
    pass
def beauty(metrics, genome):
    return 1.0
def data(split):
    raise NotImplementedError
"""
    write(code, "own_everything.py")
    text = experiment_text.replace('"digits"', '"own_everything:data"')
    text += """
[space.layers.wide]
gene = "own_everything:Wide"
filters = 4
kernel = 3
[objectives.beauty]
weight = 1
reference = 0
measure = "own_everything:beauty"
"""
    experiment = load_experiment(write(text))
    assert experiment.data.source.__name__ == "data"
    assert [alleles.gene.name() for alleles in experiment.space.layers] == ["conv", "pool", "wide"]
    assert experiment.objectives["beauty"].measure({}, None) == 1.0


def test_objects_stand_where_names_do(tables: dict[str, Any]) -> None:
    from evocnn.genotype import Pool

    def beauty(metrics: object, genome: object) -> float:
        return 1.0

    def data() -> object:
        raise NotImplementedError

    tables["data"]["source"] = data
    tables["space"]["layers"] = {"anything": {"gene": Pool, "size": [2, 3]}}
    tables["objectives"]["beauty"] = {"weight": 1, "reference": 0, "measure": beauty}
    experiment = Experiment.from_dict(tables)
    assert experiment.data.source is data
    assert experiment.space.layers[0].gene is Pool
    assert experiment.objectives["beauty"].measure is beauty


def test_the_error_of_a_data_function_is_no_mistake_of_the_file(write: Write, experiment_text: str) -> None:
    from evocnn.config import build_parts

    write("def data(split):\n    raise OSError('disk')", "own_data.py")
    experiment = load_experiment(write(experiment_text.replace('"digits"', '"own_data:data"')))
    with pytest.raises(
        DataError,
        match=r"own_data:data must return the train split, but .* OSError: disk at .*own_data.py:2 ",
    ):
        build_parts(experiment)

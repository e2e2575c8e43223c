"""Every mistake gives one line: file and line, key, value, what is allowed, the nearest name."""

import errno
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evocnn.config import Experiment, load_experiment
from evocnn.config.experiment import METRICS
from evocnn.config.toml import MAX_BYTES
from evocnn.errors import ExperimentError

Write = Callable[..., Path]

# What to replace in the experiment of conftest.py, by what, and what is said of it.
# fmt: off
MISTAKES = [
    # Keys that nobody knows, in every table.
    ("seed = 7", "sed = 7", "'sed' is not known; .*; did you mean 'seed'?"),
    ("images = 400", "imges = 400", "'data.imges' is not known; known here: source, .* 'images'?"),
    ("images = 400", "zzz = 400", "'data.zzz' is not known; known here: source, [a-z, ]*images[a-z, ]*$"),
    ('pool_order = "early"', 'pool_oder = "early"', "'space.pool_oder' is not known; .* 'pool_order'?"),
    ("depth = 4", "dept = 4", "'space.limits.dept' is not known; known here: .*; did you mean 'depth'?"),
    ('scale = "log"\nref', 'scle = "log"\nref', "'objectives.parameters.scle' is not known; .* 'scale'?"),
    ("epochs = 2", "epoch = 2", "'training.epoch' is not known; .*; did you mean 'epochs'?"),
    ("window = 4", "windw = 4", "'search.windw' is not known; .*; did you mean 'window'?"),
    ("[training]", "[trainin]", "'trainin' is not known; .*; did you mean 'training'?"),
    # Values of another type.
    ("seed = 7", "seed = 7.0", "'seed' must be a valid integer, but it was 7.0;"),
    ("seed = 7", "seed = true", "'seed' must be a valid integer, but it was True;"),
    ("seed = 7", 'seed = "7"', "'seed' must be a valid integer, but it was '7';"),
    ('name = "mine"', "name = 5", "'name' must be a valid string, but it was 5;"),
    ('source = "digits"', "source = 5", "'data.source': a data source must be one of .*, but it was 5;"),
    ("validation = 0.25", "validation = '0.25'", "'data.validation' must be .* number, but it was '0.25'"),
    ("validation = 0.25", "validation = true", "'data.validation' must be a valid number, but it was True"),
    ("images = 400", "images = false", "'data.images' must be a valid integer, but it was False;"),
    ("images = 400", "path = 5", "'data.path' must be a valid string, but it was 5;"),
    ("founder_depth = [1, 3]", "founder_depth = 2", "'space.founder_depth' must be a list, but it was 2;"),
    ("founder_depth = [1, 3]", "founder_depth = [1, 2.5]", "'space.founder_depth.1' must be a valid integer"),
    ("founder_depth = [1, 3]", "founder_depth = [1, true]", "'space.founder_depth.1' must be .* integer"),
    ("founder_depth = [1, 3]", "founder_depth = [1]", "'space.founder_depth.1' must be given, but"),
    ("founder_depth = [1, 3]", "founder_depth = [1, 2, 3]", "'space.founder_depth' must have at most 2"),
    ("flops = 1_000_000", "flops = 1e6", "'space.limits.flops' must be .* integer, but it was 1000000.0"),
    ("floor = 0.5", "floor = [0.5]", r"accuracy.floor' must be .*, but it was \[0.5\];"),
    ("weight = -1", "weight = true", "'objectives.parameters.weight' must be .* number, but it was True"),
    ("patience = 1", "patience = 1.5", "'training.patience' must be a valid integer, but it was 1.5;"),
    ("timeout = 30", 'timeout = "1m"', "'training.timeout' must be a valid number, but it was '1m';"),
    ("population = 4", "population = 4.0", "'search.population' must be a valid integer, but it was 4.0;"),
    # Numbers that are not finite.
    ("validation = 0.25", "validation = nan", "'data.validation' must be a finite number, but it was nan;"),
    ("weight = -1", "weight = inf", "'objectives.parameters.weight' must be a finite number, but it was inf"),
    ("floor = 0.5", "floor = 2", "accuracy.floor': the floor of a share must be at most 1, but it was 2;"),
    ("floor = 0.5", "floor = -inf", "accuracy.floor' must be a finite number, but it was -inf;"),
    ("timeout = 30", "timeout = inf", "'training.timeout' must be a finite number, but it was inf;"),
    ("crossover_rate = 0.5", "crossover_rate = nan", "'search.crossover_rate' must be .* finite .* nan"),
    # Numbers out of range.
    ("seed = 7", "seed = -1", "'seed' must be greater than or equal to 0, but it was -1;"),
    ("seed = 7", "seed = 9223372036854775808", "'seed': a number must be within 64 bits, but it was 9223372"),
    ("validation = 0.25", "validation = 0", "'data.validation' must be greater than 0, but it was 0;"),
    ("validation = 0.25", "validation = 1", "'data.validation' must be less than 1, but it was 1;"),
    ("images = 400", "images = 3", "'data.images' must be greater than or equal to 4, but it was 3;"),
    ("parameters = 20_000", "parameters = 0", "'space.limits.parameters' must be greater than or equal to 1"),
    ("depth = 4", "depth = 201", "'space.limits.depth' must be less than or equal to 200, but it was 201;"),
    ("epochs = 2", "epochs = 0", "'training.epochs' must be greater than or equal to 1, but it was 0;"),
    ("epochs = 2", "epochs = 100_001", "'training.epochs' must be less than or equal to 100000, but it was"),
    ("patience = 1", "patience = 0", "'training.patience' must be greater than or equal to 1, but it was 0;"),
    ("least_improvement = 0.01", "least_improvement = -1", "'training.least_improvement' must be greater"),
    ("warmup = 0.1", "warmup = 1", "'training.warmup' must be less than 1, but it was 1;"),
    ("timeout = 30", "timeout = 0", "'training.timeout' must be greater than 0, but it was 0;"),
    ("population = 4", "population = 1", "'search.population' must be greater than .* 2, but it was"),
    ("window = 4", "window = 0", "'search.window' must be greater than or equal to 1, but it was 0;"),
    ("crossover_rate = 0.5", "crossover_rate = 1.5", "'search.crossover_rate' must be less than"),
    ("mutation_rate = 0.7", "mutation_rate = -0.1", "'search.mutation_rate' must be greater than"),
    ("filters = [4, 8]", f"filters = [4, 1{'0' * 400}]", "'space.layers.conv.filters.1': .* within 64 bits"),
    # Words that nobody knows.
    ('name = "mine"', 'name = "my run"', "'name' must match pattern .*, but it was 'my run';"),
    ('name = "mine"', 'name = "../up"', "'name' must match pattern .*, but it was '../up';"),
    ('"digits"', '"digts"', "'data.source': a data source must .* 'digts'; did you mean 'digits'?"),
    ('"early"', '"erly"', "'space.pool_order' must be 'early' or .* 'erly'; did you mean 'early'?"),
    ('algorithm = "nsga2"', 'algorithm = "nsga9"', "an algorithm must be .* 'nsga9'; did you mean 'nsga3'?"),
    ('scale = "log"\nref', 'scale = "lg"\nref', "parameters.scale' must be .*; did you mean 'log'?"),
    ("window = 4", 'rates = "credits"', "'search.rates' must be .* 'credits'; did you mean 'credit'"),
    ("window = 4", "rates = 0.5", "'search.rates' must be 'fixed', .*, but it was 0.5;"),
    ('pool_order = "early"', 'founder_prior = "wise"', "'space.founder_prior' must be 'informed' or"),
    ('pool_order = "early"', "founder = []", "'space.founder' is not known; .*; did you mean 'founders'?"),
    ('pool_order = "early"', "source = 5", "'space.source' must be a valid string, but it was 5;"),
    ("depth = 4", "activations = 0", "'space.limits.activations' must be greater than or equal to 1, but"),
    # Budgets.
    ("budget = 6", "budget = 0", "'search.budget': a budget must .* it was 0; write 200, '500 epochs', 90s"),
    ("budget = 6", "budget = 6.5", "'search.budget': a budget must be .*, but it was 6.5;"),
    ("budget = 6", "budget = true", "'search.budget': a budget must be .*, but it was True;"),
    ("budget = 6", 'budget = "5 minutes"', "'search.budget': a budget must be .*, but it was '5 minutes';"),
    ("budget = 6", "budget = { seconds = 5 }", "'search.budget': a budget must .* it was {'seconds': 5}"),
    ("budget = 6", 'budget = "5 epoch"', "'search.budget': a budget must be .*, but it was '5 epoch';"),
    # Rungs.
    ("window = 4", "rungs = []", r"'search.rungs': rungs must be ascending shares .* but they were \[\];"),
    ("window = 4", "rungs = [0.1, 0.3]", r"'search.rungs': .* the last of them 1, .* \[0.1, 0.3\]; write"),
    ("window = 4", "rungs = [0.3, 0.1, 1]", "'search.rungs': rungs must be ascending"),
    ("window = 4", "rungs = [0, 1]", "'search.rungs': rungs must be .* above 0"),
    ("window = 4", "rungs = [nan, 1]", "'search.rungs': rungs must be"),
    ("window = 4", 'rungs = ["a", 1]', "'search.rungs.0' must be a valid number, but it was 'a';"),
    ("window = 4", "rungs = [true]", "'search.rungs.0' must be a valid number, but it was True;"),
    ("window = 4", "rungs = 1", "'search.rungs' must be a list, but it was 1;"),
    ("window = 4", "rung = [1]", "'search.rung' is not known; .*; did you mean 'rungs'?"),
    # Contradictions.
    ("founder_depth = [1, 3]", "founder_depth = [3, 1]", r"depth': .* limit 4, but it was \[3, 1\]"),
    ("founder_depth = [1, 3]", "founder_depth = [1, 5]", "founder_depth must rise within .* depth limit 4"),
    ("founder_depth = [1, 3]", "founder_depth = [0, 3]", r"founder_depth must rise .*, but it was \[0, 3\];"),
    # Alleles.
    ("filters = [4, 8]", "filters = []", "'space.layers.conv.filters': alleles must hold at least one value"),
    ("filters = [4, 8]", "filters = [4, { a = 1 }]", "conv.filters': an allele must be a number"),
    ("filters = [4, 8]", "filters = [4, [8, [9]]]", "conv.filters': an allele must be a number"),
    ("size = 2", "size = 1979-05-27", "'space.layers.pool.size': an allele must be a number"),
    ("low = 0.01, high = 0.1", "low = 0.1, high = 0.01", "'space.recipe.learning_rate': a range must rise"),
    ("low = 0.01, high = 0.1", "low = 0, high = 0.1", "rate': a range must rise .*, above 0 on a log scale"),
    ("low = 0.01, high = 0.1", "low = nan, high = 0.1", "rate': a range must rise from low to high"),
    ("low = 0.01, high = 0.1", "low = true, high = 2", "rate': a range's bounds must be numbers, .* True"),
    ("low = 0.01, high", "high", r"rate': a range must be .* it was \{'high': 0.1, 'scale': 'log'\}"),
    ("low = 0.01,", "low = 0.01, step = 1,", "rate': a range must be .*, but .* 'step': 1,"),
    ('scale = "log" }', 'scale = "ln" }', "rate': a range must be .*, but it was .* 'scale': 'ln'}"),
    ("weight = 2\n", "weight = 0\n", "conv.weight': a gene's weight must be .* above 0, but it was 0;"),
    ("weight = 2\n", "weight = true\n", "conv.weight': a gene's weight must be .* it was True;"),
    ("weight = 2\n", "weight = nan\n", "'space.layers.conv.weight': a gene's weight must be .* it was nan;"),
    # Operators, each by its place in the list.
    ('"one_point"', '"one_pont"', "'search.crossover.0': an .* 'one_pont'; did you mean 'one_point'?"),
    ('"add_gene"', '"one_point"', "'search.mutation.0': an operator must .* 'one_point';"),
    ('"add_gene"', "5", "'search.mutation.0': operator 5 must be a function or a class, but it was 5;"),
    ('"add_gene"', "{ rate = 1 }", "'search.mutation.0': .* must name it with 'use', .*{'rate': 1}"),
    ("rate = 0.2, weight = 2", "weight = 0", "mutation.1': .* weight must be .* above 0, .* 0;"),
    ("rate = 0.2, weight = 2", "weight = true", "mutation.1': .* weight must be .* it was True"),
    ("rate = 0.2", "rat = 0.2", "'search.mutation.1': .* arguments among .* 'rat'; did you mean 'rate'"),
    ("crossover = [", "crossover = 5 # [", "'search.crossover' must be a list, but it was 5;"),
    ('"one_point"', '"deap:cxTwoPont"', "a DEAP operator must be .* 'cxTwoPont'; did you mean 'cxTwoPoint'?"),
    ('"one_point"', '"deap:mutInversion"', "must begin with 'cx' here, but it was 'deap:mutInv"),
    ('"add_gene"', '"deap:cxTwoPoint"', "must begin with 'mut' here, but it was 'deap:cxTwoP"),
    ('"add_gene"', '"deap:mutShuffleIndexes"', "must accept .* missing .* 'indpb'; correct"),
    ('"add_gene"', '"deap:mutation"', "operator 'deap:mutation' must accept its arguments"),
    ('"add_gene"', '"os:sep"', "operator 'os:sep' must be a function or a class, but it was '/';"),
    ('"add_gene"', '"os:getcwd"', "'os:getcwd' must accept .* but: too many positional"),
    ('"add_gene"', '"collections:OrderedDict"', "'collections:OrderedDict' must be a function"),
    # Objectives.
    ("reference", 'measure = "os:seb"\nreference', "measure': 'os:seb' must .*; did you mean 'sep'?"),
]
# fmt: on


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES, ids=[new for _, new, _ in MISTAKES])
def test_a_mistake_is_told_in_one_line_with_its_place(
    old: str, new: str, message: str, write: Write, experiment_text: str
) -> None:
    before, found, after = experiment_text.partition(old)
    assert found
    path = write(before + new + after)
    with pytest.raises(ExperimentError, match=message) as caught:
        load_experiment(path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}:{before.count(chr(10)) + 1}: '"), line


# Mistakes that are found in a table as a whole, so its header's line is named.
# fmt: off
PARAMETERS = '[objectives.parameters]\nweight = -1\nscale = "log"\nreference = 30_000'
TABLE_MISTAKES = [
    ("filters = [4, 8]", "filtrs = [4, 8]", "space.layers.conv", "must .* 'filtrs'; did you mean 'filters'?"),
    ("filters = [4, 8]", "", "space.layers.conv", r"conv must have alleles for \['filters'\], but had none;"),
    ("filters = [4, 8]", "filters = [4, 0]", "space.layers.conv", "Conv.filters must be a whole .* 0;"),
    ("filters = [4, 8]", "filters = { low = 4, high = 8 }", "space.layers.conv", "whole .* 4 to 8; list"),
    ("kernel = 3", "kernel = [3, 4]", "space.layers.conv", "must be odd with same padding, .* 4;"),
    ("kernel = 3", 'kernel = "3"', "space.layers.conv", "Conv.kernel must be a whole number .* was '3'"),
    ("kernel = 3", "kernel = 3\ngene = 'pol'", "space.layers.conv", "must .* 'pol'; did you mean 'pool'"),
    ("kernel = 3", "kernel = 3\ngene = 5", "space.layers.conv", "'conv' must be a subclass .* 5;"),
    ('"relu", "silu"', '"relu", "silo"', "space.layers.conv", "Conv.activation must .* was 'silo';"),
    ("[space.layers.pool]", "[space.layers.pol]", "space.layers.pol", "must .* 'pol'; did you mean 'pool'?"),
    ("size = 2", 'size = 2\ngene = "os:sep"', "space.layers.pool", "must be a subclass .* '/';"),
    ("[space.head]", "[space.head]\nweight = 2", "space.head", "a field of head must .* was 'weight';"),
    ("units = [[], [16]]", "units = [16]", "space.head", "Head.units must be a list of whole numbers .* 16;"),
    ("units = [[], [16]]", "unit = [[16]]", "space.head", "must .* 'unit'; did you mean 'units'?"),
    ('"sgd", "adamw"', '"sgd", "adm"', "space.recipe", "Recipe.optimizer must be one of .* was 'adm';"),
    ("high = 0.1", "high = inf", "space.recipe", "Recipe.learning_rate must be .* finite .* was inf;"),
    ("[space.recipe]", "[space.recipe]\nlr = 1", "space.recipe", "a field of recipe must be .* was 'lr'"),
    ("[objectives.parameters]", "[objectives.paramtrs]", "objectives.paramtrs", "'paramtrs'; .*'parameters'"),
    ("weight = -1\n", "", "objectives.parameters", "parameters.weight' must be given, but it was"),
    ("weight = -1", "weight = 0", "objectives.parameters", "weight must be above 0 to .* was 0; leave"),
    ("reference", "measure = 5\nreference", "objectives.parameters", "measure must be a function .* was 5;"),
    ("reference", "measure = 'os:sep'\nreference", "objectives.parameters", "measure must be .* was '/';"),
    (PARAMETERS, "[objectives.latency]\nweight = -1", "objectives.latency", "must have a reference, the"),
    ("mutation = [", "mutation = [] # ", "search", "a search must have at least one mutation, but"),
    ('source = "digits"\n', "", "data", "'data.source' must be given, but it was missing; add it"),
]
# fmt: on


@pytest.mark.parametrize("mistake", TABLE_MISTAKES, ids=lambda mistake: mistake[1] or "nothing")
def test_a_mistake_in_a_table_names_the_line_of_its_header(
    mistake: tuple[str, str, str, str], write: Write, experiment_text: str
) -> None:
    old, new, header, message = mistake
    assert experiment_text.count(old) == 1
    text = experiment_text.replace(old, new)
    path = write(text)
    with pytest.raises(ExperimentError, match=message) as caught:
        load_experiment(path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}:{text.splitlines().index(f'[{header}]') + 1}: '{header}"), line


def test_missing_tables_are_all_listed(write: Write) -> None:
    path = write("")
    with pytest.raises(ExperimentError, match="must be given") as caught:
        load_experiment(path)
    assert str(caught.value).splitlines() == [
        f"{path}: '{key}' must be given, but it was missing; add it" for key in ("name", "data", "space")
    ]


@pytest.mark.parametrize("table", ["data", "space", "space.layers", "objectives", "training", "search"])
def test_a_value_is_no_table(table: str, write: Write) -> None:
    path = write()
    with pytest.raises(ExperimentError, match=rf"'{table}' must be a (table|list), but it was 5;"):
        load_experiment(path, [f"{table}=5"])


def test_a_space_needs_layers_and_a_search_objectives(write: Write) -> None:
    with pytest.raises(
        ExperimentError, match=r"'space.layers': a space must have a layer gene, but it had none"
    ):
        load_experiment(write(), ["space.layers={}"])
    with pytest.raises(ExperimentError, match=r"'objectives' must have at least 1 item, but it was {}"):
        load_experiment(write(), ["objectives={}"])


def test_several_mistakes_are_all_told(write: Write, experiment_text: str) -> None:
    changes = {
        "images = 400": "imags = 400",
        "filters = [4, 8]": "filters = []",
        "kernel = 3": "kernel = [{}]",
        "size = 2": "sze = 2",
        "epochs = 2": "epochs = 0",
        '"one_point"': '"one_pont"',
        "rate = 0.3": "rat = 0.3",
        "budget = 6": 'budget = "soon"',
    }
    text = experiment_text
    for old, new in changes.items():
        text = text.replace(old, new)
    path = write(text)
    with pytest.raises(ExperimentError, match="imags") as caught:
        load_experiment(path)
    lines = text.splitlines()
    places = [
        ("data.imags", "imags = 400"),
        ("space.layers.conv.filters", "filters = []"),
        ("space.layers.conv.kernel", "kernel = [{}]"),
        ("space.layers.pool", "[space.layers.pool]"),
        ("training.epochs", "epochs = 0"),
        ("search.budget", 'budget = "soon"'),
        ("search.crossover.0", 'crossover = ["one_pont", { use = "uniform", rat = 0.3 }]'),
        ("search.crossover.1", 'crossover = ["one_pont", { use = "uniform", rat = 0.3 }]'),
    ]
    expected = {f"{path}:{lines.index(text) + 1}: '{key}'" for key, text in places}
    found = str(caught.value).splitlines()
    assert {re.match(r".*?: '[^']*'", line)[0] for line in found} == expected  # type: ignore[index]
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = = 3", r"must be TOML in UTF-8, but: .*line 1"),
        (b"[search]\n[search]", r"must be TOML in UTF-8, but: .*search.* twice .*line 2"),
        (b"name = 'caf\xe9'", "must be TOML in UTF-8, but: 'utf-8' codec can't decode byte 0xe9"),
        ("name = 'x'".encode("utf-16"), "must be TOML in UTF-8, but: 'utf-8' codec can't decode"),
        (b"\x89PNG\r\n", "must be TOML in UTF-8, but"),
        (b"a = " + b"[" * 5000, "must be nested at most 30 deep, but it was too deep"),
        (b"seed = " + b"1" * 5000, "must be TOML in UTF-8, but: Exceeds the limit"),
        (b"#" * (MAX_BYTES + 1), f"must be at most {MAX_BYTES} bytes, but it was longer; give another"),
    ],
    ids=["syntax", "twice", "latin-1", "utf-16", "png", "brackets", "digits", "large"],
)
def test_what_is_no_toml_is_refused(content: bytes, message: str, write: Write) -> None:
    path = write(content)
    with pytest.raises(ExperimentError, match=rf"experiment file '{path}' {message}"):
        load_experiment(path)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "photos.toml").touch()
    for path, message in (
        ("nothing-like-it.toml", r"No such file or directory; check the path, or make one with evocnn init"),
        ("photo.toml", rf"No such file or directory; did you mean '{tmp_path}/photos.toml'\?"),
        ("", rf"Is a directory; name a file in it: {tmp_path}/photos.toml"),
        ("nowhere/photos.toml", r"No such file or directory; '.*nowhere' is no folder that can be read"),
    ):
        with pytest.raises(ExperimentError, match=rf"must be readable, but: {message}"):
            load_experiment(tmp_path / path)


def test_a_file_that_may_not_be_read_is_not_offered_in_its_own_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self), mode)

    (tmp_path / "photos.toml").touch()
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ExperimentError, match="Permission denied; check the path, or make one"):
        load_experiment(tmp_path / "photos.toml")


def test_images_smaller_than_every_kernel_are_refused(tmp_path: Path) -> None:
    tables = {"name": "mine", "data": {"source": "digits", "size": 2}}
    for kernel, size, is_right in (([3, 5], 2, False), ([1, 3], 2, True), ([3, 5], [1, 3], True)):
        own = {**tables, "data": {"source": "digits", "size": size}}
        own["space"] = {"layers": {"conv": {"filters": 4, "kernel": kernel}}}
        if is_right:
            Experiment.from_dict(own)
            continue
        with pytest.raises(ExperimentError, match=r"'data.size': a size must be at least 3, .* it was 2;"):
            Experiment.from_dict(own)


@pytest.mark.parametrize("key", ["tables", "folder"])
def test_names_of_our_own_are_no_keys(key: str, tables: dict[str, Any]) -> None:
    with pytest.raises(ExperimentError, match=rf"^here: '{key}' is not known; known here: name, seed, data"):
        Experiment.from_dict({**tables, key: {}}, source="here")


def test_a_long_value_is_cut_short(tables: dict[str, Any]) -> None:
    with pytest.raises(ExperimentError, match="'seed' must be a valid integer, but it was 'xxx") as caught:
        Experiment.from_dict({**tables, "seed": "x" * 100_000})
    assert len(str(caught.value)) < 400


def test_numbers_of_thousands_of_digits_are_told_without_them(tables: dict[str, Any]) -> None:
    with pytest.raises(ExperimentError, match=r"'seed': .* but it was a number of thousands of digits;"):
        Experiment.from_dict({**tables, "seed": 1 << 20_000})


def test_an_objective_is_a_metric_or_brings_a_measure(tables: dict[str, Any]) -> None:
    for name in METRICS:
        Experiment.from_dict({**tables, "objectives": {name: {"weight": 1, "reference": 0}}})
    measured = {"weight": 1, "reference": 0, "measure": lambda metrics, genome: 1.0}
    Experiment.from_dict({**tables, "objectives": {"beauty": measured}})
    with pytest.raises(
        ExperimentError, match=r"'objectives.beauty': .* but it was 'beauty'; give .* a measure"
    ):
        Experiment.from_dict({**tables, "objectives": {"beauty": {"weight": 1}}})

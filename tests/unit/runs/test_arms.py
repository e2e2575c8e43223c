"""Folders of runs become arms."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evocnn.errors import ExperimentError, JournalError
from evocnn.runs.arms import Arm, arms_of, differing

Write = Callable[..., Path]
TINY = {"data": {"source": "digits"}, "space": {"preset": "tiny"}}
GENES = """
from dataclasses import dataclass
from evocnn.genotype import Conv

@dataclass(frozen=True, slots=True)
class Wide(Conv):
    pass
"""


def folders(arm: Arm) -> list[str]:
    return [run.folder.name for run in arm.runs]


def test_seeds_of_one_experiment_are_one_arm_whatever_name_and_budget(written: Write, tmp_path: Path) -> None:
    paths = [
        written(tmp_path / str(seed), name=f"mine-{seed}", seed=seed, search={"budget": 10 * seed})
        for seed in (1, 2)
    ]
    (arm,) = arms_of(paths)
    assert folders(arm) == ["1", "2"]


def test_experiments_that_differ_are_arms_named_by_what_they_state(written: Write, tmp_path: Path) -> None:
    paths = [
        written(tmp_path / f"{word}-{seed}", seed=seed, search={"algorithm": word} if word != "nsga2" else {})
        for seed in (1, 2)
        for word in ("nsga2", "random")
    ]
    arms = arms_of(paths)
    assert [arm.name for arm in arms] == ["mine", "mine search.algorithm=random"]
    assert [folders(arm) for arm in arms] == [["nsga2-1", "nsga2-2"], ["random-1", "random-2"]]


def test_a_folder_of_seeds_is_an_arm_of_its_name_even_beside_its_equal(
    written: Write, tmp_path: Path
) -> None:
    for arm in ("a", "b"):
        for seed in (1, 2):
            written(tmp_path / arm / f"seed-{seed}", seed=seed)
    arms = arms_of([tmp_path / "b", tmp_path / "a"])
    assert [(arm.name, folders(arm)) for arm in arms] == [
        ("b", ["seed-1", "seed-2"]),
        ("a", ["seed-1", "seed-2"]),
    ]


def test_a_folder_of_several_experiments_is_divided(written: Write, tmp_path: Path) -> None:
    written(tmp_path / "all" / "one", training={"epochs": 5})
    written(tmp_path / "all" / "deeper" / "two", training={"epochs": 6})
    arms = arms_of([tmp_path / "all"])
    assert [arm.name for arm in arms] == ["mine training.epochs=6", "mine training.epochs=5"]


def test_names_that_are_alike_are_numbered(written: Write, tmp_path: Path) -> None:
    for home in ("one", "two"):
        written(tmp_path / home / "seeds" / "1")
    arms = arms_of([tmp_path / "one" / "seeds", tmp_path / "two" / "seeds"])
    assert [arm.name for arm in arms] == ["seeds #1", "seeds #2"]


def test_a_run_counts_once_and_a_seed_once_in_an_arm(written: Write, tmp_path: Path) -> None:
    first, second = written(tmp_path / "first", seed=3), written(tmp_path / "second", seed=3)
    (arm,) = arms_of([first, tmp_path / "second" / ".." / "first", second])
    assert folders(arm) == ["first"]
    assert arm.left_out == (second,)


def test_long_values_are_shortened_in_names(written: Write, tmp_path: Path) -> None:
    paths = [written(tmp_path / str(n), space={"founders": [str(n) * 100]}) for n in (1, 2)]
    assert arms_of(paths)[0].name == f"mine space.founders=['{'1' * 38}..."


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="must be a run or a folder of runs, but there was none; give"):
        arms_of([tmp_path])
    (tmp_path / "run.sqlite").write_text("no journal")
    with pytest.raises(JournalError, match="must be"):
        arms_of([tmp_path])


def test_an_experiment_that_states_a_default_is_in_the_arm_of_one_that_does_not(
    written: Write, tmp_path: Path
) -> None:
    silent = written(tmp_path / "silent", **TINY)
    said = written(tmp_path / "said", seed=1, **TINY, search={"algorithm": "nsga2", "window": 8})
    other = written(tmp_path / "other", seed=1, **TINY, search={"window": 9})
    arms = arms_of([silent, said, other])
    assert [folders(arm) for arm in arms] == [["silent", "said"], ["other"]]
    assert [arm.name for arm in arms] == ["mine search.window=8", "mine search.window=9"]


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        (
            {"search": {"algorithm": "nsga2", "window": 8}},
            {"search": {"window": 9}},
            ["mine search.window=8", "mine search.window=9"],
        ),
        ({}, {"search": {"algorithm": "tpe"}}, ["mine search.algorithm=nsga2", "mine search.algorithm=tpe"]),
        (
            {"search": {"algorithm": "tpe", "window": 8}},
            {"search": {"algorithm": "random"}},
            ["mine search.algorithm=tpe", "mine search.algorithm=random"],
        ),
        (
            {"search": {"algorithm": {"use": "nsga2", "proposals": 32, "local_search": 0.1}}},
            {"training": {"epochs": 3}},
            [
                "mine search.algorithm.use=nsga2 search.algorithm.local_search=0.1 training.epochs=10",
                "mine search.algorithm.use=nsga2 search.algorithm.local_search=0.5 training.epochs=3",
            ],
        ),
        (
            {"space": {**TINY["space"], "head": {"dropout": [0.2, 0.1]}}},
            {"space": {**TINY["space"], "head": {"dropout": [0.1, 0.2]}}, "training": {"epochs": 3}},
            ["mine training.epochs=10", "mine training.epochs=3"],
        ),
    ],
)
def test_what_means_nothing_is_in_no_name_and_a_default_only_where_another_differs(
    first: dict[str, Any], second: dict[str, Any], names: list[str], written: Write, tmp_path: Path
) -> None:
    paths = [written(tmp_path / str(n), **{**TINY, **tables}) for n, tables in enumerate((first, second))]
    assert [arm.name for arm in arms_of(paths)] == names


def test_arms_of_which_one_cannot_be_made_again_differ_in_what_they_state(
    written: Write, tmp_path: Path
) -> None:
    made = written(tmp_path / "made", **TINY, search={"window": 8})
    gone = written(tmp_path / "gone", **TINY, search={"algorithm": "gone"})
    arms = arms_of([made, gone])
    assert [arm.name for arm in arms] == ["mine search.algorithm=nsga2", "mine search.algorithm=gone"]
    assert differing([arm.runs[0] for arm in arms]) == {
        "search.window": [8, None],
        "search.algorithm": [None, "gone"],
    }


@pytest.mark.parametrize(
    "named",
    [
        {"search": {"mutation": ["gone_module:it"]}},
        {"search": {"crossover": [{"use": "gone_module:it", "share": 0.1, "weight": 2}]}},
        {"search": {"algorithm": {"use": "gone_module:it", "size": 3}}},
        {"objectives": {"beauty": {"weight": 1, "reference": 0, "measure": "gone_module:it"}}},
        {"data": {"source": "gone_module:it"}},
    ],
)
def test_what_names_code_means_the_same_whether_it_states_a_default_or_not(
    named: dict[str, Any], written: Write, tmp_path: Path
) -> None:
    """Fails without `leaves_names` in `Run.meaning_of`."""
    silent = written(tmp_path / "silent", **{**TINY, **named})
    said = written(tmp_path / "said", seed=1, **{**TINY, **named, "training": {"epochs": 10}})
    other = json.loads(json.dumps(named).replace("gone_module:it", "gone_module:other"))
    arms = arms_of([silent, said, written(tmp_path / "other", **{**TINY, **other})])
    assert [folders(arm) for arm in arms] == [["silent", "said"], ["other"]]
    assert "gone_module:" in arms[0].name


def test_genes_of_ones_own_are_compared_by_what_they_mean_where_runs_are_trusted(
    written: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "genes_of_arms.py").write_text(GENES)
    monkeypatch.syspath_prepend(tmp_path)
    wide = {"gene": "genes_of_arms:Wide", "filters": [4, 8], "kernel": 3}
    paths = [
        written(tmp_path / str(n), seed=n, data=TINY["data"], space={"layers": {"wide": {**wide, **said}}})
        for n, said in enumerate(({}, {"stride": 1}))
    ]
    assert len(arms_of(paths)) == 2
    (arm,) = arms_of(paths, is_trusted=True)
    assert arm.runs[0].is_trusted


def test_differences_are_told_by_dotted_keys(written: Write, tmp_path: Path) -> None:
    paths = [written(tmp_path / "a", x={"y": 1, "z": 2}), written(tmp_path / "b", x={"y": 3, "z": 2}, w=None)]
    runs = [arm.runs[0] for arm in arms_of(paths)]
    assert differing(runs) == {"x.y": [1, 3]}

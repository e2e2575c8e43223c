"""Comparing runs, picking a network and ranking anew from the command line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def test_runs_are_compared_and_drawn(evocnn: Call, finished: Path, tmp_path: Path) -> None:
    for arm in ("a", "b"):
        shutil.copytree(finished, tmp_path / arm / "seed-5")
    target = tmp_path / "compare.svg"
    said = evocnn("compare", tmp_path / "a", tmp_path / "b", "--by", "epochs", "--plot", target)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("at 4 epochs, hypervolume up to validation_accuracy ")
    assert " ".join(said.out.split()).count("p cannot fall below 1; 5 seeds each could show one") == 1
    assert "p: against 'a', " in said.out
    again = evocnn("compare", tmp_path / "a", tmp_path / "b", "--against", "b")
    assert "nothing may be claimed of 'a' against 'b'" in again.out
    assert said.out.endswith(f"wrote {target}\n")
    assert target.read_bytes().startswith(b"<?xml")


def test_a_comparison_as_json_stays_json_beside_a_plot(evocnn: Call, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "b" / "seed-5")
    said = evocnn("compare", finished, tmp_path / "b", "--json", "--plot", tmp_path / "x.png")
    assert json.loads(said.out)["by"] == "evaluations"
    assert said.err == f"wrote {tmp_path / 'x.png'}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "RUN", "COPY", "--by", "hours"), "a comparison must be by evaluations, epochs, seconds"),
        (("compare", "RUN"), "must have two arms or more, but there was one, 'tiny' of 1; give a control"),
        (("compare", "RUN", "COPY", "--against", "tinny"), "must name an arm, one of tiny, copy, but it was"),
        (("compare", "RUN", "--plot", "x.jpg"), "error: a plot's file must end in"),
        (("compare", "EMPTY"), "must be a run or a folder of runs, but there was none"),
        (("show", "RUN", "--pick", "kne"), "error: a pick must be knee"),
        (("plot", "RUN", "--pick", "parameters<0"), "none had parameters<0; the nearest is ticket"),
        (
            ("show", "RUN", "--set", "objectives.flops.floor=1"),
            "error: --set of a run must be objectives.NAME",
        ),
    ],
)
def test_mistakes_end_in_code_2(
    arguments: tuple[str, ...], message: str, evocnn: Call, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    shutil.copytree(finished, tmp_path / "copy" / "seed-5")
    words = {"RUN": str(finished), "EMPTY": str(tmp_path / "empty"), "COPY": str(tmp_path / "copy")}
    said = evocnn(*(words.get(word, word) for word in arguments))
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_a_network_is_shown_and_marked(evocnn: Call, finished: Path, tmp_path: Path) -> None:
    front = json.loads(evocnn("show", finished, "--json").out)["front"]
    smallest = min(front, key=lambda member: member["metrics"]["parameters"])
    said = evocnn("show", finished, "--pick", "smallest")
    assert said.out.startswith(f"tiny: ticket {smallest['ticket']}, ")
    found = json.loads(evocnn("show", finished, "--pick", "smallest", "--json").out)
    assert {name: found[name] for name in smallest} == smallest
    assert evocnn("plot", finished, "--pick", "smallest", "--out", tmp_path / "x.png").code == 0


def test_a_picked_network_can_begin_a_search(
    evocnn: Call, finished: Path, tiny: Path, tmp_path: Path
) -> None:
    """As the command that is shown says."""
    text = json.loads(evocnn("show", finished, "--pick", "knee", "--json").out)["text"]
    setting = f"space.founders={json.dumps([text])}"
    options = ("--workers", "0", "--budget", "1", "--out", tmp_path / "next")
    assert evocnn("run", tiny, "--set", setting, *options).code == 0
    assert json.loads(evocnn("show", tmp_path / "next", "--pick", "0", "--json").out)["text"] == text


def test_a_region_of_interest_is_ranked_without_training(evocnn: Call, finished: Path) -> None:
    whole = json.loads(evocnn("show", finished, "--json").out)
    assert whole["front"]
    smallest = min(member["metrics"]["parameters"] for member in whole["front"])
    for ceiling, is_empty in ((smallest, False), (smallest - 1, True)):
        setting = f"objectives.parameters.ceiling={ceiling}"
        front = json.loads(evocnn("show", finished, "--set", setting, "--json").out)["front"]
        assert all(member["metrics"]["parameters"] == smallest for member in front)
        assert (front == []) == is_empty
    assert json.loads(evocnn("show", finished, "--json").out) == whole  # the run is as it was
    assert evocnn("show", finished, "--set", setting).out.startswith(
        "ranked anew, not as the run was searched"
    )
    assert evocnn("show", finished, "--set", setting, "--json").err.startswith("ranked anew")

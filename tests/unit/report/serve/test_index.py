"""The cards of the index page, and their traces."""

import shutil
from pathlib import Path
from typing import Any

from evocnn.report.serve.index import card_of, index_page, trace_points
from evocnn.report.serve.live_run import LiveRun
from evocnn.runs import Run
from evocnn.store import Journal


def test_a_trace_rises_in_steps_within_its_picture() -> None:
    assert trace_points([(1.0, 2.0), (2.0, 4.0)], 4.0) == (
        "0.00,28.00 25.00,28.00 25.00,15.00 50.00,15.00 50.00,2.00 100.00,2.00"
    )


def test_where_nothing_was_found_nothing_is_drawn() -> None:
    assert trace_points([], 3.0) == ""
    assert trace_points([(1.0, 0.0)], 3.0) == ""


def test_runs_of_one_name_are_told_apart_by_their_folders(source: Run, tmp_path: Path) -> None:
    again = Path(shutil.copytree(source.folder, tmp_path / "again"))
    for folders, n in (([again, source.folder], 2), ([again], 0)):
        text = index_page([LiveRun(folder) for folder in folders], "")
        assert sum(f"in {folder}</a></h2>" in text for folder in folders) == n


def with_budget(source: Run, folder: Path, budget: str) -> LiveRun:
    shutil.copytree(source.folder, folder)
    with Journal.open(folder) as journal:
        experiment: Any = journal.get("experiment")
        journal.set("experiment", {**experiment, "search": {**experiment["search"], "budget": budget}})
    return LiveRun(folder)


def test_a_budget_in_time_has_a_bar_and_is_told_as_time(source: Run, tmp_path: Path) -> None:
    card = card_of(with_budget(source, tmp_path / "run", "2h"), "mine")
    seconds = max(record.elapsed for record in source.records)
    assert card.share == seconds / 7200
    assert card.spent.endswith("s of 2h 00m")


def test_a_budget_that_is_no_text_has_no_bar(source: Run, tmp_path: Path) -> None:
    assert card_of(with_budget(source, tmp_path / "run", "a class of one's own"), "mine").share is None

"""`evocnn report`: a file is written, and mistakes are said before work is done."""

import resource
from pathlib import Path

import pytest

from evocnn.cli.report import write_report
from evocnn.errors import ExperimentError
from evocnn.problems import landscape
from evocnn.runs.problems import solve


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the folders of a search and of a random one."""
    home = tmp_path_factory.mktemp("runs")
    solve(landscape(), budget=12, population=6, folder=home / "mine")
    solve(landscape(), "random", budget=12, folder=home / "random")
    return home / "mine", home / "random"


def test_a_page_is_written_with_the_comparison(
    folders: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("evocnn.report.page.topics_of", lambda _: ())  # pictures that take most of the time
    mine, random = folders
    out = tmp_path / "new" / "report.html"
    write_report(mine, out, [random])
    text = out.read_text(encoding="utf-8")
    assert text.count("nothing may be claimed of") == 1  # of both measures at once
    assert text.endswith("</html>")
    assert f"wrote {out}" in capsys.readouterr().out


def test_another_ending_is_refused_before_the_run_is_read(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"must end in .html or .htm, but it was '.*page.pdf'"):
        write_report(tmp_path / "no run", tmp_path / "page.pdf", [])


def test_a_place_that_cannot_be_written_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExperimentError, match="must be writable"):
        write_report(folders[0], tmp_path / "file" / "report.html", [])


@pytest.mark.fault
def test_a_page_that_cannot_be_written_whole_leaves_the_one_that_was_there(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see it fail: `write_text` in place of `write_durably`."""
    out = tmp_path / "report.html"
    out.write_text("the page before")
    monkeypatch.setattr("evocnn.cli.report.page", lambda *_: "x" * 100_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        with pytest.raises(
            ExperimentError, match=r"'.*report\.html' was not: File too large; give another --out"
        ):
            write_report(folders[0], out, [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert out.read_text() == "the page before"
    assert [*tmp_path.iterdir()] == [out]

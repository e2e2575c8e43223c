"""What commands work on that take an experiment file or a run."""

from pathlib import Path

import numpy as np
import pytest

from evocnn import open_run
from evocnn.cli.source import source_of
from evocnn.errors import EvocnnError, ReplayError
from evocnn.store import Journal


def test_a_file_gives_its_experiment_and_what_was_said_beside_it(tiny: Path) -> None:
    found = source_of(tiny, ["seed=7"], "conv4k3 | gap | sgd lr=.1", None, Path("images"))
    assert (found.experiment.name, found.experiment.seed) == ("tiny", 7)
    assert found[1:] == ("conv4k3 | gap | sgd lr=.1", Path("images"))


def test_a_run_gives_its_experiment_its_data_and_a_network_of_it(finished: Path, tmp_path: Path) -> None:
    run = open_run(finished)
    plain = source_of(finished, [], None, None, None)
    assert plain == (run.experiment, None, None)
    assert plain.experiment.folder == run.experiment.folder
    picked = source_of(finished, ["training.epochs=3"], None, "0", tmp_path)
    assert picked[1:] == (run.records[0].text, tmp_path)
    assert picked.experiment.training.epochs == 3


def test_changes_leave_the_run_as_it_is(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(finished)
    monkeypatch.setattr("evocnn.cli.source.open_run", lambda _: run)
    assert source_of(finished, ["training.epochs=3"], None, None, None).experiment.training.epochs == 3
    assert run.experiment.tables["training"] == run.manifest["experiment"]["training"] == {"epochs": 1}


def test_images_that_changed_since_the_run_are_refused_unless_they_are_asked_for(
    finished: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.npz"
    images = np.zeros((20, 8, 8), np.uint8)
    images[:, 0, 0] = range(20)
    np.savez(path, images=images, labels=np.arange(20) % 2)
    with Journal.open(finished) as journal:
        journal.set("data_path", str(path))
    message = r"images must be those of the run in '.*finished', digest \w{12}, but were \w{12}; name with --"
    for settings in ([], ["data.images=200"]):
        with pytest.raises(ReplayError, match=message):
            source_of(finished, settings, None, None, None)
    assert source_of(finished, [], None, None, path).data == path
    for setting in ("data.size=4", "data.source=npz", "data.path=mine"):
        assert source_of(finished, [setting], None, None, None).data == path


@pytest.mark.parametrize(
    ("name", "chromosome", "wanted", "message"),
    [
        (
            "finished",
            "conv4k3 | gap | sgd lr=.1",
            "knee",
            "but --chromosome gave one, too; leave one of them",
        ),
        ("missing", None, "knee", "missing' was no run folder; name one in its place"),
        (".", None, "knee", "must be a run folder, but it held no run.sqlite"),
        ("finished", None, "accuracy>=2", "a pick must name a metric among .* 'accuracy'"),
    ],
)
def test_a_network_that_cannot_be_picked_is_told(
    name: str, chromosome: str | None, wanted: str, message: str, finished: Path
) -> None:
    with pytest.raises(EvocnnError, match=message):
        source_of(finished.parent / name, [], chromosome, wanted, None)

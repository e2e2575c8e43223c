"""What stands at the top: sentences with the run's figures."""

from collections.abc import Callable

from evocnn.report.page.summary import summary_of
from evocnn.report.page.trained import Trained
from evocnn.runs import Run
from evocnn.store import Record


def test_the_larger_and_the_smaller_network_are_held_against_the_knee(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    run = make_run(
        make_record(0, 0.60, 100, 0.1), make_record(1, 0.90, 1000, 0.1), make_record(2, 0.92, 4000, 0.1)
    )
    said = " ".join(summary_of(run).recommended)
    assert run.front.knee is not None
    assert run.front.knee.ticket == 1
    assert "2, gains 2.0 points of accuracy for 4.0 times the parameters (4,000)" in said
    assert "0, saves 90.0 % of the parameters (100 remain) and loses 30.0 points" in said


def test_the_front_is_explained_and_failures_are_counted(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    from evocnn.evaluation import Status

    run = make_run(make_record(0, 0.6, 100, 0.1), make_record(1, status=Status.CRASHED))
    said = " ".join(summary_of(run).found)
    assert "1 network makes up the front: the search found no other" in said
    assert "1 network failed" in said


def test_an_interrupted_run_is_told_how_to_go_on(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    commands = dict(summary_of(make_run(make_record(0, 0.6, 100, 0.1), status="interrupted")).commands)
    assert commands["Let the search go on"] == "evocnn resume runs/mine"
    assert commands["Train the recommended network in full and test it once"].endswith("--pick 0")


def test_an_accuracy_stands_with_its_interval_also_where_no_image_was_wrong(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    run = make_run(make_record(0, 1.0, 100, 0.1))
    run.manifest["data"] |= {"n_validation": 100}
    # Wilson: the lower bound is n / (n + 1.96²)
    assert "may be anything from 96.3 to 100.0 %" in " ".join(summary_of(run).recommended)


def test_a_tested_network_is_not_to_be_tested_again(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    run = make_run(make_record(0, 0.9, 100, 0.1))
    run.manifest["data"] |= {"n_validation": 100}
    model = Trained(0, "models/a/model.safetensors", ("train", "test"), 0.85, (0.767, 0.907), 100, 1)
    summary = summary_of(run, model)
    said = " ".join(summary.recommended)
    assert "85.0 % of 100 test images right, a 95 % interval of 76.7 % to 90.7 %" in said
    assert "The search never saw these" in said
    assert "Only a test" not in said
    assert summary.commands[0][1] == "evocnn export runs/mine/models/a/model.safetensors"
    assert not any(command.startswith("evocnn train") for _, command in summary.commands)

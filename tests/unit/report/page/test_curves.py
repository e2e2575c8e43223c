"""Learning curves as small drawings."""

from collections.abc import Callable
from dataclasses import replace

from evocnn.report.page.curves import HEIGHT, WIDTH, curve_panels
from evocnn.runs import Run
from evocnn.store import Record


def _with_curves(record: Record, **curves: tuple[float, ...]) -> Record:
    return replace(record, evaluation=replace(record.evaluation, curves=curves))


def test_a_line_goes_from_the_first_epoch_to_the_last_between_its_extremes(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    record = _with_curves(make_record(0, 0.8, 100), validation_accuracy=(0.2, 0.8, 0.5))
    (panel,) = curve_panels(make_run(record), record)
    assert (panel.name, panel.low, panel.high, panel.n_epochs) == ("accuracy", 0.2, 0.8, 3)
    assert panel.lines[0].points == f"0.0,{HEIGHT}.0 {WIDTH / 2},0.0 {WIDTH}.0,65.0"


def test_all_trainings_of_a_network_are_drawn(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    records = [
        _with_curves(make_record(t, 0.8, 100, key="same", replicate=t), training_loss=(2.0, 1.0))
        for t in (0, 1)
    ]
    run = make_run(*records)
    (panel,) = curve_panels(run, run.front.members[0])
    assert [line.kind for line in panel.lines] == ["training", "training"]


def test_one_epoch_and_a_constant_curve_are_drawn(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    record = _with_curves(make_record(0, 0.8, 100), training_loss=(1.0,), validation_loss=(1.0,))
    (panel,) = curve_panels(make_run(record), record)
    assert panel.lines[0].points == "0.0,0.0"

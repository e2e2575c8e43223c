"""The traces of the index page."""

from evocnn.report.serve.index import trace_points


def test_a_trace_rises_in_steps_within_its_picture() -> None:
    assert trace_points([(1.0, 2.0), (2.0, 4.0)], 4.0) == (
        "0.00,28.00 25.00,28.00 25.00,15.00 50.00,15.00 50.00,2.00 100.00,2.00"
    )


def test_where_nothing_was_found_nothing_is_drawn() -> None:
    assert trace_points([], 3.0) == ""
    assert trace_points([(1.0, 0.0)], 3.0) == ""

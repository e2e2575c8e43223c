"""A network's family: who is an ancestor, who is left out, and how the lines of the picture run."""

from collections.abc import Callable

from matplotlib.text import Text

from evocnn.evaluation import Status
from evocnn.report.history.genealogy import Family, family_of
from evocnn.report.history.genealogy_plot import family_figure, lanes_of
from evocnn.runs import Run
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]


def tickets(family: Family) -> list[int]:
    return [member.ticket for member in family.members]


def a_run(make_record: MakeRecord, make_run: MakeRun) -> Run:
    """Return a run where 5 descends from 4 and 2, 4 from 2 and 1, 2 from 0; 3 is of another line."""
    parents = {0: (), 1: (), 2: (0,), 3: (1,), 4: (2, 1), 5: (4, 2)}
    return make_run(*(make_record(ticket, 0.5, 10, parents=own) for ticket, own in parents.items()))


def test_ancestors_are_all_from_whom_a_network_descends(make_record: MakeRecord, make_run: MakeRun) -> None:
    run = a_run(make_record, make_run)
    family = family_of(run, run.records[5])
    assert tickets(family) == [0, 1, 2, 4, 5]
    assert [member.distance for member in family.members] == [2, 2, 1, 1, 0]
    assert family.members[0].is_founder
    assert family.notes == ("Ticket 5 has 4 ancestors over 2 generations.",)


def test_the_nearest_ancestors_are_kept_and_the_others_counted(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    run = a_run(make_record, make_run)
    family = family_of(run, run.records[5], most=2)
    assert (tickets(family), family.n_left_out) == ([2, 4, 5], 2)
    assert family.notes[1] == "2 ancestors further back are left out."


def test_no_line_runs_through_a_network_that_it_does_not_end_at(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    parents = {n: tuple({max(0, n - 1), (n * 7) % n}) for n in range(1, 40)} | {0: ()}
    run = make_run(*(make_record(n, 0.5, 10, parents=parents[n]) for n in range(40)))
    members = family_of(run, run.records[-1]).members
    lanes, place = lanes_of(members), {member.ticket: index for index, member in enumerate(members)}
    for member in members:
        for parent in member.parents:
            if parent in lanes:
                between = members[place[parent] + 1 : place[member.ticket]]
                assert lanes[parent] not in [lanes[each.ticket] for each in between]


def test_texts_of_a_family_stay_in_the_picture_and_are_no_mathematics(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    long = "$x_{ " + " · ".join(["conv8k3"] * 60)
    operators = ("$\\undefined{$",) * 6
    records = [
        make_record(n, 0.5, 10, text=long, operators=operators, parents=(n - 1, n - 2) if n > 1 else ())
        for n in range(32)
    ]
    records[3] = make_record(3, status=Status.OUT_OF_MEMORY, parents=(1,))
    run = make_run(*records)
    figure = family_figure(family_of(run, run.records[-1]))
    figure.draw_without_rendering()
    texts = [text for text in figure.axes[0].findobj(Text) if text.get_text()]
    assert "out of memory" in [text.get_text() for text in texts]
    for text in texts:
        extent = text.get_window_extent()
        assert extent.x1 <= figure.bbox.x1, text.get_text()
        assert extent.y0 >= 0, text.get_text()

import pickle

import pytest

from evocnn import errors
from evocnn.errors import EvocnnError, GeneError, JournalError, ReplayError, SpaceError, did_you_mean


def family(error: type[Exception]) -> list[type[Exception]]:
    return [error, *(member for child in error.__subclasses__() for member in family(child))]


ERRORS = [error for error in family(EvocnnError) if error.__module__ == "evocnn.errors"]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_pickles_with_its_message(error: type[Exception]) -> None:
    copy = pickle.loads(pickle.dumps(error("the thing must be so, but it was not")))
    assert type(copy) is error
    assert str(copy) == "the thing must be so, but it was not"


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    listed = [
        line.replace("│", " ").split("── ")[-1].split()[0]
        for line in str(errors.__doc__).splitlines()
        if "── " in line or line.strip() == "EvocnnError"
    ]
    assert sorted(listed) == sorted(error.__name__ for error in ERRORS)


@pytest.mark.parametrize(
    ("error", "caught_as"),
    [
        (GeneError, ValueError),
        (SpaceError, ValueError),
        (ReplayError, JournalError),
        (JournalError, EvocnnError),
    ],
)
def test_errors_can_be_caught_by_their_kind(error: type[Exception], caught_as: type[Exception]) -> None:
    assert issubclass(error, caught_as)


@pytest.mark.parametrize(
    ("word", "hint"),
    [("residul", "; did you mean 'residual'?"), ("Conv", "; did you mean 'conv'?"), ("zzz", ""), ("", "")],
)
def test_did_you_mean_names_the_nearest_word_or_nothing(word: str, hint: str) -> None:
    assert did_you_mean(word, iter(["conv", "residual", "pool"])) == hint

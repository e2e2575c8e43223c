"""Arms held against the first one: a rank test, and in a sentence what may be claimed and what not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from evocnn.report.rank_test import holm, least_p, mann_whitney

SIGNIFICANT = 0.05
BOUNDS = "nothing is said of other data, spaces or budgets"


@dataclass(frozen=True)
class ArmTest:
    """The first arm against another one, in one measure at the shared end.

    Attributes:
        measure: The measure's name.
        other: The other arm's name.
        p: Two-sided, Mann-Whitney.
        p_corrected: The same by Holm's correction for all arms and measures that are tested.
        superiority: Probability that a run of the other arm is better than one of the first.
        claim: What may be claimed and what not, in a sentence.
        shortfall: Why nothing may be claimed whatever the runs reached, in words; nothing with enough seeds.
    """

    measure: str
    other: str
    p: float
    p_corrected: float
    superiority: float
    claim: str
    shortfall: str = ""


def arm_tests(ends: Mapping[str, Mapping[str, np.ndarray]], at: str) -> tuple[ArmTest, ...]:
    """Hold arms against the first, in each measure.

    Args:
        ends: What the runs of each arm reached, higher is better, by measure and by the arm's name.
        at: The cost at which they did, in words.
    """
    pairs = [
        (measure, other, list(end), list(next(iter(by_arm.values()))))
        for measure, by_arm in ends.items()
        for other, end in list(by_arm.items())[1:]
    ]
    first = next(iter(next(iter(ends.values()))))
    results = [mann_whitney(end, reference) for *_, end, reference in pairs]
    corrected = holm([result.p for result in results])
    least = holm([least_p(len(end), len(reference)) for *_, end, reference in pairs])
    family = f", corrected for {len(pairs)} tests"
    tests = []
    for (measure, other, end, reference), result, p, lowest in zip(
        pairs, results, corrected, least, strict=True
    ):
        n, chance = f"n = {len(reference)} and {len(end)}", result.superiority
        shortfall = ""
        if lowest >= SIGNIFICANT:
            enough = next(n for n in count(2) if len(pairs) * least_p(n, n) < SIGNIFICANT)
            shortfall = (
                f"with {n}{family}, p cannot fall below {lowest:.2g}; {enough} seeds each could show one"
            )
            claim = _nothing([other], first, shortfall)
        elif p < SIGNIFICANT:
            better, worse = (other, first) if chance > 0.5 else (first, other)
            claim = (
                f"'{better}' may be claimed to be better than '{worse}' at {at}, where a run of it beats "
                f"one of the other with probability {max(chance, 1 - chance):.2f} ({n}, "
                f"p = {p:.2g}{family})"
            )
        else:
            claim = (
                f"no difference may be claimed between '{first}' and '{other}' at {at} ({n}, "
                f"p = {p:.2g}{family}), nor that they are equal: a run of '{other}' beats one of '{first}' "
                f"with probability {chance:.2f}"
            )
        tests.append(ArmTest(measure, other, result.p, p, chance, f"{measure}: {claim}", shortfall))
    return tuple(tests)


def claims_of(tests: Sequence[ArmTest], first: str) -> tuple[str, ...]:
    """Return what tests let one claim, in sentences, each once: too few seeds are so for several arms.

    Args:
        tests: Of all measures, against the same arm.
        first: That arm's name.
    """
    lacking: dict[str, list[ArmTest]] = {}
    for test in tests:
        if test.shortfall:
            lacking.setdefault(test.shortfall, []).append(test)
    nothing = [
        f"{' and '.join(dict.fromkeys(test.measure for test in own))}: "
        + _nothing(list(dict.fromkeys(test.other for test in own)), first, shortfall)
        for shortfall, own in lacking.items()
    ]
    claims = [test.claim for test in tests if not test.shortfall]
    is_any = any(test.p_corrected < SIGNIFICANT for test in tests if not test.shortfall)
    return (*claims, *nothing, *([BOUNDS] if is_any else []))


def _nothing(others: Sequence[str], first: str, shortfall: str) -> str:
    names = " or ".join(f"'{other}'" for other in others)
    return (
        f"nothing may be claimed of {names} against '{first}', neither a difference nor that there is none: "
        f"{shortfall}"
    )

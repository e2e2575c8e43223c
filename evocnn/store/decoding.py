"""JSON of a run folder, which may be anyone's: no text of it can give commands to a terminal."""

import json
import re

from evocnn.genotype import JSON

# A backslash that stands for itself, so that none behind it is taken for the start of an escape; or the
# escape of a control character or of one that turns the direction of writing; or such a character itself.
_ESCAPES = re.compile(
    r"\\\\|\\u(?:00(?:0[0-8bce-f]|1[0-9a-f]|7f|[89][0-9a-f])|20(?:2[a-e]|6[6-9]))"
    r"|[\x7f-\x9f\u202a-\u202e\u2066-\u2069]",
    re.IGNORECASE,
)


def parsed(text: str) -> JSON:
    r"""Return what a text of JSON holds, with control characters in its strings spelt out, as `\u001b`.

    Raises:
        ValueError: The text is no JSON.
        RecursionError: It is nested too deep.
    """
    found: JSON = json.loads(_ESCAPES.sub(_spelt_out, text))
    return found


def _spelt_out(escape: re.Match[str]) -> str:
    found = escape[0]
    if len(found) == 1:
        found = f"\\u{ord(found):04x}"
    return found if found == r"\\" else rf"\{found}"

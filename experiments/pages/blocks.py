"""The blocks of a page: its commands, and the outputs that it shows."""

import re

FENCED = re.compile(
    r"^(?P<stated> *<!-- stated -->\n)? *```(?P<language>\S*)\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE
)
INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n)+")
LEFT_OUT = re.compile(r"^ *(?:\.\.\.|…)$", re.MULTILINE)


def commands_in(page: str) -> list[str]:
    """Return the blocks of commands of a page."""
    return [block["text"] for block in FENCED.finditer(page) if block["language"] == "sh"]


def outputs_in(page: str) -> list[str]:
    """Return the outputs with a number in them: blocks without a language that are not marked as stated."""
    fenced = [block for block in FENCED.finditer(page) if not block["language"] and not block["stated"]]
    outputs = [block["text"] for block in fenced] + INDENTED.findall(FENCED.sub("", page))
    return [output for output in outputs if re.search(r"\d", output)]


def is_printed(output: str, printed: str) -> bool:
    """Tell whether all that an output shows was printed, in this order.

    Args:
        output: Of a page; a line of dots alone stands for what is left out there.
        printed: What the commands of the page printed; lines may be wrapped elsewhere.
    """
    parts = [r"\s+".join(map(re.escape, part.split())) for part in LEFT_OUT.split(output)]
    shown = r"(?<!\S)" + r"(?!\S).*?(?<!\S)".join(parts) + r"(?!\S)"
    return re.search(shown, printed, re.DOTALL) is not None

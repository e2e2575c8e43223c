"""What is to be said of a reading of the test split."""

from pathlib import Path

from evocnn.deploy.judgement import Judgement
from evocnn.runs import open_run


def reading_lines(folder: Path, judgement: Judgement) -> list[str]:
    """Return when the test split was read for a judgement, and what keeps that from being an estimate."""
    run, reading = open_run(folder), judgement.reading
    entries = run.readings
    lines = [f"test split: read {judgement.when}, reading {reading} of {len(entries)} of this run"]
    if judgement.overlap:
        lines.append(f"note: {judgement.overlap}")
    if len(entries) > 1:
        whats = ", ".join(entry["what"] for entry in entries)
        lines.append(
            f"note: the test split of this run has been read {len(entries)} times ({whats}), as its manifest "
            "says; the best of several tests is no estimate any more: report the network that validation "
            "images chose"
        )
    if before := max(
        (entry["readings"] for entry in run.resumptions if entry["readings"] < reading), default=0
    ):
        lines.append(
            f"note: the search of this run went on after reading {before}; if that was because of what it "
            "said, later readings are no estimates"
        )
    return lines

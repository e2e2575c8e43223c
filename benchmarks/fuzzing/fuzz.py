"""One target under Atheris, the coverage-guided fuzzer for Python; `benchmark.py` starts it.

    python benchmarks/fuzzing/fuzz.py TARGET FOLDER SECONDS

Whatever the target raises is kept in FOLDER/findings once for each place that raises it, with the bytes that
led there, and the fuzzer goes on; a crash of the interpreter, a hang or a memory that grows ends it.
"""

import sys
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["evocnn", "tomllib"]):
    import targets

HANG = 30  # seconds for one input, on a machine that does something else, too
MEMORY = 3072  # MB


def keeping(target: targets.Target, findings: Path) -> targets.Target:
    """Return a target that writes down what it raises, once for each place, and never raises."""
    known: set[str] = set()

    def kept(content: bytes) -> None:
        try:
            target(content)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if "/evocnn/" in frame.filename] or frames
            name = f"{type(error).__name__}-{Path(own[-1].filename).stem}-{own[-1].lineno}"
            if name not in known:
                known.add(name)
                (findings / f"{name}.bytes").write_bytes(content)
                (findings / f"{name}.txt").write_text("".join(traceback.format_exception(error)))

    return kept


def main() -> None:
    """Fuzz one target for some seconds."""
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    corpus, findings, scratch = (folder / part for part in ("corpus", "findings", "scratch"))
    for place in (corpus, findings, scratch):
        place.mkdir(parents=True, exist_ok=True)
    make, seeds = targets.TARGETS[name]
    for index, seed in enumerate(seeds()):
        (corpus / f"seed-{index}").write_bytes(seed)
    options = [
        str(corpus),
        f"-max_total_time={seconds}",
        f"-timeout={HANG}",
        f"-rss_limit_mb={MEMORY}",
        "-max_len=16384",
        "-seed=1",
        f"-artifact_prefix={findings}/",
    ]
    atheris.Setup([sys.argv[0], *options], keeping(make(scratch), findings))
    atheris.Fuzz()


if __name__ == "__main__":
    main()

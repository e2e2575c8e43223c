"""The commands of the pages that show outputs, run again: what they print, and how much of it the pages show.

    evocnn reproduce experiments/pages [--quick]

A page's blocks of commands run one after the other in a folder of its own, with what the first page left.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from blocks import commands_in, is_printed, outputs_in

from evocnn.cli.study import Asked, perform
from evocnn.errors import ExperimentError
from evocnn.report.figures import Figure

ROOT = Path(__file__).resolve().parents[2]
FIRST = "digits"  # the questions are asked of its run
MEASURES = "tutorial"  # fits what it proposes to the speed of the machine
PAGES = (
    FIRST,
    MEASURES,
    "questions/size",
    "questions/layers",
    "questions/kernels-and-filters",
    "questions/dense-layers",
    "questions/learning-rate",
    "questions/random-search",
    "questions/empty-front",
)
QUICK_PAGES = ("questions/dense-layers",)

INSTEAD = {
    # No photographs are at hand, and evocnn is installed.
    "make demo\n. .venv/bin/activate\nmkdir pets && cd pets\n": "python make_photos.py\n",
    "make demo\n. .venv/bin/activate\n": (
        "evocnn run experiments/digits/experiment.toml --out runs/demo\nevocnn plot runs/demo\n"
    ),
    "evocnn doctor --data photos\n": "",  # tells of one machine
    "--budget 20m": "--budget '300 epochs'",  # shorter, and not by the clock
    "evocnn serve runs/photos\n": "",  # ends with Ctrl-C alone
    "evocnn resume runs/demo-longer --budget 80\n": "",  # the page shows nothing of it
    "/NAME/": "/*/",  # the only one there
    "evocnn run ": "evocnn run --workers 0 ",  # Ray makes it faster and finds the same
}
# What is read off a clock: seconds of a sweep, times of a network.
CLOCK = re.compile(r"\d+\.\d \[\d+\.\d, \d+\.\d\]|^CPU .*$", re.MULTILINE)


def study(asked: Asked) -> Mapping[str, Figure]:
    """Run the commands of each page; return how many outputs it shows, and how many of them were printed."""
    figures = {}
    for page in QUICK_PAGES if asked.is_quick else PAGES:
        name = page.replace("/", "-")
        text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        printed = printed_by(name, text, asked.runs)
        asked.write(f"{name}.txt", [line.rstrip() for line in printed.splitlines()])
        outputs = outputs_in(text)
        same = [is_printed(CLOCK.sub("", output), CLOCK.sub("", printed)) for output in outputs]
        print(page, f"{sum(same)} of {len(same)} outputs were printed", flush=True)
        figures[f"{name}.outputs"] = Figure(len(same), 0)
        figures[f"{name}.printed"] = Figure(sum(same), len(same), is_exact=page != MEASURES)
    return figures


def printed_by(name: str, text: str, runs: Path) -> str:
    """Return what the commands of a page print; a page that came to its end is not run again.

    Raises:
        ExperimentError: A command failed.
    """
    folder, kept = runs / name, runs / f"{name}.txt"
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    if (runs / FIRST).exists():
        shutil.copytree(runs / FIRST, folder, symlinks=True)
    else:
        folder.mkdir(parents=True)
        (folder / "experiments").symlink_to(ROOT / "experiments")
    for file, program in re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        (folder / file).write_text(program, encoding="utf-8")
    script = "".join(commands_in(text))
    for command, other in INSTEAD.items():
        script = script.replace(command, other)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", f"BASH_XTRACEFD=1 PS4='$ '\nset -ex\n{script}"],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        message = (
            f"the commands of the page '{name}' must end with exit code 0, but the last of these ended with "
            f"{done.returncode}:\n{done.stdout}its message stands above; mend the page or the command"
        )
        raise ExperimentError(message)
    kept.write_text(done.stdout, encoding="utf-8")
    return done.stdout


if __name__ == "__main__":
    perform(study, __doc__)

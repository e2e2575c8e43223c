"""The tutorial is as long as it says, names commands that exist, and its pictures can be searched."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.main import get_command

from evocnn.cli.main import app
from evocnn.training.data.survey import survey_folder

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
TEXT = PAGE.read_text()
STEPS = re.findall(r"^## (\d+)\. .*?^```sh\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)


def test_the_tutorial_has_at_most_ten_commands_one_a_step() -> None:
    assert [int(number) for number, _ in STEPS] == list(range(1, len(STEPS) + 1))
    assert len(STEPS) <= 10
    assert all(block.startswith("evocnn ") and block.count("\n") == 1 for _, block in STEPS)


def test_every_command_and_option_of_the_tutorial_exists() -> None:
    commands: Any = get_command(app)
    for name, rest in re.findall(r"evocnn (\w+)((?: [^`\n]*)?)[`\n]", TEXT):
        known = {option for parameter in commands.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", rest)) <= known, name


def test_the_pictures_of_the_tutorial_are_a_folder_of_classes(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert {path.name for path in (tmp_path / "photos").iterdir()} == {"circle", "square", "triangle"}
    survey = survey_folder(tmp_path / "photos")
    assert f"{survey.n_sizes} sizes from 60×60 to 99×99" in TEXT


def test_links_lead_somewhere() -> None:
    for page in (PAGE, PAGE.with_name("serving.md"), PAGE.with_name("proposing.md")):
        for target in re.findall(r"\]\(([^)#:]+)[^)]*\)", page.read_text()):
            assert (page.parent / target).exists(), target

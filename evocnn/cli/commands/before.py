"""Commands ahead of a search: the machine, the images, the space, the learning rate."""

from pathlib import Path
from typing import Annotated

import typer

from evocnn.cli.commands.arguments import (
    Data,
    ExperimentFile,
    ExperimentOrRun,
    Pick,
    Settings,
)

PANEL = "Before a search"

app = typer.Typer()


@app.command(rich_help_panel=PANEL)
def doctor(
    *,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="PATH", help="Look at the images there, too.")
    ] = None,
) -> None:
    """Look at Python, PyTorch, GPUs, Ray, memory and disk: what is wrong, and how to mend it.

    Ends with code 0 where nothing is wrong, with 2 otherwise.

    Example: evocnn doctor --data photos/
    """
    from evocnn.cli.doctor import show_findings

    show_findings(data)


@app.command(rich_help_panel=PANEL)
def init(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A folder of images, one folder a class, or a name such as cifar-10."
        ),
    ] = ".",
    *,
    data: Annotated[
        Path | None, typer.Option("--data", help="Where the images of a named data set lie.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The file to write; it must be new.")] = Path(
        "experiment.toml"
    ),
) -> None:
    """Write an experiment file that fits some images and this machine, with the reason for every value.

    Example: evocnn init photos/ --out photos.toml
    """
    from evocnn.cli.init import propose_experiment

    propose_experiment(source, data, out)


@app.command(rich_help_panel=PANEL)
def space(
    experiment: ExperimentFile,
    *,
    settings: Settings = None,
    data: Data = None,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Networks to draw.")] = 1000,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Draw some networks and all sizes into this .png, .svg or .pdf file."),
    ] = None,
) -> None:
    """Show the search space of an experiment: alleles, limits, number and sizes of its networks.

    Example: evocnn space experiments/digits/experiment.toml --out space.png
    """
    from evocnn.cli.space import show_space
    from evocnn.config import load_experiment

    show_space(load_experiment(experiment, settings or []), data, samples, out)


@app.command(rich_help_panel=PANEL)
def data(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A name such as cifar-10, a path, module:function, or an experiment file."
        ),
    ],
    *,
    path: Annotated[
        Path | None, typer.Option("--data", "--path", help="Where the images lie, instead of a download.")
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="64|48x64", help="Height and width of the images.")
    ] = None,
    fit: Annotated[
        str | None, typer.Option("--fit", help="How others are brought to it: crop, resize or pad.")
    ] = None,
    channels: Annotated[str | None, typer.Option("--channels", help="auto, grey or rgb.")] = None,
    settings: Settings = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Draw examples of each class into this .png, .svg or .pdf file."),
    ] = None,
) -> None:
    """Show data: shapes, classes, counts, statistics, duplicates, and what was left out.

    Example: evocnn data photos/ --size 64 --out sheet.png
    """
    from evocnn.cli.data import Asked, show_data

    show_data(Asked(source, path, size, fit, channels, settings or []), out)


@app.command("lr-range", rich_help_panel=PANEL)
def learning_rate_range(
    source: ExperimentOrRun,
    *,
    chromosome: Annotated[
        str | None,
        typer.Option(
            "--chromosome",
            metavar="TEXT",
            help="A network, such as 'conv16k3 > pool | gap | sgd lr=.1'; default: five founders, with each "
            "optimizer of the space.",
        ),
    ] = None,
    pick: Pick = None,
    settings: Settings = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A .png, .svg or .pdf file; default: runs/NAME-lr-range.png."),
    ] = None,
) -> None:
    """Test which learning rates train networks of an experiment, draw it, and give bounds for the allele.

    Example: evocnn lr-range my.toml --chromosome 'conv16k3 > pool | gap | adamw lr=.01'

    Example: evocnn lr-range runs/demo --pick knee
    """
    from evocnn.cli.learning_rate import show_learning_rates
    from evocnn.cli.source import source_of

    found = source_of(source, settings or [], chromosome, pick, data)
    out = out or Path("runs") / f"{found.experiment.name}-lr-range.png"
    show_learning_rates(found.experiment, found.chromosome, found.data, out)


@app.command("import", rich_help_panel=PANEL)
def import_network(
    network: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FACTORY",
            help="A function without arguments that returns a torch.nn.Module, as in mynet:make.",
        ),
    ],
    *,
    shape: Annotated[
        str | None,
        typer.Option("--shape", metavar="C,H,W", help="Of an image; default: the one that passes."),
    ] = None,
) -> None:
    """Write a sequential PyTorch CNN as a search space that begins with it, or name the layer that cannot be.

    Example: evocnn import mynet:make --shape 3,32,32 > space.toml
    """
    from evocnn.cli.import_network import show_import

    show_import(network, shape)

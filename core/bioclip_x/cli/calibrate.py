"""`bioclip-x calibrate`: learns from labelled images how far a classifier's numbers can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bioclip_x.cli.flags import make_recipe_flags, plugin_option
from bioclip_x.cli.labelled_images import FIELDS, embed, find_dataset, prepare
from bioclip_x.registry import Registry


@click.command(name="calibrate", params=make_recipe_flags(*FIELDS))
@click.argument("pictures")
@plugin_option
@click.option("--recipe", type=click.Path(path_type=Path), help="A recipe file (YAML); flags win over it.")
@click.option(
    "--accept",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.95,
    show_default=True,
    help='The part of listed images that "none of these" is to spare.',
)
@click.option(
    "--accuracy",
    "accuracies",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    multiple=True,
    help="For `classify --depth auto --accuracy`. Repeatable.  [default: 0.8, 0.9, 0.95, 0.99]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split into two halves.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file, for `classify --calibration FILE`, instead of where `classify` finds it by itself.",
)
@click.option("--quiet", is_flag=True, help="No progress, no notes, no table.")
@click.pass_obj
def command(
    registry: Registry,
    /,
    pictures: str,
    plugins: tuple[str, ...],
    recipe: Path | None,
    accept: float,
    accuracies: tuple[float, ...],
    seed: int,
    output: Path | None,
    quiet: bool,
    **fields: Any,
) -> None:
    """Calibrate a model on labelled PICTURES: a folder of folders named by class, or a table with columns path and label.

    Prints where the calibration was written. `bioclip-x classify` with the same model, list and texts uses it from then on.
    Images of what is not on the list show how well "none of these" works.

    \b
    bioclip-x calibrate --model bioclip-2 --taxonomy my-species.csv labelled-photos/
    bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/ --depth auto --accuracy 0.95
    """  # fmt: skip
    prepare(fields)
    names = registry.load(plugins)
    dataset, source = find_dataset(registry, pictures)

    from bioclip_x.calibration.fit import ACCURACIES, calibrate
    from bioclip_x.cli.render.calibration import print_calibration
    from bioclip_x.inference import calibration_store

    classifier, notes, seen = embed(registry, dataset, recipe=recipe, plugins=names, fields=fields, quiet=quiet)
    found = calibrate(
        classifier, seen, source, accept=accept, accuracies=accuracies or ACCURACIES, seed=seed, notes=notes
    )
    file = calibration_store.save_calibration(found, output)
    if not quiet:
        print_calibration(found, demo=classifier.encoder.card.demo)
    click.echo(file)

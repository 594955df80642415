"""`bioclip-x calibrate`: fits a calibration on labelled images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from bioclip_x.cli.evaluation.labelled_images import (
    FIELDS,
    check_dataset_outputs,
    embed_dataset,
    find_dataset,
    prepare_fields,
)
from bioclip_x.cli.flags import make_recipe_flags, plugin_option, recipe_option
from bioclip_x.cli.option_types import PathName, RealNumbers, WholeNumbers
from bioclip_x.cli.render.terminal import echo
from bioclip_x.hooks.registry import Registry
from bioclip_x.limits import SEED

if TYPE_CHECKING:
    from bioclip_x.evaluation.labelled_images import LabelledImages
    from bioclip_x.inference.classifier import Classifier
    from bioclip_x.records.calibration import RefusalMethod


@click.command(name="calibrate", params=make_recipe_flags(*FIELDS))
@click.argument("images")
@plugin_option
@recipe_option
@click.option(
    "--accept",
    type=RealNumbers(0, 1, min_open=True),
    default=0.95,
    show_default=True,
    help='Fraction of listed images that the threshold for "none of these" must accept.',
)
@click.option(
    "--refuse-by",
    type=click.Choice(("auto", "similarity", "probability", "energy", "mcm", "relative")),
    default="auto",
    show_default=True,
    help='The score of "none of these"; auto: the best on off-list images, else similarity.',
)
@click.option(
    "--off-list",
    multiple=True,
    metavar="IMAGES",
    help="Images of no listed class, which need no labels: files, folders, globs, tables. Repeatable.",
)
@click.option(
    "--accuracy",
    "accuracies",
    type=RealNumbers(0, 1, min_open=True, max_open=True),
    multiple=True,
    help="Accuracy to fit a depth for, see `classify --depth auto --accuracy`. Repeatable.  [default: 0.8, 0.9, 0.95, 0.99]",
)
@click.option(
    "--coverage",
    "coverages",
    type=RealNumbers(0, 1, min_open=True, max_open=True),
    multiple=True,
    help="Coverage of conformal sets, see `classify --head conformal:coverage=C`. Repeatable.  [default: 0.8, 0.9, 0.95, 0.99]",
)
@click.option(
    "--seed", type=WholeNumbers(max=SEED), default=0, show_default=True, help="Seed of the split into two halves."
)
@click.option(
    "--output",
    type=PathName(),
    metavar="FILE",
    help="Write to this file, for `classify --calibration FILE`, instead of the default place, where `classify` finds it.",
)
@click.option("--quiet", is_flag=True, help="No progress, no notes, no table.")
@click.pass_obj
def command(
    registry: Registry,
    /,
    images: str,
    plugins: tuple[str, ...],
    recipe: Path | None,
    accept: float,
    refuse_by: str,
    off_list: tuple[str, ...],
    accuracies: tuple[float, ...],
    coverages: tuple[float, ...],
    seed: int,
    output: Path | None,
    quiet: bool,
    **fields: Any,
) -> None:
    """Calibrate a model on labelled IMAGES: a folder of folders named by class, or a table with columns path and label.

    Prints the path of the calibration. `bioclip-x classify` with the same model, list and texts then uses it. Images of
    unlisted classes show how well "none of these" works.

    \b
    bioclip-x calibrate --model bioclip-2 --taxonomy my-species.csv labelled-photos/
    bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/ --depth auto --accuracy 0.95
    """  # fmt: skip
    inputs = {"--recipe": recipe, "--plugin": plugins, "--labels": fields["labels"]}
    prepare_fields(fields)
    names = registry.load(plugins)
    dataset, source = find_dataset(registry, images)

    from bioclip_x.calibration.fit import ACCURACIES, calibrate
    from bioclip_x.calibration.sets import SET_COVERAGES
    from bioclip_x.cli.render.calibration import print_calibration
    from bioclip_x.evaluation.off_list import add_off_list_images
    from bioclip_x.inference import calibration_store

    classifier, notes, labelled = embed_dataset(
        registry,
        dataset,
        recipe=recipe,
        plugins=names,
        fields=fields,
        quiet=quiet,
        check_recipe=lambda resolved: check_dataset_outputs(registry, images, {"--output": output}, inputs, [resolved]),
    )
    if off_list:
        labelled = add_off_list_images(labelled, classifier, off_list)
    calibration = calibrate(
        classifier,
        labelled,
        source,
        accept=accept,
        refuse_by=None if refuse_by == "auto" else cast("RefusalMethod", refuse_by),
        accuracies=accuracies or ACCURACIES,
        coverages=coverages or SET_COVERAGES,
        seed=seed,
        listed_ranks=find_listed_ranks(registry, images, classifier, labelled),
        notes=notes,
    )
    file = calibration_store.save_calibration(calibration, output)
    if not quiet:
        print_calibration(calibration, demo=classifier.encoder.card.demo)
    echo(file)


def find_listed_ranks(
    registry: Registry, images: str, classifier: Classifier, labelled: LabelledImages
) -> Mapping[str, str]:
    """Returns off-list image → its lowest listed rank, where the taxonomy has its label and only --subset leaves it out."""
    from bioclip_x.evaluation.listed_ranks import read_listed_ranks

    if classifier.whole_taxonomy.n_classes == classifier.taxonomy.n_classes or (labelled.node_n >= 0).all():
        return {}
    dataset, _ = find_dataset(registry, images)
    classifier.files.serve(dataset)
    return read_listed_ranks(dataset, classifier.whole_taxonomy, classifier.taxonomy)

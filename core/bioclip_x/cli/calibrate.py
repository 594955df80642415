"""`bioclip-x calibrate`: learns from labelled pictures how far a classifier's numbers can be trusted."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bioclip_x.cli.classify import read_labels
from bioclip_x.cli.options import plugin_option, recipe_flags
from bioclip_x.errors import CalibrationError
from bioclip_x.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.components import Dataset

FIELDS: Final = (
    "model", "encoder", "device", "precision", "preprocess", "taxonomy", "taxonomy_format", "dag", "labels", "subset", "text",
    "language", "descriptors", "missing", "background", "inherit", "pooling", "scorer", "adjust", "batch_size", "workers",
)  # fmt: skip
"""What decides the numbers. Head, rank and depth come after."""
TABLES: Final = (".csv", ".tsv", ".parquet", ".pq")


@click.command(name="calibrate", params=recipe_flags(*FIELDS))
@click.argument("pictures")
@plugin_option
@click.option("--recipe", type=click.Path(path_type=Path), help="A recipe file (YAML); flags win over it.")
@click.option(
    "--accept",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.95,
    show_default=True,
    help='The part of listed pictures that "none of these" is to spare.',
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
    Pictures of what is not on the list show how well "none of these" works.

    \b
    bioclip-x calibrate --model bioclip-2 --taxonomy my-species.csv labelled-photos/
    bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/ --depth auto --accuracy 0.95
    """  # fmt: skip
    warnings.filterwarnings("ignore", module="PIL")
    fields["labels"] = read_labels(fields["labels"])
    fields["text"] = fields["text"] or None
    names = registry.load(plugins)
    dataset, source = dataset_of(registry, pictures)

    from bioclip_x.cli.calibration_table import print_calibration
    from bioclip_x.cli.progress import Progress
    from bioclip_x.cli.recipes import resolved_recipe
    from bioclip_x.pipeline import calibrations
    from bioclip_x.pipeline.calibrate import ACCURACIES, calibrate
    from bioclip_x.pipeline.classifier import Classifier
    from bioclip_x.pipeline.labelled import labelled_pictures

    resolved, _ = resolved_recipe(registry, file=recipe, plugins=names, flags=fields)
    resolved = resolved.model_copy(update={"calibration": "none", "depth": None})
    with Progress(enabled=not quiet) as progress:
        classifier = Classifier(registry=registry, recipe=resolved, progress=progress.texts)
        notes = tuple(dataset.prepare(classifier.taxonomy))
        seen = labelled_pictures(classifier, dataset, progress.labelled)
        found = calibrate(
            classifier, seen, source, accept=accept, accuracies=accuracies or ACCURACIES, seed=seed, notes=notes
        )
    file = calibrations.save(found, output)
    if not quiet:
        print_calibration(found, demo=classifier.encoder.card.demo)
    click.echo(file)


def dataset_of(registry: Registry, pictures: str) -> tuple[Dataset, str]:
    """The data set, and what outputs call it: a folder, a table, or one by its name (field-guide:count=500).

    Raises CalibrationError for what is none of these.
    """
    from bioclip_x.options import parse_ref

    path = Path(pictures)
    if path.is_dir() or path.suffix.lower() in TABLES:
        name = "image-folder" if path.is_dir() else "manifest"
        return registry.make("datasets", name, {"path": path, "off_list": "keep"}), path.resolve().name
    ref = parse_ref(pictures)
    if ref.name not in registry.components("datasets"):
        raise CalibrationError(
            f"{pictures}: no such folder; expected a folder of folders named by class, a table ({', '.join(TABLES)}) with the "
            f"columns path and label, or a data set by name: {', '.join(registry.components('datasets'))}"
        )
    return registry.make("datasets", ref.name, ref.options), str(ref)

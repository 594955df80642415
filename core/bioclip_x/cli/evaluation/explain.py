"""`bioclip-x explain`: measures which descriptors separate the classes of a data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.evaluation.evaluate import FORMATS, find_format
from bioclip_x.cli.evaluation.labelled_images import (
    FIELDS,
    check_dataset_outputs,
    embed_dataset,
    find_dataset,
    prepare_fields,
)
from bioclip_x.cli.flags import (
    make_recipe_flags,
    output_option,
    plugin_option,
    quiet_option,
    recipe_option,
    safe_csv_option,
)
from bioclip_x.cli.option_types import PathName, RealNumbers, WholeNumbers
from bioclip_x.errors import DescriptorError
from bioclip_x.hooks.registry import Registry
from bioclip_x.io.storage.replacement import is_written_in_place
from bioclip_x.io.storage.streams import open_output
from bioclip_x.limits import SEED
from bioclip_x.messages import escape_controls, list_some

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier
    from bioclip_x.prompts import DescriptorSet
    from bioclip_x.records.evaluation.descriptor_usefulness import Usefulness
    from bioclip_x.taxonomy import Taxonomy


@click.command(name="explain", params=make_recipe_flags(*FIELDS))
@click.argument("images")
@plugin_option
@recipe_option
@click.option("--class", "names", multiple=True, metavar="NAME", help="Only this class, in full. Repeatable.")
@click.option(
    "--prune",
    "pruned",
    type=PathName(),
    metavar="FILE",
    help="Write the descriptors (YAML) without the useless ones, chosen on one half of the images; the accuracy on the other "
    "half is printed, and written to the file.",
)
@click.option(
    "--least",
    type=RealNumbers(0, 1),
    default=0.5,
    show_default=True,
    help="--prune drops descriptors with at most this AUROC from siblings, unless fewer images are right without them.",
)
@click.option(
    "--seed", type=WholeNumbers(max=SEED), default=0, show_default=True, help="Seed of the split into two halves."
)
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), help="[default: by the suffix of --output, else table]"
)
@output_option
@safe_csv_option
@quiet_option
@click.pass_obj
def command(
    registry: Registry,
    /,
    images: str,
    plugins: tuple[str, ...],
    recipe: Path | None,
    names: tuple[str, ...],
    pruned: Path | None,
    least: float,
    seed: int,
    format_: str | None,
    output: Path | None,
    safe_csv: bool,
    quiet: bool,
    **fields: Any,
) -> None:
    """Measure what each descriptor contributes on labelled IMAGES: a folder of folders named by class, a table with columns
    path and label, or the name of a data set.

    For every descriptor of every class that has images: how well it separates the class from its siblings and from all
    others, whether it is the same for all classes, and how many images are right without it.

    \b
    bioclip-x explain field-guide:count=400,seed=7 --plugin descriptors
    bioclip-x explain labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --descriptors d.yaml \\
        --output report.csv --prune pruned.yaml
    """  # fmt: skip
    inputs = {"--recipe": recipe, "--plugin": plugins, "--labels": fields["labels"]}
    outputs = {"--output": output, "--prune": pruned}
    prepare_fields(fields)
    format_ = format_ or find_format(output)
    loaded = registry.load(plugins)
    dataset, source = find_dataset(registry, images)

    from bioclip_x.evaluation.descriptors.pruning import prune
    from bioclip_x.evaluation.descriptors.usefulness import check_has_descriptors, measure_usefulness

    selected: frozenset[int] = frozenset()

    def check(classifier: Classifier) -> None:
        nonlocal selected
        check_has_descriptors(classifier)
        selected = find_classes(classifier.taxonomy, names)

    classifier, notes, labelled = embed_dataset(
        registry, dataset, recipe=recipe, plugins=loaded, fields=fields, quiet=quiet, check=check,
        check_recipe=lambda resolved: check_dataset_outputs(registry, images, outputs, inputs, [resolved]),
    )  # fmt: skip
    usefulness = measure_usefulness(classifier, labelled, source, notes=notes)
    if pruned:
        kept, pruning = prune(classifier, registry, labelled, source, least=least, seed=seed)
        usefulness = replace(usefulness, pruning=pruning)
        write_pruned(pruned, kept)
    if selected:
        usefulness = select_classes(usefulness, selected)
    if not quiet:
        print_notes(usefulness, classifier.provenance.notes, pruning=format_ != "table")
    write_usefulness(usefulness, format_, output, in_full=bool(selected), safe_csv=safe_csv)


def write_pruned(file: Path, kept: DescriptorSet) -> None:
    """Writes the descriptors. Raises DescriptorError where that fails."""
    from bioclip_x.prompts.descriptors import write_descriptors

    try:
        write_descriptors(file, kept)
    except OSError as error:
        raise DescriptorError(f"{file} cannot be written: {error.strerror or error}") from error


def write_usefulness(
    found: Usefulness, format_: str, output: Path | None, *, in_full: bool, safe_csv: bool = False
) -> None:
    """Writes to stdout or a file; a CSV file gets a second file with its provenance."""
    from bioclip_x.cli.render.descriptor_files import write, write_provenance

    with open_output(output, styled=format_ == "table") as stream:
        write(found, format_, stream, in_full=in_full, safe_csv=safe_csv)
        if format_ == "csv" and output is not None and not is_written_in_place(output):
            with open_output(output.with_name(f"{output.name}.provenance.json")) as sidecar:
                write_provenance(found, sidecar)


def find_classes(taxonomy: Taxonomy, names: tuple[str, ...]) -> frozenset[int]:
    """Finds the classes of these names. Raises DescriptorError for unknown and ambiguous names."""
    from bioclip_x.taxonomy.names.resolver import Resolver

    resolver = Resolver(taxonomy)
    found: set[int] = set()
    for name in names:
        classes = resolver.classes(name)
        if len(classes) != 1:
            fault = "is the name of several classes; give the path" if classes else "is no class of the taxonomy"
            near = resolver.near(name)
            hint = f"; did you mean {list_some(near)}?" if near and not classes else ""
            raise DescriptorError(f"--class {name!r} {fault}{hint}")
        found.add(classes[0])
    return frozenset(found)


def select_classes(usefulness: Usefulness, selected: frozenset[int]) -> Usefulness:
    """Keeps the results of some classes. Raises DescriptorError where none of them has images."""
    classes = tuple(one for one in usefulness.classes if one.class_index in selected)
    if not classes:
        known = list_some([one.name for one in usefulness.classes])
        raise DescriptorError(f"--class: {usefulness.source} has no image of it; it has images of {known}")
    return replace(usefulness, classes=classes)


def print_notes(found: Usefulness, notes: tuple[str, ...], *, pruning: bool) -> None:
    """Prints notes on stderr: on the images, the classifier, and each image that could not be read.

    pruning: whether to print the outcome of pruning too.
    """
    from bioclip_x.cli.render.descriptor_table import render_pruned

    for note in dict.fromkeys((*notes, *found.notes)):
        click.echo(f"note: {escape_controls(note)}", err=True)
    for message in found.skipped[3:]:  # the first three are in the notes
        click.echo(f"skipped: {escape_controls(message)}", err=True)
    for line in render_pruned(found.pruning) if pruning and found.pruning else ():
        click.echo(line, err=True)

"""`bioclip-x explain`: which descriptors tell a data set's classes apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.evaluate import FORMATS, format_of
from bioclip_x.cli.flags import make_recipe_flags, plugin_option
from bioclip_x.cli.labelled_images import FIELDS, embed, find_dataset, prepare
from bioclip_x.errors import DescriptorError
from bioclip_x.io.files import is_written_in_place
from bioclip_x.io.streams import open_output
from bioclip_x.messages import escape_controls, list_some
from bioclip_x.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier
    from bioclip_x.prompts import DescriptorSet
    from bioclip_x.records.descriptor_usefulness import Usefulness
    from bioclip_x.taxonomy import Taxonomy


@click.command(name="explain", params=make_recipe_flags(*FIELDS))
@click.argument("pictures")
@plugin_option
@click.option("--recipe", type=click.Path(path_type=Path), help="A recipe file (YAML); flags win over it.")
@click.option("--class", "names", multiple=True, metavar="NAME", help="Only this class, in full. Repeatable.")
@click.option(
    "--prune",
    "pruned",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the descriptors (YAML) without those that do nothing, decided on one half of the images; how many of the "
    "other half are then named rightly is told, and written there.",
)
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="--prune drops what has this AUROC from siblings or less, unless fewer images are right without it.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split into two halves.")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), help="[default: table, or what the suffix of --output says]"
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file instead of stdout.")
@click.option("--quiet", is_flag=True, help="No progress and no notes on stderr.")
@click.pass_obj
def command(
    registry: Registry,
    /,
    pictures: str,
    plugins: tuple[str, ...],
    recipe: Path | None,
    names: tuple[str, ...],
    pruned: Path | None,
    least: float,
    seed: int,
    format_: str | None,
    output: Path | None,
    quiet: bool,
    **fields: Any,
) -> None:
    """Tell what each descriptor does for labelled PICTURES: a folder of folders named by class, a table with columns path and
    label, or a data set by name.

    For every descriptor of every class that has images: whether it tells the class from its siblings and from all others,
    whether it is the same everywhere, and how many names are right without it.

    \b
    bioclip-x explain field-guide:count=400,seed=7 --plugin descriptors
    bioclip-x explain labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --descriptors d.yaml \\
        --output report.csv --prune pruned.yaml
    """  # fmt: skip
    prepare(fields)
    format_ = format_ or format_of(output)
    loaded = registry.load(plugins)
    dataset, source = find_dataset(registry, pictures)

    from bioclip_x.evaluation.descriptor_usefulness import measure_usefulness, check_has_descriptors
    from bioclip_x.evaluation.pruning import prune

    asked: frozenset[int] = frozenset()

    def check(classifier: Classifier) -> None:
        nonlocal asked
        check_has_descriptors(classifier)
        asked = find_classes(classifier.taxonomy, names)

    classifier, notes, seen = embed(
        registry, dataset, recipe=recipe, plugins=loaded, fields=fields, quiet=quiet, check=check
    )
    found = measure_usefulness(classifier, seen, source, notes=notes)
    if pruned:
        kept, done = prune(classifier, registry, seen, source, least=least, seed=seed)
        found = replace(found, pruning=done)
        write_pruned(pruned, kept)
    if asked:
        found = select_classes(found, asked)
    if not quiet:
        tell(found, classifier.provenance.notes, pruning=format_ != "table")
    print_found(found, format_, output, in_full=bool(asked))


def write_pruned(file: Path, kept: DescriptorSet) -> None:
    """Raises DescriptorError where it cannot be written."""
    from bioclip_x.prompts.descriptors import write_descriptors

    try:
        write_descriptors(file, kept)
    except OSError as problem:
        raise DescriptorError(f"{file} cannot be written: {problem.strerror or problem}") from problem


def print_found(found: Usefulness, format_: str, output: Path | None, *, in_full: bool) -> None:
    """To stdout or a file; beside a CSV file stands its provenance."""
    from bioclip_x.cli.render.descriptor_files import write, write_provenance

    with open_output(output) as stream:
        write(found, format_, stream, in_full=in_full)
        if format_ == "csv" and output is not None and not is_written_in_place(output):
            with open_output(output.with_name(f"{output.name}.provenance.json")) as sidecar:
                write_provenance(found, sidecar)


def find_classes(taxonomy: Taxonomy, names: tuple[str, ...]) -> frozenset[int]:
    """The classes of these names. Raises DescriptorError for one that names no class, or several."""
    from bioclip_x.taxonomy.names.resolver import Resolver

    resolver = Resolver(taxonomy)
    asked: set[int] = set()
    for name in names:
        classes = resolver.classes(name)
        if len(classes) != 1:
            what = "fits several classes; give its path" if classes else "is no class of the taxonomy"
            near = resolver.near(name)
            raise DescriptorError(
                f"--class {name!r} {what}" + (f"; {list_some(near)}?" if near and not classes else "")
            )
        asked.add(classes[0])
    return frozenset(asked)


def select_classes(found: Usefulness, asked: frozenset[int]) -> Usefulness:
    """What was found of some of the classes. Raises DescriptorError where none of them has images."""
    classes = tuple(one for one in found.classes if one.class_index in asked)
    if not classes:
        raise DescriptorError(
            f"--class: {found.source} has no image of it; it has images of {list_some([one.name for one in found.classes])}"
        )
    return replace(found, classes=classes)


def tell(found: Usefulness, notes: tuple[str, ...], *, pruning: bool) -> None:
    """Notes on stderr: of the images, of the classifier, and each image that could not be read.

    pruning: whether to say there what became of it.
    """
    from bioclip_x.cli.render.descriptor_table import render_pruned

    for note in dict.fromkeys((*notes, *found.notes)):
        click.echo(f"note: {escape_controls(note)}", err=True)
    for picture in found.skipped[3:]:  # three are in the notes already
        click.echo(f"skipped: {escape_controls(picture)}", err=True)
    for line in render_pruned(found.pruning) if pruning and found.pruning else ():
        click.echo(line, err=True)

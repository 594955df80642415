"""`bioclip-x classify`: classifies images and explains the predictions."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.flags import (
    add_recipe_options,
    output_option,
    plugin_option,
    quiet_option,
    recipe_option,
    resume_option,
)
from bioclip_x.cli.option_types import PathName
from bioclip_x.cli.outputs.collisions import check_outputs, list_recipe_files
from bioclip_x.cli.outputs.notes import print_note, print_notes
from bioclip_x.cli.outputs.resume import is_finished, keep_results, list_files
from bioclip_x.cli.ray_flags import RayFlags, add_ray_options, find_part_format, refuse_with_ray, run
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.capabilities import ReportCapabilities, ScorerCapabilities, get_capabilities
from bioclip_x.hooks.registry import Registry
from bioclip_x.inference.result_journal import make_header
from bioclip_x.inference.sinks import Sink, choose_report, make_report, write_all
from bioclip_x.io.encodings import open_utf8_stdin
from bioclip_x.io.labels import read_labels
from bioclip_x.messages import pluralise

if TYPE_CHECKING:
    from bioclip_x.recipe import Recipe


@click.command(name="classify")
@click.argument("images", nargs=-1)
@plugin_option
@recipe_option
@add_recipe_options
@click.option(
    "--metadata",
    type=PathName(),
    metavar="FILE",
    help="Where and when the images were taken: a table (CSV, TSV, Parquet) with a column that names the image (path, "
    "file_name, id, …); its other columns precede EXIF data.",
)
@click.option(
    "--bins",
    type=PathName(),
    metavar="FILE",
    help="Labels and their bins (CSV, two columns): report the probabilities of the bins.",
)
@click.option(
    "--format",
    "format_",
    metavar="F",
    help="Format of the results: table, csv, parquet, json, jsonl, markdown, html; with options as in table:width=80.  "
    "[default: by the suffix of --output, else table]",
)
@output_option
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=PathName(),
    metavar="FILE|NAME:FILE",
    help="Also write a report; NAME is its format, which else follows the suffix (.html, .md, .csv, .parquet, .json, .jsonl). "
    "Repeatable.",
)
@resume_option
@add_ray_options
@quiet_option
@click.pass_obj
def command(
    registry: Registry,
    /,
    images: tuple[str, ...],
    plugins: tuple[str, ...],
    recipe: Path | None,
    metadata: Path | None,
    bins: Path | None,
    format_: str | None,
    output: Path | None,
    reports: tuple[Path, ...],
    resume: bool,
    ray: RayFlags | None,
    quiet: bool,
    **fields: Any,
) -> None:
    """Classify IMAGES: files, folders, globs, URLs, tables of paths or URLs (CSV, Parquet), or - for paths on stdin.

    IMAGES may be left out with a scorer that reads precomputed scores (external): then all images of its file are classified.

    \b
    bioclip-x classify --plugin descriptors examples/drawings --report report.html
    bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/
    bioclip-x classify --model bioclip-2 --labels "red fox,gray wolf" photo.jpg
    """  # fmt: skip
    # Pillow warns about large images and odd metadata; the output has a row for every image that cannot be read.
    warnings.filterwarnings("ignore", module="PIL")
    inputs = {
        "--recipe": recipe, "--plugin": plugins, "--labels": fields["labels"], "--bins": bins, "--metadata": metadata,
    }  # fmt: skip
    if fields["labels"] is not None:
        fields["labels"] = read_labels(fields["labels"])
    if bins is not None:
        fields = make_bins_fields(registry, bins, fields)
    names = registry.load(plugins)
    if recipe is not None:
        load_recipe_plugins(registry, recipe)  # they may provide the reports
    sinks: list[Sink] = []
    if ray:
        part_format = find_part_format(registry, format_, reports)
    else:
        sinks = [choose_report(registry, given) for given in reports]
        reports = tuple(path for _, path in sinks if path)
        sinks.append((make_report(registry, format_, output), output))

    if resume and not ray and not list_files(sinks):
        raise RecipeError("--resume needs an output file: --output FILE or --report FILE")

    from bioclip_x.cli.recipe_flags import resolve

    resolved, notes = resolve(registry, file=recipe, plugins=names, flags=fields)
    files = list_recipe_files(registry, resolved)
    check_outputs({"--output": output, "--report": reports}, inputs, recipe_files=files, images=images)
    scorer = registry.make("scorers", resolved.scorer.name, resolved.scorer.options)
    if not images and get_capabilities(scorer, ScorerCapabilities).needs_embeddings:
        raise click.UsageError("Missing argument 'IMAGES...': files, folders, globs, or - for paths on stdin.")

    if ray:
        from bioclip_x.distributed.jobs import ClassifyJob

        refuse_with_ray({"--metadata": metadata, "--event-by": resolved.event_by, "--frames": resolved.frames})
        failed = run(ClassifyJob(registry, resolved, part_format, tuple(notes)), "classify", images, ray, quiet=quiet)
    else:
        bare = output is None and (format_ or "").startswith("csv")
        failed = classify_all(
            registry, resolved, images, sinks, metadata=metadata, notes=notes, resume=resume, quiet=quiet, bare=bare
        )
    if failed:
        if not quiet:
            click.echo(f"{pluralise(failed, 'image')} failed; the output has the reasons", err=True)
        sys.exit(1)


def classify_all(
    registry: Registry,
    recipe: Recipe,
    images: Sequence[str],
    sinks: Sequence[Sink],
    *,
    metadata: Path | None,
    notes: Sequence[str],
    resume: bool,
    quiet: bool,
    bare: bool,
) -> int:
    """Classifies the images and writes all outputs. Returns the number of images that failed.

    metadata: a table of what is known of the images. notes: on the recipe. resume: see `keep_results`. bare: see `print_notes`.
    """
    from bioclip_x.images.counting import count_images
    from bioclip_x.images.metadata_table import read_metadata_table
    from bioclip_x.images.places.folders import LeftOut
    from bioclip_x.inference.classifier import Classifier
    from bioclip_x.progress import Progress

    table = read_metadata_table(metadata) if metadata else None
    to_terminal = any(path is None for _, path in sinks) and sys.stdout.isatty()
    with Progress(enabled=not quiet, images=not to_terminal) as progress:
        classifier = Classifier(registry=registry, recipe=recipe, progress=progress.texts)
        provenance = replace(classifier.provenance, notes=(*notes, *classifier.provenance.notes))
        if not quiet:
            print_notes(provenance, bare=bare)
        thumbnails = any(get_capabilities(report, ReportCapabilities).thumbnails for report, _ in sinks)
        header = make_header(provenance, classifier.bank.key, thumbnails=thumbnails)
        if resume and is_finished(sinks, header):
            if not quiet:
                click.echo("the outputs are complete", err=True)
            return 0
        left_out = LeftOut()
        with keep_results(sinks, header, recipe.batch_size, resume=resume, quiet=quiet) as journal:
            results = classifier.classify(
                images or None,
                metadata=table,
                thumbnails=thumbnails,
                stdin=open_utf8_stdin(),
                journal=journal,
                left_out=left_out,
            )
            count = partial(count_images, images, classifier.files)
            counted = progress.images(results, count, lambda result: result.is_last_of_image)
            failed = write_all(provenance, counted, sinks)
    for told in (left_out.describe(), table.describe() if table else ""):
        print_note(told, quiet=quiet)
    return failed


def load_recipe_plugins(registry: Registry, recipe: Path) -> None:
    """Loads the plugins that a recipe file switches on."""
    from bioclip_x.recipe_resolution import read_recipe

    registry.load(read_recipe(recipe).get("plugins") or ())


def make_bins_fields(registry: Registry, file: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Makes the fields that --bins is short for. Raises RecipeError where classes are also given in another way."""
    for name in ("taxonomy", "taxonomy_format", "labels"):
        if fields[name] is not None:
            raise RecipeError(f"--bins and --{name.replace('_', '-')} were both given; the bins' file lists the labels")
    reader = registry.default("taxonomy_readers", "bins")
    if reader is None:
        raise RecipeError("--bins: no installed plugin reads bins")
    return {**fields, "taxonomy": file, "taxonomy_format": reader, "rank": fields["rank"] or "bin"}

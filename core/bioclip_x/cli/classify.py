"""`bioclip-x classify`: classifies images and explains the predictions."""

from __future__ import annotations

import io
import json
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.capabilities import ReportCapabilities, ScorerCapabilities
from bioclip_x.cli.flags import add_recipe_options, output_option, plugin_option, quiet_option, recipe_option
from bioclip_x.components import Report
from bioclip_x.errors import RecipeError
from bioclip_x.io.encodings import open_utf8_stdin
from bioclip_x.io.files import read_text
from bioclip_x.io.streams import refuse_terminal
from bioclip_x.messages import escape_controls
from bioclip_x.registry import Registry, get_capabilities

if TYPE_CHECKING:
    from bioclip_x.records import Provenance, Result


Sink = tuple[Report, Path | None]
"""A report and its file; None for stdout."""


@click.command(name="classify")
@click.argument("images", nargs=-1)
@plugin_option
@recipe_option
@add_recipe_options
@click.option(
    "--bins",
    type=click.Path(path_type=Path),
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
    type=click.Path(path_type=Path),
    help="Also write a report; its format follows the suffix (.html, .md, .csv, .parquet, .json, .jsonl). Repeatable.",
)
@quiet_option
@click.pass_obj
def command(
    registry: Registry,
    /,
    images: tuple[str, ...],
    plugins: tuple[str, ...],
    recipe: Path | None,
    bins: Path | None,
    format_: str | None,
    output: Path | None,
    reports: tuple[Path, ...],
    quiet: bool,
    **fields: Any,
) -> None:
    """Classify IMAGES: files, folders, globs, or - for paths on stdin, one per line.

    IMAGES may be left out with a scorer that reads precomputed scores (external): then all images of its file are classified.

    \b
    bioclip-x classify --plugin descriptors examples/drawings --report report.html
    bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/
    bioclip-x classify --model bioclip-2 --labels "red fox,gray wolf" photo.jpg
    """  # fmt: skip
    # Pillow warns about large images and odd metadata; the output has a row for every image that cannot be read.
    warnings.filterwarnings("ignore", module="PIL")
    fields["labels"] = read_labels(fields["labels"])
    if bins is not None:
        fields = make_bins_fields(registry, bins, fields)
    names = registry.load(plugins)
    sinks: list[Sink] = [(find_report(registry, path), path) for path in reports]
    sinks.append((make_report(registry, format_, output), output))

    from bioclip_x.cli.recipe_flags import resolve
    from bioclip_x.images.counting import count_images
    from bioclip_x.inference.classifier import Classifier
    from bioclip_x.progress import Progress

    resolved, notes = resolve(registry, file=recipe, plugins=names, flags=fields)
    scorer = registry.make("scorers", resolved.scorer.name, resolved.scorer.options)
    if not images and get_capabilities(scorer, ScorerCapabilities).needs_embeddings:
        raise click.UsageError("Missing argument 'IMAGES...': files, folders, globs, or - for paths on stdin.")

    to_terminal = output is None and sys.stdout.isatty()
    with Progress(enabled=not quiet, images=not to_terminal) as progress:
        classifier = Classifier(registry=registry, recipe=resolved, progress=progress.texts)
        provenance = replace(classifier.provenance, notes=(*notes, *classifier.provenance.notes))
        if not quiet:
            print_notes(provenance, bare=output is None and (format_ or "").startswith("csv"))
        thumbnails = any(get_capabilities(report, ReportCapabilities).thumbnails for report, _ in sinks)
        results = classifier.classify(images or None, thumbnails=thumbnails, stdin=open_utf8_stdin())
        failed = write_all(provenance, progress.images(results, partial(count_images, images)), sinks)
    if failed:
        if not quiet:
            click.echo(f"{failed} image(s) could not be read; the output has the reasons", err=True)
        sys.exit(1)


def make_bins_fields(registry: Registry, file: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Makes the fields that --bins is short for. Raises RecipeError where classes are also given in another way."""
    for name in ("taxonomy", "taxonomy_format", "labels"):
        if fields[name] is not None:
            raise RecipeError(f"--bins and --{name.replace('_', '-')} were both given; the bins' file lists the labels")
    reader = registry.default("taxonomy_readers", "bins")
    if reader is None:
        raise RecipeError("--bins: no installed plugin reads bins")
    return {**fields, "taxonomy": file, "taxonomy_format": reader, "rank": fields["rank"] or "bin"}


def print_notes(provenance: Provenance, *, bare: bool) -> None:
    """Prints notes on stderr; with `bare` also the provenance, as a CSV on stdout has no sidecar file for it."""
    for note in provenance.notes:
        click.echo(f"note: {escape_controls(note)}", err=True)
    if bare:
        click.echo(f"provenance: {json.dumps(asdict(provenance), ensure_ascii=False, default=str)}", err=True)


def write_all(provenance: Provenance, results: Iterable[Result], sinks: Sequence[Sink]) -> int:
    """Writes each result to every report as it arrives. Returns the number of images that failed.

    If the reader of standard output closes the pipe (`| head`), the other reports are completed; without others it stops.
    """
    failed = 0
    with ExitStack() as stack:
        writers = [stack.enter_context(_Writer(report, path, provenance)) for report, path in sinks]
        for result in results:
            failed += bool(result.error)
            for writer in writers:
                writer.write(result)
            if all(writer.gone for writer in writers):
                raise BrokenPipeError
    return failed


class _Writer:
    """A report being written; a broken pipe ends this report only."""

    def __init__(self, report: Report, path: Path | None, provenance: Provenance) -> None:
        self._context = report.open(path, provenance)
        self.gone = False

    def __enter__(self) -> _Writer:
        self._writer = self._context.__enter__()
        return self

    def write(self, result: Result) -> None:
        if not self.gone:
            try:
                self._writer.write(result)
            except BrokenPipeError:
                self.gone = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self._context.__exit__(kind, error, tb)
        except BrokenPipeError:
            self.gone = True


def make_report(registry: Registry, format_: str | None, output: Path | None) -> Report:
    """Makes the report for stdout or --output: the one named, else by the file's suffix, else the default."""
    from bioclip_x.options import parse_ref

    if format_ is None and output is not None and output.suffix:
        return find_report(registry, output, "--output")
    chosen = parse_ref(format_ or registry.required_default("reports"))
    report = registry.make("reports", chosen.name, chosen.options)
    if get_capabilities(report, ReportCapabilities).binary:
        refuse_terminal(output, chosen.name)  # before the model is loaded
    return report


def find_report(registry: Registry, path: Path, flag: str = "--report") -> Report:
    """Finds the report for a file's suffix. Raises RecipeError, with a list, if there is none."""
    known: dict[str, str] = {}
    for name in registry.components("reports"):
        report = registry.make("reports", name)
        suffixes = get_capabilities(report, ReportCapabilities).suffixes
        if path.suffix.lower() in suffixes:
            return report
        known |= dict.fromkeys(suffixes, name)
    raise RecipeError(
        f"{flag} {path}: there is no report for {path.suffix or 'files without suffix'}; known: {', '.join(known)}"
    )


def read_labels(labels: str | None, flag: str = "--labels") -> tuple[str, ...] | None:
    """Reads labels: `"a,b,c"`, or a file with one per line, where a comma is part of the label.

    Raises RecipeError where there are none, for a file that cannot be read, and for a missing file if `labels` looks like a
    path.
    """
    if labels is None:
        return None
    path = Path(labels)
    is_path = path.suffix.lower() in (".txt", ".csv", ".tsv", ".yaml", ".yml", ".json") or path.name != labels
    if "," in labels or not (is_path or path.is_file()):
        parts: Iterable[str] = labels.split(",")
    elif not path.exists():
        raise RecipeError(f"{flag} {labels}: no such file; expected names separated by commas, or a file of them")
    else:
        parts = io.StringIO(read_text(path, RecipeError), newline=None)
    stripped = tuple(part.strip() for part in parts if part.strip())
    if not stripped:
        raise RecipeError(f"{flag} {labels!r} names nothing; expected names separated by commas, or a file of them")
    return stripped

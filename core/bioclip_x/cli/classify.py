"""`bioclip-x classify`: names what is in images, and says why."""

from __future__ import annotations

import io
import json
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.capabilities import ReportCapabilities, ScorerCapabilities
from bioclip_x.cli.flags import add_recipe_options, plugin_option
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
"""A report, and the file it goes to; None is stdout."""


@click.command(name="classify")
@click.argument("images", nargs=-1)
@plugin_option
@click.option("--recipe", type=click.Path(path_type=Path), help="A recipe file (YAML); flags win over it.")
@add_recipe_options
@click.option(
    "--bins",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Labels and their bins (CSV, two columns): report the shares of the bins.",
)
@click.option(
    "--format",
    "format_",
    metavar="F",
    help="How results are printed: table, csv, parquet, json, jsonl, markdown, html; options as in table:width=80.  "
    "[default: table, or what the suffix of --output says]",
)
@click.option("--output", type=click.Path(path_type=Path), help="Print results to this file instead of stdout.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also write a report; its format follows the suffix (.html, .md, .csv, .parquet, .json, .jsonl). Repeatable.",
)
@click.option("--quiet", is_flag=True, help="No progress and no notes on stderr.")
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
    """Name what is in IMAGES: files, folders, globs, or - for paths on stdin, one a line.

    IMAGES may be left out with a scorer that has scores of its own (external): then all that it has are taken.

    \b
    bioclip-x classify --plugin descriptors examples/drawings --report report.html
    bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/
    bioclip-x classify --model bioclip-2 --labels "red fox,gray wolf" photo.jpg
    """  # fmt: skip
    # Pillow warns of large images and odd metadata, once for each: this is our process, and it has rows for that.
    warnings.filterwarnings("ignore", module="PIL")
    fields["labels"] = read_labels(fields["labels"])
    if bins is not None:
        fields = in_bins(registry, bins, fields)
    names = registry.load(plugins)
    sinks: list[Sink] = [(report_for(registry, path), path) for path in reports]
    sinks.append((make_report(registry, format_, output), output))

    from bioclip_x.cli.recipe_flags import resolve
    from bioclip_x.cli.render.progress import Progress
    from bioclip_x.inference.classifier import Classifier

    resolved, told = resolve(registry, file=recipe, plugins=names, flags=fields)
    scorer = registry.make("scorers", resolved.scorer.name, resolved.scorer.options)
    if not images and get_capabilities(scorer, ScorerCapabilities).needs_embeddings:
        raise click.UsageError("Missing argument 'IMAGES...': files, folders, globs, or - for paths on stdin.")

    to_terminal = output is None and sys.stdout.isatty()
    with Progress(enabled=not quiet, pictures=not to_terminal) as progress:
        classifier = Classifier(registry=registry, recipe=resolved, progress=progress.texts)
        provenance = replace(classifier.provenance, notes=(*told, *classifier.provenance.notes))
        if not quiet:
            tell(provenance, bare=output is None and (format_ or "").startswith("csv"))
        thumbnails = any(get_capabilities(report, ReportCapabilities).thumbnails for report, _ in sinks)
        results = classifier.classify(images or None, thumbnails=thumbnails, stdin=open_utf8_stdin())
        failed = write_all(provenance, progress.pictures(results), sinks)
    if failed:
        if not quiet:
            click.echo(f"{failed} image(s) could not be read; each is named in the output", err=True)
        sys.exit(1)


def in_bins(registry: Registry, file: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that --bins stands for. Raises RecipeError where the classes are given in another way as well."""
    for name in ("taxonomy", "taxonomy_format", "labels"):
        if fields[name] is not None:
            raise RecipeError(f"--bins and --{name.replace('_', '-')} were both given; the bins' file lists the labels")
    reader = registry.default("taxonomy_readers", "bins")
    if reader is None:
        raise RecipeError("--bins: no installed plugin reads bins")
    return {**fields, "taxonomy": file, "taxonomy_format": reader, "rank": fields["rank"] or "bin"}


def tell(provenance: Provenance, *, bare: bool) -> None:
    """Notes on stderr; with `bare` the whole provenance, since a CSV on stdout has no sidecar file to hold it."""
    for note in provenance.notes:
        click.echo(f"note: {escape_controls(note)}", err=True)
    if bare:
        click.echo(f"provenance: {json.dumps(asdict(provenance), ensure_ascii=False, default=str)}", err=True)


def write_all(provenance: Provenance, results: Iterable[Result], sinks: Sequence[Sink]) -> int:
    """Writes each result to every report as it comes. Returns how many images failed.

    A reader of standard output who has gone (`| head`) ends it all if there is no other report, else only that part.
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
    """A report being written, which takes a broken pipe for the end of its own part."""

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
    """The report for stdout or --output: the one named, else the one of the file's suffix, else the default."""
    from bioclip_x.options import parse_ref

    if format_ is None and output is not None and output.suffix:
        return report_for(registry, output, "--output")
    chosen = parse_ref(format_ or registry.required_default("reports"))
    report = registry.make("reports", chosen.name, chosen.options)
    if get_capabilities(report, ReportCapabilities).binary:
        refuse_terminal(output, chosen.name)  # now, and not when the model has been loaded
    return report


def report_for(registry: Registry, path: Path, flag: str = "--report") -> Report:
    """The report whose suffix a file has. Raises RecipeError listing the known."""
    known: dict[str, str] = {}
    for name in registry.components("reports"):
        report = registry.make("reports", name)
        suffixes = get_capabilities(report, ReportCapabilities).suffixes
        if path.suffix.lower() in suffixes:
            return report
        known |= dict.fromkeys(suffixes, name)
    raise RecipeError(
        f"{flag} {path}: no report is written for {path.suffix or 'no suffix'}; known: {', '.join(known)}"
    )


def read_labels(labels: str | None, flag: str = "--labels") -> tuple[str, ...] | None:
    """`"a,b,c"`, or a file with one label a line; a comma in a line of it is part of the label.

    Raises RecipeError where none is named, and for a file that cannot be read or, by its name, should be there.
    """
    if labels is None:
        return None
    path = Path(labels)
    is_path = path.suffix.lower() in (".txt", ".csv", ".tsv", ".yaml", ".yml", ".json") or path.name != labels
    if "," in labels or not (is_path or path.is_file()):
        found: Iterable[str] = labels.split(",")
    elif not path.exists():
        raise RecipeError(f"{flag} {labels}: no such file; expected names separated by commas, or a file of them")
    else:
        found = io.StringIO(read_text(path, RecipeError), newline=None)
    named = tuple(label.strip() for label in found if label.strip())
    if not named:
        raise RecipeError(f"{flag} {labels!r} names nothing; expected names separated by commas, or a file of them")
    return named

"""`bioclip-x classify`: names what is in pictures, and says why."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.options import plugin_option, recipe_options
from bioclip_x.components import Report, ReportWriter
from bioclip_x.errors import RecipeError
from bioclip_x.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.pipeline.classifier import Classifier
    from bioclip_x.records import Result


@click.command(name="classify")
@click.argument("images", nargs=-1, required=True)
@plugin_option
@click.option("--recipe", type=click.Path(path_type=Path), help="A recipe file (YAML); flags win over it.")
@recipe_options
@click.option(
    "--format",
    "format_",
    default="table",
    show_default=True,
    help="How results are printed: table, csv, json, jsonl, html; options as in table:width=80.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Print results to this file instead of stdout.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also write a report; its format follows the suffix (.html, .csv, .json, .jsonl). Repeatable.",
)
@click.option("--quiet", is_flag=True, help="No progress and no notes on stderr.")
@click.pass_obj
def command(
    registry: Registry,
    /,
    images: tuple[str, ...],
    plugins: tuple[str, ...],
    recipe: Path | None,
    format_: str,
    output: Path | None,
    reports: tuple[Path, ...],
    quiet: bool,
    **fields: Any,
) -> None:
    """Name what is in IMAGES: files, folders, globs, or - for paths on stdin, one a line.

    \b
    bioclip-x classify --plugin descriptors examples/drawings --report report.html
    bioclip-x classify --model bioclip-2 --taxonomy my-species.csv photos/
    bioclip-x classify --model bioclip-2 --labels "red fox,gray wolf" photo.jpg
    """  # fmt: skip
    from bioclip_x.options import parse_ref

    registry.load(plugins)
    fields["labels"] = read_labels(fields["labels"])
    fields["text"] = fields["text"] or None
    sinks = [(report_for(registry, path), path) for path in reports]
    chosen = parse_ref(format_)
    sinks.append((registry.make("reports", chosen.name, chosen.options), output))  # type: ignore[arg-type]

    from bioclip_x.cli.progress import Progress
    from bioclip_x.pipeline.classifier import Classifier

    with Progress(enabled=not quiet) as progress:
        classifier = Classifier(registry=registry, plugins=plugins, recipe=recipe, progress=progress.texts, **fields)
        if not quiet:
            for note in classifier.provenance.notes:
                click.echo(f"note: {note}", err=True)
        results = classifier.classify(images, thumbnails=bool(reports), stdin=sys.stdin)
        failed = write_all(classifier, progress.pictures(results), sinks)
    if failed:
        click.echo(f"{failed} picture(s) could not be read; each is named in the output", err=True)
        sys.exit(1)


def write_all(classifier: Classifier, results: Iterable[Result], sinks: Iterable[tuple[Report, Path | None]]) -> int:
    """Writes each result to every report as it comes. Returns how many pictures failed."""
    failed = 0
    with ExitStack() as stack:
        writers: list[ReportWriter] = [
            stack.enter_context(report.open(path, classifier.provenance)) for report, path in sinks
        ]
        for result in results:
            failed += bool(result.error)
            for writer in writers:
                writer.write(result)
    return failed


def report_for(registry: Registry, path: Path) -> Report:
    """The report whose suffix a file has. Raises RecipeError listing the known."""
    known: dict[str, str] = {}
    for name in registry.components("reports"):
        report: Report = registry.make("reports", name)
        if path.suffix.lower() in report.suffixes:
            return report
        known |= dict.fromkeys(report.suffixes, name)
    raise RecipeError(
        f"--report {path}: no report is written for {path.suffix or 'no suffix'}; known: {', '.join(known)}"
    )


def read_labels(labels: str | None) -> tuple[str, ...] | None:
    """`"a,b,c"`, or a file with one label a line. Raises RecipeError where none is named."""
    if labels is None:
        return None
    path = Path(labels)
    if "," not in labels and path.is_file():
        found: Iterator[str] = iter(path.read_text("utf-8-sig").splitlines())
    else:
        found = iter(labels.split(","))
    named = tuple(label.strip() for label in found if label.strip())
    if not named:
        raise RecipeError(f"--labels {labels!r} names nothing; expected names separated by commas, or a file of them")
    return named

"""`bioclip-x taxonomy validate`: lists errors and warnings of taxonomy files, with file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.flags import table_or_json_option
from bioclip_x.cli.option_types import PathName, WholeNumbers
from bioclip_x.cli.render.terminal import echo, make_safe_text, open_printer
from bioclip_x.cli.taxonomy.source import add_reading_options, read_file
from bioclip_x.hooks.registry import Registry
from bioclip_x.messages import pluralise
from bioclip_x.records.problem import Problem

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bioclip_x.cli.render.documents import ValidationDocument
    from bioclip_x.taxonomy import Taxonomy


@dataclass(frozen=True, eq=False)
class Verdict:
    """The outcome of one file. problems: errors first. taxonomy: None if it could not be read."""

    file: Path
    problems: Sequence[Problem]
    taxonomy: Taxonomy | None

    @property
    def errors(self) -> int:
        return sum(problem.is_error for problem in self.problems)

    @property
    def warnings(self) -> int:
        return sum(problem.times for problem in self.problems if not problem.is_error)


@click.command(short_help="list errors and warnings of files, with lines")
@click.argument("files", type=PathName(), nargs=-1, required=True)
@add_reading_options
@table_or_json_option
@click.option(
    "--most",
    type=WholeNumbers(),
    default=10,
    show_default=True,
    help="Findings of each kind shown; 0 for all. JSON has all.",
)
@click.option("--strict", is_flag=True, help="Exit with status 1 if there are warnings.")
@click.pass_context
def validate(
    context: click.Context, /, files: tuple[Path, ...], format_: str, most: int, strict: bool, **reading: Any
) -> None:
    """Check taxonomy files for errors, which make a file unusable, and warnings.

    \b
    bioclip-x taxonomy validate my-species.csv
    bioclip-x taxonomy validate *.csv --strict --format json

    Errors: cycles, dangling parents, several parents, malformed rows. Warnings: homonyms, duplicates, lineages without a
    rank, ranks out of order, several roots, wrong encodings, authors left in names, species in another genus.
    Exit status: 0 no errors, 1 warnings with --strict, 2 errors.
    """  # fmt: skip
    verdicts = [_validate_file(context.obj, file, reading) for file in files]
    if format_ == "json":
        echo(json.dumps([_make_document(verdict) for verdict in verdicts], indent=2, ensure_ascii=False))
    else:
        with open_printer() as put:
            for verdict in verdicts:
                for block in _iterate_blocks(verdict, most):
                    put(block)
    if any(verdict.errors for verdict in verdicts):
        context.exit(2)
    context.exit(int(strict and any(verdict.warnings for verdict in verdicts)))


def _validate_file(registry: Registry, file: Path, reading: dict[str, Any]) -> Verdict:
    from bioclip_x.errors import TaxonomyError
    from bioclip_x.taxonomy.editing.validate import check

    try:
        taxonomy = read_file(registry, file, **reading, afresh=True)
    except TaxonomyError as error:
        problems = error.problems
        if not any(problem.is_error for problem in problems):  # such as a file of which every row is left out
            problems = (_make_problem(file, str(error)), *problems)
        return Verdict(file, sorted(problems, key=lambda problem: not problem.is_error), None)
    return Verdict(file, [*taxonomy.problems, *check(taxonomy)], taxonomy)


def _make_problem(file: Path, message: str) -> Problem:
    """Makes a problem from a reader's error message, which begins with file and line."""
    place = re.match(re.escape(str(file)) + r"(?:, (\w+) (\d+))?: ", message)
    if place is None:
        return Problem("unreadable", message, str(file), is_error=True)
    unit, line = place[1] or "line", int(place[2] or 0)
    return Problem("unreadable", message[place.end() :], str(file), line, is_error=True, unit=unit)


def _make_document(verdict: Verdict) -> ValidationDocument:
    taxonomy = verdict.taxonomy
    return {
        "file": str(verdict.file),
        "errors": verdict.errors,
        "warnings": verdict.warnings,
        "classes": taxonomy.n_classes if taxonomy else None,
        "fingerprint": taxonomy.fingerprint if taxonomy else None,
        "columns": dict(taxonomy.columns) if taxonomy else {},
        "problems": [
            {
                "severity": "error" if one.is_error else "warning",
                "kind": one.kind,
                "file": one.file or str(verdict.file),
                "line": one.line or None,
                "unit": one.unit,
                "message": one.message,
                "times": one.times,
            }
            for one in verdict.problems
        ],
    }


def _iterate_blocks(verdict: Verdict, most: int) -> Iterator[RenderableType]:
    from rich.text import Text

    summary = _summarise(verdict)
    style = "bold red" if verdict.errors else "bold yellow" if verdict.warnings else "bold green"
    yield Text.assemble(make_safe_text(str(verdict.file), "bold"), ": ", (summary, style))
    if verdict.taxonomy and verdict.taxonomy.columns:
        yield Text("  columns")
        yield _make_grid((column, meaning) for column, meaning in verdict.taxonomy.columns)
    # Errors before warnings, kinds in the order in which they were found.
    kinds = list(dict.fromkeys((not one.is_error, one.kind) for one in verdict.problems))
    ordered = sorted(verdict.problems, key=lambda one: (not one.is_error, kinds.index((not one.is_error, one.kind))))
    for (is_warning, kind), group in groupby(ordered, lambda one: (not one.is_error, one.kind)):
        yield from _iterate_kind_blocks(verdict, kind, is_warning, list(group), most)


def _summarise(verdict: Verdict) -> str:
    from bioclip_x.taxonomy.ancestors import is_taxon

    parts = (
        [pluralise(verdict.errors, "error"), pluralise(verdict.warnings, "warning")] if verdict.problems else ["fine"]
    )
    if taxonomy := verdict.taxonomy:
        parts += [pluralise(taxonomy.n_classes, "class", "classes")]
        parts += [pluralise(int(is_taxon(taxonomy).sum()), "taxon", "taxa")]
    return ", ".join(parts)


def _iterate_kind_blocks(
    verdict: Verdict, kind: str, is_warning: bool, found: Sequence[Problem], most: int
) -> Iterator[RenderableType]:
    from rich.text import Text

    severity, style = ("warning", "yellow") if is_warning else ("error", "red")
    count = sum(one.times for one in found)
    yield Text.assemble(
        "  ", (severity, style), "  ", make_safe_text(kind, "bold"), f"  {count:,}" if count > 1 else ""
    )
    yield _make_grid((_format_place(verdict, one), one.message) for one in islice(found, most or None))
    if most and len(found) > most:
        yield Text(f"    … and {len(found) - most:,} more (--most 0 shows all)", "dim")


def _format_place(verdict: Verdict, one: Problem) -> str:
    other_file = f"{one.file} " if one.file not in ("", str(verdict.file)) else ""
    return f"{other_file}{f'{one.unit} {one.line}' if one.line else ''}".strip()


def _make_grid(rows: Iterable[tuple[str, str]]) -> RenderableType:
    """Makes an indented grid of two columns."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(width=2)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for first, second in rows:
        table.add_row("", make_safe_text(first, "dim"), make_safe_text(second))
    return table

"""`bioclip-x sort`: puts image files into folders by name, and names into their sidecar files."""

from __future__ import annotations

import math
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import click

from bioclip_x.plugin import (
    LINNAEAN,
    BioclipXError,
    PathName,
    RealNumbers,
    RecipeError,
    escape_controls,
    list_some,
    normalise_rank,
)
from bioclip_x_plugins.sorting.folders import UNNAMED
from bioclip_x_plugins.sorting.plan import Image, Level, Move, collect_images, plan_moves
from bioclip_x_plugins.sorting.record import read_record, write_record
from bioclip_x_plugins.sorting.results_files import read_results
from bioclip_x_plugins.sorting.sidecars import Naming, find_sidecar, make_keywords, write_sidecar
from bioclip_x_plugins.sorting.transfer import DONE, FULL, PLANNED, Mode, foresee, is_file, sweep_leftovers, transfer

MANIFEST: Final = "sorted.csv"
SHOWN: Final = 5
"""Failures that are named."""


@click.command(name="sort")
@click.argument("results", type=PathName())
@click.option("--into", type=PathName(file_okay=False), metavar="FOLDER", help="Where the folders are made.")
@click.option(
    "--by",
    default="species",
    show_default=True,
    metavar="RANKS",
    help="Folders within folders: ranks, comma separated, as in family,species; or name, the reported one of any rank.",
)
@click.option("--copy", "mode", flag_value="copy", default="copy", help="Copy the files (the default).")
@click.option("--link", "mode", flag_value="link", help="Hard links, which take no space on the same disk.")
@click.option("--symlink", "mode", flag_value="symlink", help="Symbolic links.")
@click.option(
    "--min-probability",
    type=RealNumbers(0, 1),
    default=0.0,
    metavar="P",
    help="Less probable names count as none: _unnamed/below-P.",
)
@click.option(
    "--level",
    type=click.Choice(["image", "event"]),
    default="image",
    show_default=True,
    help="event: the name of an event holds for all its images.",
)
@click.option(
    "--root",
    type=PathName(file_okay=False),
    default=Path(),
    metavar="FOLDER",
    help="What relative paths in RESULTS are relative to.  [default: the working folder]",
)
@click.option(
    "--write-xmp", is_flag=True, help="Also, or only, write names as keywords into sidecar files of the originals."
)
@click.option(
    "--sidecar",
    type=click.Choice(["full", "stem"]),
    default="full",
    show_default=True,
    help="Their names: full, IMG_1.JPG.xmp (darktable, digiKam), or stem, IMG_1.xmp (Lightroom).",
)
@click.option("--apply/--dry-run", default=False, help="Do it; a dry run, which only tells, is the default.")
@click.option(
    "--output",
    type=PathName(dir_okay=False),
    metavar="FILE",
    help="What goes where, as CSV; see --into.",
)
def command(
    results: Path,
    into: Path | None,
    by: str,
    mode: Mode,
    min_probability: float,
    level: Level,
    root: Path,
    write_xmp: bool,
    sidecar: Naming,
    apply: bool,
    output: Path | None,
) -> None:
    """Sort image files into folders by the names in RESULTS (CSV, TSV, JSON, JSON Lines or Parquet).

    Files are copied or linked, never moved; what exists is never replaced. Nothing is done without --apply. A file with several
    boxes goes to the folder of each of its taxa; what has no name to _unnamed, by the reason. A second run does what is
    left. FOLDER/sorted.csv tells what went where.

    \b
    bioclip-x sort names.csv --into sorted --by family,species            # tells what it would do
    bioclip-x sort names.csv --into sorted --by family,species --apply
    bioclip-x sort names.csv --write-xmp --apply                          # keywords for photo managers
    """
    if into is None and not write_xmp:
        raise RecipeError("nothing to do: give --into FOLDER, --write-xmp, or both")
    if math.isnan(min_probability):  # which is in every range, for click
        raise RecipeError("--min-probability: expected a number from 0 to 1, got nan")
    ranks = parse_ranks(by)
    images = collect_images(read_results(results), level)
    if output is None and into is not None and apply:
        output = into / MANIFEST
    rows: list[dict[str, object]] = []
    with recorded(output, rows, into if apply else None):
        if into is not None:
            moves = plan_moves(images, ranks, min_probability, root)
            rows.extend(sort_files(moves, into, mode, apply=apply))
        if write_xmp:
            rows.extend(write_sidecars(images, root, sidecar, min_probability, apply=apply))
    print_summary(rows, into, apply=apply)
    failed = [row for row in rows if row["status"] not in (DONE, PLANNED)]
    if failed:
        named = list_some([f"{row['source']} ({row['status']})" for row in failed], SHOWN)
        click.echo(escape_controls(f"{len(failed)} not done: {named}"), err=True)
        sys.exit(1)


def parse_ranks(by: str) -> list[str]:
    """Raises RecipeError for no ranks at all, and for one that is given twice."""
    ranks = [rank if rank == "name" else normalise_rank(rank) for rank in by.split(",")]
    if not all(ranks) or len(set(ranks)) < len(ranks):
        raise RecipeError(f"--by {by}: expected different ranks such as {','.join(LINNAEAN[-3:])}, or name")
    return ranks


@contextmanager
def recorded(output: Path | None, rows: Sequence[dict[str, object]], into: Path | None) -> Iterator[None]:
    """Writes the rows that the block collects to the record, also of one that ends early. into: a folder to be made."""
    if output is not None:
        read_record(output)  # that of somebody else is refused before anything is done

    def write() -> None:
        if into is not None:
            into.mkdir(parents=True, exist_ok=True)
        if output is not None:
            write_record(output, rows)

    try:
        yield
    except BaseException:
        if rows:
            with suppress(BioclipXError, OSError):  # a full disk; the first failure is the one to tell
                write()
        raise
    write()


def sort_files(moves: Sequence[Move], into: Path, mode: Mode, *, apply: bool) -> Iterator[dict[str, object]]:
    """Does, or only plans, the moves. Yields the rows of the record."""
    if apply:
        sweep_leftovers(moves, into)
    for move in moves:
        place, status = transfer(move, into, mode) if apply else foresee(move, into, mode)
        row: dict[str, object] = {"source": move.source, "target": str(place), "name": move.name, "rank": move.rank}
        probability = None if math.isnan(move.probability) else move.probability
        yield {**row, "probability": probability, "status": status, "folder": "/".join(move.folder)}


def write_sidecars(
    images: Iterable[Image], root: Path, naming: Naming, min_probability: float, *, apply: bool
) -> Iterator[dict[str, object]]:
    """Writes, or only plans, the sidecars of all images with a name. Originals of one stem share a sidecar of that stem."""
    for image in images:
        keywords = make_keywords(image, min_probability)
        file = root / image.source
        if not keywords:
            continue
        sidecar = find_sidecar(file, naming)
        status = "the original is not a file here"
        if is_file(file):
            try:
                status = write_sidecar(sidecar, keywords, apply=apply)
            except OSError as problem:
                if problem.errno in FULL:
                    raise BioclipXError(
                        f"{sidecar} cannot be written: {problem.strerror}; the same command goes on"
                    ) from None
                status = problem.strerror or str(problem)
        status = PLANNED if status in ("new", "add") else status
        names = "; ".join(word for words in keywords.values() for word in words)
        yield {"source": image.source, "target": str(sidecar), "name": names, "status": status, "folder": "sidecars"}


def print_summary(rows: Sequence[dict[str, object]], into: Path | None, *, apply: bool) -> None:
    """A table of folders: files in each, by what became of them."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    counts: dict[str, Counter[str]] = {}
    for row in rows:
        status = str(row["status"])
        counts.setdefault(str(row["folder"]), Counter())[status if status in (DONE, PLANNED) else "failed"] += 1
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"folder in {escape_controls(str(into))}" if into else "")
    for heading in ("there" if not apply else "done", "to do", "failed"):
        table.add_column(heading, justify="right")
    for folder, counted in sorted(counts.items(), key=lambda item: (item[0].startswith(UNNAMED), item[0])):
        cells = [str(counted[status] or "") for status in (DONE, PLANNED, "failed")]
        table.add_row(Text(escape_controls(folder)), *cells)
    width = max(40, shutil.get_terminal_size((100, 24)).columns)
    Console(file=sys.stdout, width=width, highlight=False, emoji=False, markup=False).print(table)
    if not apply:
        click.echo("nothing was changed; --apply does it", err=True)

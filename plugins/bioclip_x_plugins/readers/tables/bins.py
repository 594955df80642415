"""Labels in bins, as pybioclip's `--bins` reads them: a table of two columns, labels and the bins they are in.

    label,bin
    red fox,canid
    gray wolf,canid
    brown bear,bear

The tree has the labels below their bins, so that a bin's share is the sum of its labels' shares (`--rank bin`). The first
line is the header, whatever it says; further columns are not used. Commas, semicolons or tabs; UTF-8 or UTF-16.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bioclip_x.plugin import (
    Taxonomy,
    TaxonomyBuilder,
    TaxonomyError,
    guess_delimiter,
    read_delimited_rows,
    read_text,
    take_first_line,
)

RANK: Final = "bin"

Row = tuple[int, str, str]
"""Line, label, bin."""


class BinsReader:
    """Any table could be this, so that it is read only where it is named: `--bins FILE`, or `--taxonomy-format bins`."""

    def sniff(self, path: Path, head: bytes) -> bool:
        return False

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: an empty file, no header, a blank cell, a label in two bins."""
        header, rows = _table(path)
        _refuse_data_as_header(path, header, rows)
        builder, found, twice = TaxonomyBuilder(), dict[str, Row](), 0
        for line, label, bin_ in rows:
            first = found.setdefault(label, (line, label, bin_))
            if first[2] != bin_:
                raise TaxonomyError(
                    f"{path}, line {line}: {label!r} is in bin {bin_!r}, and in line {first[0]} it is in {first[2]!r}; "
                    "a label has one bin"
                )
            twice += first[0] != line
            builder.mark_class(builder.add(builder.add(0, RANK, bin_), "", label))
        notes = [f"{twice} labels are listed twice and taken once"] if twice else []
        if unused := header[2:]:
            notes.append(f"{path.name}: columns not used: {', '.join(unused)}")
        return builder.build(str(path), notes)


def _table(path: Path) -> tuple[list[str], list[Row]]:
    text = read_text(path, TaxonomyError)
    delimiter = guess_delimiter(take_first_line(text))
    rows = read_delimited_rows(io.StringIO(text, newline=""), str(path), TaxonomyError, delimiter=delimiter)
    spaced = ((line, [" ".join(cell.split()) for cell in row]) for line, row in rows)
    lines = [(line, cells) for line, cells in spaced if any(cells)]
    if not lines:
        raise TaxonomyError(f"{path} is empty; expected a header and lines of a label and its bin")
    header = lines[0][1]
    if len(header) < 2:
        raise TaxonomyError(f"{path}, line {lines[0][0]}: expected two columns, label and bin; got only {header[0]!r}")
    if len(lines) == 1:
        raise TaxonomyError(f"{path}: nothing after the header; expected lines of a label and its bin")
    return header, list(_rows(path, len(header), lines[1:]))


def _rows(path: Path, width: int, lines: Sequence[tuple[int, list[str]]]) -> Iterator[Row]:
    for line, cells in lines:
        if len(cells) > width and any(cells[width:]):
            raise TaxonomyError(f"{path}, line {line}: {len(cells)} cells under {width} columns; is a name unquoted?")
        label, bin_ = [*cells, ""][:2]
        if not label:
            raise TaxonomyError(f"{path}, line {line}: the bin {bin_!r} has no label before it")
        if not bin_:
            raise TaxonomyError(f"{path}, line {line}: the label {label!r} has no bin")
        yield line, label, bin_


def _refuse_data_as_header(path: Path, header: Sequence[str], rows: Sequence[Row]) -> None:
    """A file without a header would lose its first label without a word; mostly, its bin comes again further down."""
    if header[1] in {bin_ for _, _, bin_ in rows}:
        raise TaxonomyError(
            f"{path}, line 1: {header[0]!r}, {header[1]!r} looks like a label and its bin, for line "
            f"{next(line for line, _, bin_ in rows if bin_ == header[1])} has that bin too; put a header, label,bin, "
            "before it"
        )

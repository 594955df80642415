"""Labels grouped in bins, in the format of pybioclip's `--bins`: a table with two columns, label and bin.

    label,bin
    red fox,canid
    gray wolf,canid
    brown bear,bear

Labels are placed below their bins, so that a bin's probability is the sum over its labels (`--rank bin`). The first line is the
header, with any column names; further columns are ignored. Separated by commas, semicolons or tabs, in UTF-8 or UTF-16.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bioclip_x.plugin import (
    Findings,
    FormatExample,
    Mismatch,
    Taxonomy,
    TaxonomyBuilder,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    decode_head,
    guess_delimiter,
    read_delimited_rows,
    read_text,
    take_first_line,
)

RANK: Final = "bin"

Row = tuple[int, str, str]
"""Line, label, bin."""


class BinsReader:
    """Reads bins. Never sniffed, since any table would match: used only with `--bins FILE` or `--taxonomy-format bins`."""

    capabilities = TaxonomyReaderCapabilities(
        explains_mismatch=True,
        example=FormatExample(
            "bins.csv",
            {
                "bins.csv": "label,bin\nred fox,canid\ngray wolf,canid\nbrown bear,bear\n",
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        return False

    def explain_mismatch(self, path: Path, head: bytes) -> Mismatch | None:
        header = take_first_line(decode_head(head))
        columns = [cell.strip().lower() for cell in header.split(guess_delimiter(header))]
        return Mismatch(0.8, "a table of bins is read as --bins FILE only") if columns[1:2] == [RANK] else None

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: an empty file, no header, a blank cell, a label in two bins."""
        findings = Findings(str(path))
        header, rows = _read_table(path, findings)
        _refuse_data_as_header(path, header, rows)
        builder, row_of_label, n_repeated = TaxonomyBuilder(), dict[str, Row](), 0
        for line, label, bin_ in rows:
            first = row_of_label.setdefault(label, (line, label, bin_))
            if first[2] != bin_:
                raise TaxonomyError(
                    f"{path}, line {line}: {label!r} is in bin {bin_!r}, but in line {first[0]} in {first[2]!r}; "
                    "give each label one bin"
                )
            n_repeated += first[0] != line
            builder.mark_class(builder.add(builder.add(0, RANK, bin_), "", label))
        notes = [f"{n_repeated} labels are listed twice; duplicates are ignored"] if n_repeated else []
        if unused := header[2:]:
            notes.append(f"{path.name}: columns not used: {', '.join(unused)}")
        return builder.build(str(path), notes, findings=findings)


def _read_table(path: Path, findings: Findings) -> tuple[list[str], list[Row]]:
    text = read_text(path, TaxonomyError, findings.warn_encoding)
    delimiter = guess_delimiter(take_first_line(text))
    rows = read_delimited_rows(io.StringIO(text, newline=""), str(path), TaxonomyError, delimiter=delimiter)
    spaced = ((line, [" ".join(cell.split()) for cell in row]) for line, row in rows)
    lines = [(line, cells) for line, cells in spaced if any(cells)]
    if not lines:
        raise TaxonomyError(f"{path} is empty; expected a header, then a label and its bin on each line")
    header = lines[0][1]
    if len(header) < 2:
        raise TaxonomyError(f"{path}, line {lines[0][0]}: expected two columns, label and bin; got only {header[0]!r}")
    if len(lines) == 1:
        raise TaxonomyError(f"{path}: no rows after the header; expected a label and its bin on each line")
    return header, list(_check_rows(path, len(header), lines[1:]))


def _check_rows(path: Path, width: int, lines: Sequence[tuple[int, list[str]]]) -> Iterator[Row]:
    for line, cells in lines:
        if len(cells) > width and any(cells[width:]):
            raise TaxonomyError(f"{path}, line {line}: {len(cells)} cells under {width} columns; is a name unquoted?")
        label, bin_ = [*cells, ""][:2]
        if not label:
            raise TaxonomyError(f"{path}, line {line}: the bin {bin_!r} has no label; fill the first column")
        if not bin_:
            raise TaxonomyError(f"{path}, line {line}: the label {label!r} has no bin; fill the second column")
        yield line, label, bin_


def _refuse_data_as_header(path: Path, header: Sequence[str], rows: Sequence[Row]) -> None:
    """Raises TaxonomyError if the header's second cell recurs as a bin: without a header the first label would be lost."""
    if header[1] in {bin_ for _, _, bin_ in rows}:
        raise TaxonomyError(
            f"{path}, line 1: {header[0]!r}, {header[1]!r} looks like a label and its bin, since line "
            f"{next(line for line, _, bin_ in rows if bin_ == header[1])} has the same bin; add a header line (label,bin)"
        )

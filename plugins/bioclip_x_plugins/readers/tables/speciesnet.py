"""SpeciesNet's labels as it ships them, without a header: an identifier, five ranks and a common name per line.

    e4d1e892-0e4b-475a-a8ac-b5c3502e0d55;mammalia;cetartiodactyla;bovidae;bos;taurus;domestic cattle
    f1856211-cfb7-4a5b-9158-c0f72fd09ee6;;;;;;blank

Labels that are no taxa (blank, vehicle) are left out, with a note.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from bioclip_x.plugin import (
    Column,
    Findings,
    FormatExample,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
)
from bioclip_x_plugins.readers.lines import read_text_lines, split_head_lines
from bioclip_x_plugins.readers.tables.build import Rows, from_rows

_COLUMNS: Final = ("uuid", "class", "order", "family", "genus", "species", "common_name")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NO_RESULT: Final = "no cv result"
_SNIFFED_LINES: Final = 5


class SpeciesNetReader:
    """Reads SpeciesNet's labels."""

    capabilities = TaxonomyReaderCapabilities(
        example=FormatExample(
            "labels.txt",
            {"labels.txt": "e4d1e892-0e4b-475a-a8ac-b5c3502e0d55;mammalia;cetartiodactyla;bovidae;bos;taurus;cattle\n"},
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        lines = split_head_lines(head, _SNIFFED_LINES)
        return bool(lines) and all(_split(line) for line in lines)

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line for a line of another form."""
        findings = Findings(str(path))
        rows: list[list[str]] = []
        lines: list[int] = []
        for line, text in read_text_lines(path, findings):
            if cells := _split(text):
                rows.append(cells)
                lines.append(line)
            else:
                expected = "expected an identifier, five ranks and a common name, separated by ;"
                findings.error("label", f"{expected}, got {text.strip()[:60]!r}", line)
        findings.raise_errors()
        if not rows:
            raise TaxonomyError(f"{path} is empty; expected labels of SpeciesNet")
        columns = {name: Column.of(cells) for name, cells in zip(_COLUMNS, zip(*rows))}
        return from_rows(Rows(columns, np.array(lines, np.int32)), findings, source=str(path))


def _split(line: str) -> list[str]:
    """Splits a line into its seven cells; [] for a line of another form."""
    cells = [cell.strip() for cell in line.split(";")]
    if len(cells) != len(_COLUMNS) or not _UUID.fullmatch(cells[0]):
        return []
    return [cells[0], *("" if cell == _NO_RESULT else cell for cell in cells[1:6]), cells[6]]

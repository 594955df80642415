"""CSV and TSV: one descriptor per row (`class,descriptor[,kind][,weight][,part]`), or one class per row
(`class,descriptor1,descriptor2,…`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioclip_x.errors import DescriptorError
from bioclip_x.io.delimited import guess_delimiter, read_delimited_rows
from bioclip_x.io.files import read_text
from bioclip_x.prompts.formats.collector import WEIGHT, DescriptorCollector, quote_value, read_weight
from bioclip_x.records.texts.descriptor import DescriptorSet

SUFFIXES: Final = (".csv", ".tsv")
_CLASS: Final = ("class", "name", "label", "species", "taxon", "scientific_name", "common_name")
_PHRASE: Final = re.compile(r"(?:descriptor|description|phrase|trait|concept)s?[ _]?(\d*)$")
_OTHERS: Final = ("kind", "weight", "part")


@dataclass(frozen=True)
class _Columns:
    """Indices of the columns."""

    class_: int
    phrases: tuple[int, ...]
    others: dict[str, int]


def sniff(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def read(path: Path) -> DescriptorSet:
    """Reads a table. Raises DescriptorError for an invalid header, or with all lines that do not match the header."""
    text = read_text(path, DescriptorError)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = guess_delimiter(first, "\t;,") if path.suffix.lower() != ".tsv" else "\t"
    all_rows = read_delimited_rows(io.StringIO(text, newline=""), str(path), DescriptorError, delimiter=delimiter)
    rows = ((line, row) for line, row in all_rows if any(cell.strip() for cell in row))
    header_line, header = next(rows, (1, []))
    columns = _find_columns(path, header_line, header)
    collector = DescriptorCollector(path)
    line_of: dict[str, int] = {}
    for line, row in rows:
        _add_row(collector, columns, len(header), line, row, line_of)
    return collector.finish()


def _find_columns(path: Path, line: int, header: Sequence[str]) -> _Columns:
    names = [cell.strip().lower() for cell in header]
    class_ = next((i for name in _CLASS for i, given in enumerate(names) if given == name), None)
    phrases = tuple(i for i, name in enumerate(names) if _PHRASE.match(name) and i != class_)
    others = {name: i for i, name in enumerate(names) if name in _OTHERS}
    unknown = [name for i, name in enumerate(names) if i != class_ and i not in phrases and name not in _OTHERS]
    expected = "expected a header: class,descriptor[,kind][,weight][,part] or class,descriptor1,descriptor2,…"
    if class_ is None or not phrases or unknown or len(set(names)) < len(names):
        raise DescriptorError(f"{path}, line {line}: {expected}; got {quote_value(','.join(header))}")
    return _Columns(class_, phrases, others)


def _add_row(
    collector: DescriptorCollector,
    columns: _Columns,
    width: int,
    line: int,
    row: Sequence[str],
    line_of: dict[str, int],
) -> None:
    if len(row) > width or len(row) <= columns.class_:
        hint = "; a comma in a phrase needs quotes around the phrase" if len(row) > width else ""
        collector.add_error(f"{len(row)} cells, but the header has {width}{hint}", line)
        return
    cells = [*row, *[""] * (width - len(row))]
    name = cells[columns.class_].strip()
    if not collector.add_class(name, line):
        return
    if len(columns.phrases) > 1 and line_of.setdefault(name, line) != line:
        collector.add_error(f"{name!r} is given twice, first in line {line_of[name]}", line)
        return
    details = {column: cells[i].strip() for column, i in columns.others.items()}
    kind = details.get("kind") or "descriptor"
    weight = read_weight(details.get("weight") or 1)
    if weight is None:
        collector.add_error(f"{name!r}: expected {WEIGHT}, got {quote_value(details['weight'])}", line)
    elif collector.check_kind(name, kind, line):
        for i in columns.phrases:
            # An empty cell: the class has no (more) descriptors.
            if cells[i].strip():
                collector.add(name, _parse_cell(cells[i]), kind, details.get("part", ""), weight, line)


def _parse_cell(cell: str) -> str | float:
    """Parses a bare number as a number, as in YAML, so that it is rejected."""
    try:
        return float(cell)
    except ValueError:
        return cell

"""CSV and TSV: one descriptor a row (`class,descriptor[,kind][,weight][,part]`), or one class a row
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
from bioclip_x.prompts.formats.collector import Gathering, quote_value
from bioclip_x.records.descriptor import DescriptorSet

SUFFIXES: Final = (".csv", ".tsv")
_CLASS: Final = ("class", "name", "label", "species", "taxon", "scientific_name", "common_name")
_PHRASE: Final = re.compile(r"(?:descriptor|description|phrase|trait|concept)s?[ _]?(\d*)$")
_OTHERS: Final = ("kind", "weight", "part")


@dataclass(frozen=True)
class _Columns:
    """Where what stands in a row."""

    class_: int
    phrases: tuple[int, ...]
    others: dict[str, int]


def sniff(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def read(path: Path) -> DescriptorSet:
    """Raises DescriptorError for a header that is none, and for every line that is not as the header says."""
    text = read_text(path, DescriptorError)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = guess_delimiter(first, "\t;,") if path.suffix.lower() != ".tsv" else "\t"
    found = read_delimited_rows(io.StringIO(text, newline=""), str(path), DescriptorError, delimiter=delimiter)
    rows = ((line, row) for line, row in found if any(cell.strip() for cell in row))
    header_line, header = next(rows, (1, []))
    columns = _columns(path, header_line, header)
    gathering = Gathering(path)
    line_of: dict[str, int] = {}
    for line, row in rows:
        _add(gathering, columns, len(header), line, row, line_of)
    return gathering.done()


def _columns(path: Path, line: int, header: Sequence[str]) -> _Columns:
    names = [cell.strip().lower() for cell in header]
    class_ = next((i for name in _CLASS for i, given in enumerate(names) if given == name), None)
    phrases = tuple(i for i, name in enumerate(names) if _PHRASE.match(name) and i != class_)
    others = {name: i for i, name in enumerate(names) if name in _OTHERS}
    unknown = [name for i, name in enumerate(names) if i != class_ and i not in phrases and name not in _OTHERS]
    expected = "expected a header: class,descriptor[,kind][,weight][,part] or class,descriptor1,descriptor2,…"
    if class_ is None or not phrases or unknown or len(set(names)) < len(names):
        raise DescriptorError(f"{path}, line {line}: {expected}; got {quote_value(','.join(header))}")
    return _Columns(class_, phrases, others)


def _add(
    gathering: Gathering, columns: _Columns, width: int, line: int, row: Sequence[str], line_of: dict[str, int]
) -> None:
    if len(row) > width or len(row) <= columns.class_:
        hint = "; a comma in a phrase needs quotes around the phrase" if len(row) > width else ""
        gathering.wrong(f"{len(row)} cells, but the header has {width}{hint}", line)
        return
    cells = [*row, *[""] * (width - len(row))]
    name = cells[columns.class_].strip()
    if not gathering.name(name, line):
        return
    if len(columns.phrases) > 1 and line_of.setdefault(name, line) != line:
        gathering.wrong(f"{name!r} is given twice, in line {line_of[name]} first", line)
        return
    about = {what: cells[i].strip() for what, i in columns.others.items()}
    kind = about.get("kind") or "descriptor"
    weight = _weight(about.get("weight", ""))
    if weight is None:
        gathering.wrong(f"{name!r}: expected a weight above 0, got {quote_value(about['weight'])}", line)
    elif gathering.knows_kind(name, kind, line):
        for i in columns.phrases:
            # An empty cell says nothing: the class has no (more) descriptors.
            if cells[i].strip():
                gathering.add(name, _phrase(cells[i]), kind, about.get("part", ""), weight, line)


def _weight(text: str) -> float | None:
    try:
        weight = float(text or 1)
    except ValueError:
        return None
    return weight if 0 < weight < float("inf") else None


def _phrase(cell: str) -> str | float:
    """A bare number is one, as in YAML, and refused as such."""
    try:
        return float(cell)
    except ValueError:
        return cell

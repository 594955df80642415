"""BioCLIP's lists of names, which go with the embeddings that its authors publish (txt_emb_….json).

    [[["Animalia", "Chordata", "", "Cypriniformes", "Cyprinidae", "Carassius", "auratus"], "Goldfish"], …]

Seven ranks from kingdom to epithet, "" for one that the lineage lacks, and a common name or "". A species is its genus
and epithet; the few whose last rank is a whole binomial already (an older combination, as a rule) stay what they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from bioclip_x.plugin import (
    LINNAEAN,
    Column,
    Findings,
    Lineages,
    Numbering,
    RankColumn,
    Taxonomy,
    TaxonomyError,
    combine_columns,
    from_lineages,
    read_text,
)
from bioclip_x_plugins.readers.tables.lineages import complete_species_name

AT_ONCE: Final = 4096
"""Rows that are taken together: enough to look at columns and not at cells."""

_BEGINNING = re.compile(rb'\s*\[\s*\[\s*\[\s*"')
_BETWEEN = re.compile(r"[\s,]*")


class TreeOfLifeReader:
    """BioCLIP's own name lists (JSON). The tree keeps the class of each row, since embeddings go with them row by row."""

    def sniff(self, path: Path, head: bytes) -> bool:
        return path.suffix.lower() == ".json" and _BEGINNING.match(head) is not None

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and row. A lineage listed twice is one class with two rows, which is noted."""
        findings = Findings(str(path), unit="row")
        columns = [column.map(_single_spaced) for column in _columns(path, findings)]
        findings.raise_errors()
        *names, common = columns
        names[-1] = combine_columns(
            lambda epithet, genus: epithet and complete_species_name(epithet, genus), names[-1], names[-2]
        )
        table = Lineages(
            n_rows=len(common.code_R),
            ranks=[RankColumn(rank, column) for rank, column in zip(LINNAEAN, names)],
            details=[("common", "en", common)],
            line_R=np.arange(1, len(common.code_R) + 1, dtype=np.int32),
        )
        return from_lineages(table, findings, source=str(path), keep_rows=True)


def _columns(path: Path, findings: Findings) -> list[Column]:
    """The seven ranks and the common name. Entries that are none go to `findings`."""
    n_columns = len(LINNAEAN) + 1
    numberings = [Numbering() for _ in range(n_columns)]
    codes = [[np.empty(0, np.int64)] for _ in range(n_columns)]
    entries = enumerate(_entries(path), start=1)
    while part := list(islice(entries, AT_ONCE)):
        rows = [row for number, entry in part if (row := _row(number, entry, findings))]
        for numbering, parts, cells in zip(numberings, codes, zip(*rows)):
            parts.append(np.fromiter(map(numbering.__getitem__, cells), np.int64, len(cells)))
    return [Column(np.concatenate(parts), list(found)) for parts, found in zip(codes, numberings)]


def _single_spaced(text: str) -> str:
    return " ".join(text.split())


def _entries(path: Path) -> Iterator[Any]:
    """The entries one by one, so that never all of a large list stand in memory as Python objects."""
    text = read_text(path, TaxonomyError)
    decode = json.JSONDecoder().raw_decode
    place = _skip(text, 0)
    if not text.startswith("[", place):
        raise TaxonomyError(f"{path}: expected a list of [[kingdom, …, epithet], common name], got {text[:40]!r}")
    place = _skip(text, place + 1)
    while not text.startswith("]", place):
        try:
            entry, place = decode(text, place)
        except (ValueError, RecursionError) as problem:
            line = text.count("\n", 0, place) + 1
            cut = "; is the file cut short?" if place >= len(text) - 1 else ""
            raise TaxonomyError(f"{path}, line {line}: not valid JSON: {problem}{cut}") from None
        yield entry
        place = _skip(text, place)
    if _skip(text, place + 1) < len(text):
        raise TaxonomyError(f"{path}, line {text.count(chr(10), 0, place) + 1}: expected nothing after the list's end")


def _skip(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return found.end() if found else place


def _row(number: int, entry: Any, findings: Findings) -> Sequence[str]:
    """Seven names and the common name; nothing for what is no such entry."""
    match entry:
        case [[str(), str(), str(), str(), str(), str(), str()] as names, str(common)]:
            return (*names, common)
        case [[*names], str()] if len(names) != len(LINNAEAN):
            findings.error("malformed", f"expected 7 ranks, kingdom to epithet, got {len(names)}: {names}", number)
        case _:
            told = json.dumps(entry, ensure_ascii=False)[:120]
            findings.error(
                "malformed",
                f"expected [[kingdom, phylum, class, order, family, genus, epithet], common name], got {told}",
                number,
            )
    return ()

"""BioCLIP's lists of names, published with its text embeddings (txt_emb_….json).

    [[["Animalia", "Chordata", "", "Cypriniformes", "Cyprinidae", "Carassius", "auratus"], "Goldfish"], …]

Seven ranks from kingdom to epithet, "" for a missing one, then a common name or "". The species name is genus and epithet; the
few entries whose last rank is already a binomial (mostly an older combination) are kept.
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
    FormatExample,
    Lineages,
    Numbering,
    RankColumn,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    combine_columns,
    drop_placeholder,
    from_lineages,
    read_text,
)
from bioclip_x_plugins.readers.vocabulary.epithets import complete_species_name

BATCH_ROWS: Final = 4096
"""Rows per batch, so that most work is done per column and not per cell."""

_START = re.compile(rb'\s*\[\s*\[\s*\[\s*"')
_SEPARATOR = re.compile(r"[\s,]*")


class TreeOfLifeReader:
    """Reads BioCLIP's name lists (JSON). The tree keeps the class of each row, since the embeddings are stored by row."""

    capabilities = TaxonomyReaderCapabilities(
        example=FormatExample(
            "txt_emb_species.json",
            {
                "txt_emb_species.json": '[[["Animalia", "Chordata", "Aves", "Passeriformes", '
                '"Paridae", "Parus", "major"], "Great Tit"],\n'
                ' [["Plantae", "Tracheophyta", "Pinopsida", "Pinales", "Pinaceae", "Abies", "alba"], ""]]\n',
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        return path.suffix.lower() == ".json" and _START.match(head) is not None

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and row. A repeated lineage is one class with two rows, and noted."""
        findings = Findings(str(path), unit="row")
        columns = [column.map(_clean) for column in _read_columns(path, findings)]
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


def _read_columns(path: Path, findings: Findings) -> list[Column]:
    """Reads the columns of the seven ranks and the common name. Invalid entries are reported to `findings`."""
    n_columns = len(LINNAEAN) + 1
    numberings = [Numbering() for _ in range(n_columns)]
    codes = [[np.empty(0, np.int64)] for _ in range(n_columns)]
    entries = enumerate(_read_entries(path), start=1)
    while batch := list(islice(entries, BATCH_ROWS)):
        rows = [row for number, entry in batch if (row := _check_entry(number, entry, findings))]
        for numbering, parts, cells in zip(numberings, codes, zip(*rows)):
            parts.append(np.fromiter(map(numbering.__getitem__, cells), np.int64, len(cells)))
    return [Column(np.concatenate(parts), list(numbering)) for parts, numbering in zip(codes, numberings)]


def _clean(text: str) -> str:
    return drop_placeholder(" ".join(text.split()))


def _read_entries(path: Path) -> Iterator[Any]:
    """Yields the entries one by one, so that a large list is never in memory as Python objects."""
    text = read_text(path, TaxonomyError)
    decode = json.JSONDecoder().raw_decode
    position = _skip(text, 0)
    if not text.startswith("[", position):
        raise TaxonomyError(f"{path}: expected a list of [[kingdom, …, epithet], common name], got {text[:40]!r}")
    position = _skip(text, position + 1)
    while not text.startswith("]", position):
        try:
            entry, position = decode(text, position)
        except (ValueError, RecursionError) as problem:
            line = text.count("\n", 0, position) + 1
            hint = "; is the file truncated?" if position >= len(text) - 1 else ""
            raise TaxonomyError(f"{path}, line {line}: not valid JSON: {problem}{hint}") from None
        yield entry
        position = _skip(text, position)
    if _skip(text, position + 1) < len(text):
        raise TaxonomyError(
            f"{path}, line {text.count(chr(10), 0, position) + 1}: expected nothing after the end of the list"
        )


def _skip(text: str, position: int) -> int:
    match = _SEPARATOR.match(text, position)
    return match.end() if match else position


def _check_entry(number: int, entry: Any, findings: Findings) -> Sequence[str]:
    """Returns the seven names and the common name; () and an error for an invalid entry."""
    match entry:
        case [[str(), str(), str(), str(), str(), str(), str()] as names, str(common)]:
            return (*names, common)
        case [[*names], str()] if len(names) != len(LINNAEAN):
            findings.error("malformed", f"expected 7 ranks, kingdom to epithet, got {len(names)}: {names}", number)
        case _:
            shown = json.dumps(entry, ensure_ascii=False)[:120]
            findings.error(
                "malformed",
                f"expected [[kingdom, phylum, class, order, family, genus, epithet], common name], got {shown}",
                number,
            )
    return ()

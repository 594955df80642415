"""Tables with a column of scientific names, beside which rank columns give the taxa above: species lists, exports.

    scientific_name,common_name,family,order
    Parus major,great tit,Paridae,Passeriformes

A row without a name is the taxon of its lowest rank. Each taxon is taken once, however many rows (observations) name it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import BETWEEN, ORDER, Column, Findings, NameUsage, Taxonomy, TaxonomyError, from_usages
from bioclip_x_plugins.readers.checklists.repeated_rows import merge_repeated
from bioclip_x_plugins.readers.checklists.rows import ChecklistRow, Lineage, clean_name, make_usages
from bioclip_x_plugins.readers.tables.cells import has_common_names, split_common_name
from bioclip_x_plugins.readers.tables.lineages import make_rank_columns, split_synonyms
from bioclip_x_plugins.readers.vocabulary.columns import Meaning
from bioclip_x_plugins.readers.vocabulary.rank_words import infer_rank, parse_rank

Cells = Sequence[str]


@dataclass(frozen=True, eq=False)
class _Table:
    """The cells of R rows. ranks: (rank, names), highest first. common: (language, names). details: meaning → other cells."""

    ranks: Sequence[tuple[str, Cells]]
    common: Sequence[tuple[str, Cells]]
    details: Mapping[Meaning, Cells]
    has_bracketed_names: bool

    def get(self, role: str, row: int) -> str:
        cells = self.details.get((role, ""))
        return cells[row] if cells else ""


def build_from_names(
    columns: Mapping[str, Column],
    line_R: npt.NDArray[np.int32],
    meanings: Mapping[str, Meaning],
    beside: Sequence[str],
    findings: Findings,
    *,
    source: str,
) -> Taxonomy:
    """Builds a tree whose classes are the rows' taxa. Rows without a name are left out with a warning.

    Raises TaxonomyError if no row has a name.
    """
    names = next(columns[column] for column, (role, _) in meanings.items() if role == "name")
    details = {meaning: _decode(columns[column]) for column, meaning in meanings.items() if meaning[0] != "rank"}
    ranks = [(column.rank, _decode(column.names)) for column in make_rank_columns(columns, meanings)]
    common = [(key, _decode(columns[column])) for column, (role, key) in meanings.items() if role == "common"]
    table = _Table(ranks, common, details, has_common_names(names.texts))
    rows = (_make_row(table, row, line) for row, line in enumerate(line_R.tolist()))
    named = []
    for row in rows:
        if row.usage.name:
            named.append(row)
        else:
            findings.warn("no taxon", "a row without a name is left out", row.usage.line)
    if not named:
        raise TaxonomyError(f"{source} holds no taxon", tuple(findings.problems))
    merged, first_repeated, n_repeated = merge_repeated(named)
    if n_repeated:
        findings.warn("listed twice", "a taxon is listed again and taken once", first_repeated, times=n_repeated)
    for number, taxon in enumerate(merged):
        taxon.usage.id = f"row {number}"
    synonyms = [synonym for taxon in merged for synonym in _make_synonyms(taxon)]
    usages = make_usages([*merged, *synonyms], findings)
    labels = [NameUsage(f"beside {label}", label, is_beside=True) for label in beside]
    return from_usages([*usages, *labels], findings, source=source, dangling="top")


def _decode(column: Column) -> Cells:
    texts = [*column.texts, ""]
    return [texts[code] for code in column.code_R.tolist()]


def _make_row(table: _Table, row: int, line: int) -> ChecklistRow:
    text, common = table.get("name", row), ""
    if table.has_bracketed_names:
        text, common = split_common_name(text)
    rank = parse_rank(table.get("rank of name", row))
    is_lower = ORDER.get(rank or infer_rank(text), 0) > ORDER["species"]
    author = (table.get("infraspecific authorship", row) if is_lower else "") or table.get("authorship", row)
    name, authorship, subgenus = clean_name(text, author, rank)
    lineage = [(above, cells[row]) for above, cells in table.ranks if cells[row]]
    if not name and lineage:
        rank, name = lineage.pop()
    rank = rank or infer_rank(name) or next((above for above, taxon in lineage if taxon == name), "")
    usage = NameUsage("", name, rank, authorship=authorship, line=line, is_class=_is_class(table, row))
    usage.common_names = _read_common_names(table, row, common)
    usage.ids = {key: cells[row] for (role, key), cells in table.details.items() if role == "id" and cells[row]}
    usage.extra = {key: cells[row] for (role, key), cells in table.details.items() if role == "extra" and cells[row]}
    if subgenus:
        usage.extra = {**usage.extra, "subgenus": subgenus}
    return ChecklistRow(usage, _cut_lineage(lineage, rank, name), synonyms=tuple(_read_synonyms(table, row)))


def _cut_lineage(lineage: Sequence[tuple[str, str]], rank: str, name: str) -> Lineage:
    """Returns the taxa above a rank; of a name of unknown rank, all others."""
    if rank not in ORDER:
        return tuple(taxon for taxon in lineage if taxon[1] != name)
    return tuple(taxon for taxon in lineage if ORDER[taxon[0]] < ORDER[rank])


def _is_class(table: _Table, row: int) -> bool:
    return table.get("is_class", row).lower() not in ("false", "no", "0")


def _read_common_names(table: _Table, row: int, bracketed: str) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {"en": (bracketed,)} if bracketed else {}
    for language, cells in table.common:
        if cells[row]:
            names[language] = (*names.get(language, ()), *filter(None, map(str.strip, cells[row].split(BETWEEN))))
    return names


def _read_synonyms(table: _Table, row: int) -> Iterator[tuple[str, str]]:
    for part in filter(None, split_synonyms(table.get("synonyms", row)).split(BETWEEN)):
        name, _, author = part.partition("\t")
        yield name, author


def _make_synonyms(taxon: ChecklistRow) -> Iterator[ChecklistRow]:
    usage = taxon.usage
    for number, (name, author) in enumerate(taxon.synonyms):
        yield ChecklistRow(
            NameUsage(f"{usage.id} synonym {number}", name, usage.rank, accepted=[usage.id], authorship=author)
        )

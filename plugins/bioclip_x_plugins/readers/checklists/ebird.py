"""The eBird taxonomy as published by Cornell (eBird_taxonomy_v….csv, or the Clements checklist with the same columns).

    TAXON_ORDER,CATEGORY,SPECIES_CODE,PRIMARY_COM_NAME,SCI_NAME,ORDER,FAMILY,SPECIES_GROUP,REPORT_AS
    2,species,ostric2,Common Ostrich,Struthio camelus,Struthioniformes,Struthionidae (Ostriches),Ostriches,

Besides species, eBird lists other categories that observers may report. `keep` sets which become classes:
- "species" (the default): species only;
- "forms": also identifiable subspecies groups (`issf`), undescribed and domestic forms, each below its species;
- "all": also entries that are not taxa: hybrids, intergrades, slashes ("one of these two") and spuhs ("gull sp."), each below
  the lowest taxon that certainly contains it, with its category as rank.
The tree's notes count the entries left out by category.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import (
    Findings,
    FormatExample,
    NameUsage,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    from_usages,
    is_archive,
    open_archive,
)
from bioclip_x_plugins.readers.checklists.rows import ChecklistRow, Lineage, make_usages
from bioclip_x_plugins.readers.delimited import Dialect, make_cell_getter, read_first_rows, read_rows
from bioclip_x_plugins.readers.vocabulary.columns import Meaning, compact_name, find_meaning

_COLUMNS: Final = {
    "category": ("category",),
    "code": ("speciescode", "ebirdspeciescodev2024", "ebirdcode"),
    "order": ("order", "order1"),
    "extinct": ("extinct",),
}
"""Columns that are eBird's own. Names and families have any spelling of `columns.SPELLINGS`."""
_MEANINGS: Final[Mapping[str, Meaning]] = {
    "name": ("name", ""), "common": ("common", "en"), "family": ("rank", "family"),
}  # fmt: skip
_TEXTS: Final = {
    "name": "scientific name", "common": "common name (en)", "family": "rank family", "order": "rank order",
    "category": "category of eBird", "code": "identifier ebird", "extinct": "whether it is extinct",
}  # fmt: skip
_CATEGORIES: Final = frozenset({
    "species", "issf", "slash", "spuh", "hybrid", "form", "intergrade", "domestic", "subspecies", "family", "order",
    "group (monotypic)", "group (polytypic)",
})  # fmt: skip
_SPECIES: Final = frozenset({"species", ""})
_NOT_TAXA: Final = frozenset({"spuh", "slash", "hybrid", "intergrade"})
_CAPITALISED: Final = re.compile(r"[A-Z][a-z]+")
_TRINOMIAL: Final = re.compile(r"[A-Z][a-z]+(?: [a-z-]+){2}")
_FAMILY: Final = re.compile(r"^([A-Z][a-z]+)\s*\((.*)\)$")


class EbirdReader:
    """Reads the eBird and Clements checklists of birds.

    keep: "species" alone, with "forms" (subspecies and identifiable groups) below them, or "all" rows, such as hybrids.
    """

    capabilities = TaxonomyReaderCapabilities(
        example=FormatExample(
            "ebird.csv",
            {
                "ebird.csv": "TAXON_ORDER,CATEGORY,SPECIES_CODE,PRIMARY_COM_NAME,SCI_NAME,ORDER,FAMILY,SPECIES_GROUP,REPORT_AS\n"
                "2,species,ostric2,Common Ostrich,Struthio camelus,Struthioniformes,Struthionidae (Ostriches),Ostriches,\n",
            },
        ),
    )

    def __init__(self, *, keep: Literal["species", "forms", "all"] = "species") -> None:
        self.keep = keep

    def sniff(self, path: Path, head: bytes) -> bool:
        if path.is_dir() or is_archive(head):
            return False
        return is_ebird(*read_first_rows(head))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with the line."""
        findings = Findings(str(path))
        with open_archive(path) as archive:
            if len(archive.names) != 1:
                raise TaxonomyError(f"{path} is not a table; expected the eBird taxonomy as CSV")
            for table in read_rows(archive, archive.names[0], Dialect(), findings):
                rows = self.read_cells(table.columns, table.rows, findings)
        return from_usages(make_usages(rows, findings), findings, source=str(path))

    def read_cells(
        self, columns: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]], findings: Findings
    ) -> list[ChecklistRow]:
        """Converts (line, cells) of a table with the columns of `is_ebird`."""
        named = [_Row(cells, line) for line, cells in _name_cells(columns, rows, findings)]
        return list(self._convert_rows(named, findings))

    def _convert_rows(self, rows: list[_Row], findings: Findings) -> Iterator[ChecklistRow]:
        families: set[str] = set()
        species_of = {row.name: row.id for row in rows if row.category in _SPECIES}
        genera = {name.split(" ")[0] for name in species_of}
        left_out: Counter[str] = Counter()
        for row in rows:
            if not row.name:
                findings.warn("no name", "a row without a scientific name is left out", row.line)
            elif row.category in ("family", "order"):
                continue  # headings in Clements; every species row repeats its order and family
            elif not self._is_kept(row):
                left_out[row.category] += 1
            else:
                if row.family and row.family not in families:
                    families.add(row.family)
                    yield row.make_family()
                yield row.make_row(species_of, genera)
        for category, count in sorted(left_out.items()):
            findings.warn(
                f"category {category}",
                f"{count} entries of the category {category!r} are left out; keep them with --taxonomy-format ebird:keep=all",
            )

    def _is_kept(self, row: _Row) -> bool:
        is_form = row.category not in _SPECIES and row.category not in _NOT_TAXA
        return row.category in _SPECIES or self.keep == "all" or (is_form and self.keep == "forms")


def _find_columns(columns: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Maps the names of `_COLUMNS` and `_MEANINGS` to the indices of their columns."""
    compact, meanings = [compact_name(column) for column in columns], [find_meaning(column) for column in columns]
    own = {
        key: [i for name in names for i, column in enumerate(compact) if column == name]
        for key, names in _COLUMNS.items()
    }
    shared = {key: [i for i, one in enumerate(meanings) if one == meaning] for key, meaning in _MEANINGS.items()}
    return {key: tuple(indices) for key, indices in (own | shared).items() if indices}


def is_ebird(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table has eBird's columns, and its categories: other lists have a "category" of threat, say."""
    found = _find_columns(columns)
    if not {"name", "category", "family"} <= found.keys():
        return False
    index = found["category"][0]
    categories = {row[index].lower() for row in rows if len(row) > index and row[index]}
    return categories <= _CATEGORIES


def _name_cells(
    columns: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]], findings: Findings
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yields (line, cells by the names of `_COLUMNS` and `_MEANINGS`)."""
    found = _find_columns(columns)
    used = {index: key for key, indices in found.items() for index in indices}
    findings.columns = {column: _TEXTS.get(used.get(index, ""), "not used") for index, column in enumerate(columns)}
    for line, cells in rows:
        get_cell = make_cell_getter(cells, found)
        yield line, {key: get_cell(key) for key in (*_COLUMNS, *_MEANINGS)}


class _Row:
    """The cells of a row that are used."""

    def __init__(self, cells: Mapping[str, str], line: int) -> None:
        self.name, self.common, self.order = cells["name"], cells["common"], cells["order"]
        self.category, self.line, self.code = cells["category"].lower(), line, cells["code"]
        self.id = cells["code"] or f"line {line}"
        self.is_extinct = cells["extinct"].lower() not in ("", "0", "false")
        # "Corvidae (Crows, Jays, and Magpies)"
        match = _FAMILY.match(cells["family"])
        self.family, self.family_in_english = match.groups() if match else (cells["family"], "")

    @property
    def higher_taxa(self) -> Lineage:
        return tuple((rank, name) for rank, name in (("order", self.order), ("family", self.family)) if name)

    def make_family(self) -> ChecklistRow:
        names = {"en": (self.family_in_english,)} if self.family_in_english else {}
        return ChecklistRow(
            NameUsage(f"family {self.family}", self.family, "family", line=self.line, common_names=names),
            self.higher_taxa[:-1],
        )

    def make_row(self, species_of: dict[str, str], genera: set[str]) -> ChecklistRow:
        genus = self.name.split(" ")[0]
        higher_taxa = (*self.higher_taxa, ("genus", genus))
        extra = {"extinct": "true"} if self.is_extinct else {}
        rank, parent = "species", ""
        if self.category in _NOT_TAXA:
            rank = self.category
            higher_taxa = (
                higher_taxa
                if genus in genera and not genera & set(_CAPITALISED.findall(self.name)[1:])
                else self.higher_taxa
            )
        elif self.category not in _SPECIES:
            binomial = " ".join(self.name.split(" ")[:2])
            rank = "subspecies" if _TRINOMIAL.fullmatch(self.name) else self.category
            parent = species_of.get(binomial, "")
            higher_taxa = (*higher_taxa, ("species", binomial))
        if self.category not in _SPECIES:
            extra["category"] = self.category
        ids = {"ebird": self.code} if self.code else {}
        names = {"en": (self.common,)} if self.common else {}
        return ChecklistRow(
            NameUsage(self.id, self.name, rank, parent, line=self.line, common_names=names, ids=ids, extra=extra),
            higher_taxa,
        )

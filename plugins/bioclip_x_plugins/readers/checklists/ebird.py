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
from collections.abc import Callable, Iterator
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
from bioclip_x_plugins.readers.delimited import normalise_column, read_first_cells, read_named_rows

_COLUMNS: Final = {
    "name": ("sciname", "scientificname"),
    "common": ("primarycomname", "comname", "englishname"),
    "category": ("category",),
    "code": ("speciescode", "ebirdspeciescodev2024", "ebirdcode"),
    "order": ("order", "order1", "ordername"),
    "family": ("family", "familyname", "familysciname"),
    "extinct": ("extinct",),
}
_REQUIRED_COLUMNS: Final = ("name", "category", "family")
_SPECIES: Final = frozenset({"species", ""})
_NOT_TAXA: Final = frozenset({"spuh", "slash", "hybrid", "intergrade"})
_CAPITALISED: Final = re.compile(r"[A-Z][a-z]+")
_TRINOMIAL: Final = re.compile(r"[A-Z][a-z]+(?: [a-z-]+){2}")
_FAMILY: Final = re.compile(r"^([A-Z][a-z]+)\s*\((.*)\)$")


class EbirdReader:
    """Reads the eBird and Clements checklists of birds."""

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
        columns = {normalise_column(cell) for cell in read_first_cells(head)}
        return all(any(name in columns for name in _COLUMNS[key]) for key in _REQUIRED_COLUMNS)

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with the line."""
        findings = Findings(str(path))
        with open_archive(path) as archive:
            if len(archive.names) != 1:
                raise TaxonomyError(f"{path} is not a table; expected the eBird taxonomy as CSV")
            rows = [_Row(row, line) for line, row in read_named_rows(archive, archive.names[0], findings)]
        checklist = list(self._convert_rows(rows, findings))
        return from_usages(make_usages(checklist, findings), findings, source=str(path))

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


class _Row:
    """The cells of a row that are used."""

    def __init__(self, cell: Callable[[str], str], line: int) -> None:
        cells = {key: next((cell(name) for name in names if cell(name)), "") for key, names in _COLUMNS.items()}
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

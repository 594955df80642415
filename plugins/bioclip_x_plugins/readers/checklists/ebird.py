"""eBird's taxonomy, as Cornell publishes it (eBird_taxonomy_v….csv, or the Clements checklist with the same columns).

    TAXON_ORDER,CATEGORY,SPECIES_CODE,PRIMARY_COM_NAME,SCI_NAME,ORDER,FAMILY,SPECIES_GROUP,REPORT_AS
    2,species,ostric2,Common Ostrich,Struthio camelus,Struthioniformes,Struthionidae (Ostriches),Ostriches,

Beside species eBird lists what observers may report. `keep` says what of that becomes a class:
- "species" (the default): species only;
- "forms": also identifiable subspecies groups (`issf`), undescribed and domestic forms, each below its species;
- "all": also what is no taxon, hybrids, intergrades, slashes ("one of these two") and spuhs ("gull sp."), each in the lowest
  taxon that holds it for sure, with its category as rank.
What is left out is counted by category in the tree's notes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import Findings, NameUsage, Taxonomy, TaxonomyError, from_usages, open_archive
from bioclip_x_plugins.readers.checklists.rows import Lineage, Listed, to_usages
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
_TELLING: Final = ("name", "category", "family")
_SPECIES: Final = frozenset({"species", ""})
_NO_TAXA: Final = frozenset({"spuh", "slash", "hybrid", "intergrade"})
_CAPITALISED: Final = re.compile(r"[A-Z][a-z]+")
_TRINOMIAL: Final = re.compile(r"[A-Z][a-z]+(?: [a-z-]+){2}")
_FAMILY: Final = re.compile(r"^([A-Z][a-z]+)\s*\((.*)\)$")


class EbirdReader:
    """eBird's and Clements' checklists of birds."""

    def __init__(self, *, keep: Literal["species", "forms", "all"] = "species") -> None:
        self.keep = keep

    def sniff(self, path: Path, head: bytes) -> bool:
        if not path.is_file():
            return False
        columns = {normalise_column(cell) for cell in read_first_cells(head)}
        return all(any(one in columns for one in _COLUMNS[what]) for what in _TELLING)

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with the line."""
        findings = Findings(str(path))
        with open_archive(path) as archive:
            if len(archive.names) != 1:
                raise TaxonomyError(f"{path} is no table; expected eBird's taxonomy as CSV")
            rows = [_Row(row, line) for line, row in read_named_rows(archive, archive.names[0], findings)]
        listed = list(self._listed(rows, findings))
        return from_usages(to_usages(listed, findings), findings, source=str(path))

    def _listed(self, rows: list[_Row], findings: Findings) -> Iterator[Listed]:
        families: set[str] = set()
        species_of = {row.name: row.id for row in rows if row.category in _SPECIES}
        genera = {name.split(" ")[0] for name in species_of}
        left_out: Counter[str] = Counter()
        for row in rows:
            if not row.name:
                findings.warn("no name", "a row without a scientific name is left out", row.line)
            elif row.category in ("family", "order"):
                continue  # Clements' headings, which each of their birds names again
            elif not self._is_kept(row):
                left_out[row.category] += 1
            else:
                if row.family and row.family not in families:
                    families.add(row.family)
                    yield row.listed_family()
                yield row.listed(species_of, genera)
        for category, count in sorted(left_out.items()):
            findings.warn(
                f"category {category}",
                f"{count} entries of the category {category!r} are left out; --taxonomy-format ebird:keep=all keeps them",
            )

    def _is_kept(self, row: _Row) -> bool:
        is_form = row.category not in _SPECIES and row.category not in _NO_TAXA
        return row.category in _SPECIES or self.keep == "all" or (is_form and self.keep == "forms")


class _Row:
    """What is used of a row."""

    def __init__(self, cell: Callable[[str], str], line: int) -> None:
        found = {what: next((cell(one) for one in ones if cell(one)), "") for what, ones in _COLUMNS.items()}
        self.name, self.common, self.order = found["name"], found["common"], found["order"]
        self.category, self.line, self.code = found["category"].lower(), line, found["code"]
        self.id = found["code"] or f"line {line}"
        self.is_extinct = found["extinct"].lower() not in ("", "0", "false")
        # "Corvidae (Crows, Jays, and Magpies)"
        match = _FAMILY.match(found["family"])
        self.family, self.family_in_english = match.groups() if match else (found["family"], "")

    @property
    def above(self) -> Lineage:
        return tuple((rank, name) for rank, name in (("order", self.order), ("family", self.family)) if name)

    def listed_family(self) -> Listed:
        names = {"en": (self.family_in_english,)} if self.family_in_english else {}
        return Listed(
            NameUsage(f"family {self.family}", self.family, "family", line=self.line, common_names=names),
            self.above[:-1],
        )

    def listed(self, species_of: dict[str, str], genera: set[str]) -> Listed:
        genus = self.name.split(" ")[0]
        in_genus = (*self.above, ("genus", genus))
        extra = {"extinct": "true"} if self.is_extinct else {}
        rank, parent = "species", ""
        if self.category in _NO_TAXA:
            rank = self.category
            in_genus = (
                in_genus if genus in genera and not genera & set(_CAPITALISED.findall(self.name)[1:]) else self.above
            )
        elif self.category not in _SPECIES:
            binomial = " ".join(self.name.split(" ")[:2])
            rank = "subspecies" if _TRINOMIAL.fullmatch(self.name) else self.category
            parent = species_of.get(binomial, "")
            in_genus = (*in_genus, ("species", binomial))
        if self.category not in _SPECIES:
            extra["category"] = self.category
        ids = {"ebird": self.code} if self.code else {}
        names = {"en": (self.common,)} if self.common else {}
        return Listed(
            NameUsage(self.id, self.name, rank, parent, line=self.line, common_names=names, ids=ids, extra=extra),
            in_genus,
        )

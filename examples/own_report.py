"""A report of your own: a Darwin Core Archive of occurrences, as GBIF and many museums' databases read it.

    python examples/make_dated_images.py dated
    bioclip-x classify dated --plugin examples/own_report.py --plugin rollup --report occurrences.zip
    bioclip-x classify dated --plugin examples/own_report.py --output occurrences.zip --format museum:decimals=1

The built-in format darwin-core does the same with more terms; this is how one is written.

The archive has `occurrence.txt`, a row for each image that was named, `meta.xml`, which says which column is which term, and
`not-named.txt`: images without a row, and why. Dates and places are those of the images; `decimals` blurs places, since an
archive is made to be published. To register a data set at GBIF, add an `eml.xml` about it.

Terms: https://dwc.tdwg.org/terms/, the archive's form: https://dwc.tdwg.org/text/.
"""

import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Annotated, Literal
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree

from pydantic import Field

from bioclip_x.plugin import (
    LINNAEAN,
    ComponentSpec,
    Prediction,
    Provenance,
    ReportCapabilities,
    Result,
    hookimpl,
    open_replacement,
)

TERMS = (
    "occurrenceID", "basisOfRecord", "occurrenceStatus", "eventDate", "decimalLatitude", "decimalLongitude", "geodeticDatum",
    "coordinatePrecision", "scientificName", "scientificNameAuthorship", "taxonRank", *LINNAEAN[:-1], "specificEpithet",
    "vernacularName", "identifiedBy", "identificationVerificationStatus", "identificationRemarks", "associatedMedia",
    "occurrenceRemarks",
)  # fmt: skip
NAMESPACE = "http://rs.tdwg.org/dwc/terms/"


@hookimpl
def reports() -> list[ComponentSpec]:
    """Registers the report, which makes `--format museum` and `--report FILE.zip` available."""
    return [ComponentSpec("museum", "a Darwin Core Archive of occurrences", f"{__name__}:Museum")]


class Museum:
    """Writes occurrences one by one.

    basis: of the records. decimals: of coordinates; 5 is about a metre, 1 about 10 km.
    """

    capabilities = ReportCapabilities(suffixes=(".zip",), binary=True)

    def __init__(
        self,
        *,
        basis: Literal["MachineObservation", "HumanObservation"] = "MachineObservation",
        decimals: Annotated[int, Field(ge=0, le=7)] = 5,
    ) -> None:
        self.basis, self.decimals = basis, decimals

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator["Writer"]:
        """The file appears when the block ends; None writes to stdout."""
        target = open_replacement(output, "wb") if output else nullcontext(sys.stdout.buffer)
        # A zip file takes one file after the other, so that what is written at the end waits in a temporary file.
        with target as raw, zipfile.ZipFile(raw, "w") as archive, TemporaryFile("w+", encoding="utf-8") as unnamed:
            add_text(archive, "meta.xml", make_meta())
            with (
                archive.open(describe_file("occurrence.txt"), "w", force_zip64=True) as entry,
                TextIOWrapper(entry, "utf-8", newline="") as stream,
            ):
                write_row(stream, TERMS)
                yield Writer(self, stream, unnamed, provenance)
            unnamed.seek(0)
            add_text(archive, "not-named.txt", unnamed.read())


class Writer:
    def __init__(self, report: Museum, named: IO[str], unnamed: IO[str], provenance: Provenance) -> None:
        self._report, self._named, self._unnamed, self._provenance = report, named, unnamed, provenance

    def write(self, result: Result) -> None:
        """An image is an occurrence if it has a taxon: a label beside the tree, such as blank, is none."""
        best = result.predictions[0] if result.predictions else None
        if best and best.taxon.rank:
            terms = self._make_occurrence(result, best)
            write_row(self._named, (terms.get(term, "") for term in TERMS))
        else:
            why = f"{best.taxon.name} has no rank" if best else result.error or result.refused
            write_row(self._unnamed, (result.source, why))

    def _make_occurrence(self, result: Result, best: Prediction) -> dict[str, str]:
        """Returns the values by term."""
        taxon, about = best.taxon, self._provenance
        demo = f"; {about.demo}" if about.demo else ""
        return {
            "occurrenceID": uuid5(
                NAMESPACE_URL, quote(result.source, errors="surrogateescape")
            ).urn,  # the same in every run
            "basisOfRecord": self._report.basis,
            "occurrenceStatus": "present",
            "eventDate": str(result.metadata.get("date", "")),
            **self._make_place(result),
            "scientificName": taxon.name,
            "scientificNameAuthorship": taxon.authorship,
            "taxonRank": taxon.rank,
            **{rank: taxon.at(rank) for rank in LINNAEAN[:-1]},
            "specificEpithet": taxon.at("species").partition(" ")[2],
            "vernacularName": taxon.common_name(about.recipe.get("language", "en")),
            "identifiedBy": f"bioclip-x {about.version}, model {about.model} ({about.revision})",
            "identificationVerificationStatus": "unverified",
            "identificationRemarks": f"{best.probability:.3f}: {about.probabilities}{demo}",
            "associatedMedia": result.source,
            "occurrenceRemarks": " | ".join(filter(None, [*result.notes, best.note])),
        }

    def _make_place(self, result: Result) -> dict[str, str]:
        """Returns the rounded position, if both coordinates are known."""
        place, decimals = [result.metadata.get(name) for name in ("latitude", "longitude")], self._report.decimals
        if not all(isinstance(value, float) for value in place):
            return {}
        latitude, longitude = (f"{value:.{decimals}f}" for value in place)
        return {
            "decimalLatitude": latitude,
            "decimalLongitude": longitude,
            "geodeticDatum": "EPSG:4326",
            "coordinatePrecision": f"{10**-decimals:.{decimals}f}",
        }


def make_meta() -> str:
    """Describes the archive: occurrence.txt, tab-separated, with a header, and the term of each column."""
    archive = ElementTree.Element("archive", xmlns="http://rs.tdwg.org/dwc/text/")
    core = ElementTree.SubElement(
        archive, "core", rowType=f"{NAMESPACE}Occurrence", encoding="UTF-8", fieldsTerminatedBy="\\t",
        linesTerminatedBy="\\n", fieldsEnclosedBy="", ignoreHeaderLines="1",
    )  # fmt: skip
    ElementTree.SubElement(ElementTree.SubElement(core, "files"), "location").text = "occurrence.txt"
    ElementTree.SubElement(core, "id", index="0")
    for index, term in enumerate(TERMS):
        ElementTree.SubElement(core, "field", index=str(index), term=NAMESPACE + term)
    ElementTree.indent(archive)
    return ElementTree.tostring(archive, "unicode", xml_declaration=True)


def write_row(stream: IO[str], cells: Iterable[str]) -> None:
    """Writes tab-separated cells; tabs, line ends and control characters in them become blanks."""
    plain = ("".join(c if c.isprintable() else " " for c in cell) for cell in cells)
    stream.write("\t".join(plain) + "\n")


def describe_file(name: str) -> zipfile.ZipInfo:
    """Describes a file of the archive, with a fixed date: equal results give equal archives."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def add_text(archive: zipfile.ZipFile, name: str, text: str) -> None:
    archive.writestr(describe_file(name), text)

"""Darwin Core occurrences: a table of terms, or a Darwin Core Archive.

Terms: https://dwc.tdwg.org/terms/; the archive's form: https://dwc.tdwg.org/text/.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Annotated, Final
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree

from pydantic import Field

from bioclip_x.plugin import (
    LINNAEAN,
    ORDER,
    Prediction,
    Provenance,
    RecipeError,
    ReportCapabilities,
    Result,
    open_output,
    open_replacement,
)
from bioclip_x_plugins.reports.exchange.kinds import explain, find_best, find_kind
from bioclip_x_plugins.reports.exchange.places import find_place
from bioclip_x_plugins.reports.exchange.rows import RowWriter, SeenKeys
from bioclip_x_plugins.reports.exchange.sources import split_frame
from bioclip_x_plugins.reports.exchange.times import find_time, format_time, parse_zone, read_clock
from bioclip_x_plugins.reports.result_text import convert_to_plain, find_language
from bioclip_x_plugins.reports.tables.json_documents import to_json

TERMS: Final = (
    "occurrenceID", "basisOfRecord", "occurrenceStatus", "scientificName", "scientificNameAuthorship", "taxonRank",
    *LINNAEAN[:-1], "specificEpithet", "vernacularName", "identificationQualifier", "identificationVerificationStatus",
    "identificationReferences", "identificationRemarks", "identifiedBy", "dateIdentified", "eventID", "eventDate",
    "decimalLatitude", "decimalLongitude", "geodeticDatum", "coordinatePrecision", "associatedMedia", "organismID",
    "occurrenceRemarks",
)  # fmt: skip
NAMESPACE: Final = "http://rs.tdwg.org/dwc/terms/"
NOT_NAMED: Final = ("associatedMedia", "kind", "reason")
"""Columns of not-named.txt."""
_QUALIFIED: Final = re.compile(r"\b(?:cf|aff)\.")


class DarwinCore:
    """FILE.zip is an archive (occurrence.txt, meta.xml, not-named.txt); any other file the table alone, with
    FILE.not-named.txt beside it. A .csv file has commas, others tabs.

    An image, a box or an event with a taxon is an occurrence; what has none is told in not-named.txt, with the reason.

    sure: probability below which the name of a genus or a taxon below is qualified by "cf.". decimals: of coordinates; 5 is
    about a metre, 1 about 10 km. timezone: of dates without one; this machine's by default. events: events in place of their
    images. dataset: the name of your data set, which goes into occurrenceID: without one, images of equal paths in two data sets
    have one identifier. safe: texts that a spreadsheet would take for a formula get an apostrophe before them.
    """

    capabilities = ReportCapabilities()

    def __init__(
        self,
        *,
        sure: Annotated[float, Field(ge=0, le=1)] = 0.0,
        decimals: Annotated[int, Field(ge=0, le=7)] = 5,
        timezone: str = "",
        events: bool = False,
        dataset: str = "",
        safe: bool = False,
    ) -> None:
        self.safe = safe
        self.sure, self.decimals, self.events, self.dataset = sure, decimals, events, dataset
        self.zone = parse_zone(timezone)

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        if output is None:
            raise RecipeError("the format darwin-core writes files: name one with --output FILE.zip, or FILE.csv")
        if output.suffix.lower() == ".zip":
            with closing(SeenKeys()) as seen, _open_archive(output) as (named, unnamed):
                yield _Writer(
                    self,
                    RowWriter(named, TERMS, "\t", safe=self.safe),
                    RowWriter(unnamed, NOT_NAMED, "\t", safe=self.safe),
                    provenance,
                    seen,
                )
        else:
            delimiter = "," if output.suffix.lower() == ".csv" else "\t"
            beside = output.with_name(f"{output.name}.not-named.txt")
            with (
                closing(SeenKeys()) as seen,
                open_output(output, keep_partial=True) as named,
                open_output(beside) as unnamed,
            ):
                tables = (
                    RowWriter(named, TERMS, delimiter, safe=self.safe),
                    RowWriter(unnamed, NOT_NAMED, "\t", safe=self.safe),
                )
                yield _Writer(self, *tables, provenance, seen)


@contextmanager
def _open_archive(output: Path) -> Iterator[tuple[IO[str], IO[str]]]:
    """Yields the archive's two tables. A zip file takes one file after the other: the second waits in a temporary file."""
    with (
        open_replacement(output, "wb") as raw,
        zipfile.ZipFile(raw, "w") as archive,
        TemporaryFile("w+", encoding="utf-8", errors="backslashreplace", newline="") as unnamed,
    ):
        archive.writestr(_describe_file("meta.xml"), make_meta())
        with (
            archive.open(_describe_file("occurrence.txt"), "w", force_zip64=True) as entry,
            TextIOWrapper(entry, "utf-8", "backslashreplace", newline="") as named,
        ):
            yield named, unnamed
        unnamed.seek(0)
        with archive.open(_describe_file("not-named.txt"), "w", force_zip64=True) as entry:
            while part := unnamed.read(1 << 20):
                entry.write(part.encode())


def _describe_file(name: str) -> zipfile.ZipInfo:
    """A file of the archive, with a fixed date: equal results give equal archives."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


class _Writer:
    def __init__(
        self, report: DarwinCore, named: RowWriter, unnamed: RowWriter, provenance: Provenance, seen: SeenKeys
    ) -> None:
        self._report, self._named, self._unnamed, self._seen = report, named, unnamed, seen
        self._language = find_language(provenance)
        digest = hashlib.sha256(to_json(convert_to_plain(provenance.recipe)).encode("utf-8", "backslashreplace"))
        demo = f"; {provenance.demo}" if provenance.demo else ""
        self._meaning = f"{provenance.probabilities}{demo}"
        self._common = {
            "basisOfRecord": "MachineObservation",
            "occurrenceStatus": "present",
            "identificationVerificationStatus": "unverified (machine)",
            "identificationReferences": f"model {provenance.model}, revision {provenance.revision}; "
            f"taxonomy {provenance.taxonomy}; recipe sha256 {digest.hexdigest()[:16]}",
            "identifiedBy": f"bioclip-x {provenance.version}, {provenance.model}",
            "dateIdentified": format_time(read_clock()),
        }

    def write(self, result: Result) -> None:
        """With events, what belongs to one is covered by it; without, an event repeats what its images said."""
        is_event = result.level == "event"
        is_told_elsewhere = bool(result.event) and not is_event if self._report.events else is_event
        key = make_occurrence_id(result, self._report.dataset)
        if is_told_elsewhere or not self._seen.add(key):  # an image that was asked for twice
            return
        best = find_best(result)
        if best:
            self._named.write({**self._make_occurrence(result, best), "occurrenceID": key})
        else:
            self._unnamed.write(
                {"associatedMedia": result.source, "kind": find_kind(result), "reason": explain(result)}
            )

    def _make_occurrence(self, result: Result, best: Prediction) -> dict[str, object]:
        taxon, region = best.taxon, result.region
        file, _ = split_frame(result.source)
        media = " | ".join(dict.fromkeys(split_frame(one.source)[0] for one in result.images)) or file
        place = find_place(result.metadata, self._report.decimals)
        where = f"; box {', '.join(f'{edge:.4f}' for edge in region.box)}" if region else ""
        return {
            **self._common,
            "scientificName": taxon.name,
            "scientificNameAuthorship": taxon.authorship,
            "taxonRank": taxon.rank,
            **{rank: taxon.at(rank) for rank in LINNAEAN[:-1]},
            "specificEpithet": taxon.at("species").partition(" ")[2],
            "vernacularName": taxon.common_name(self._language),
            "identificationQualifier": self._qualify(best),
            "identificationRemarks": f"{best.probability:.3f}: {self._meaning}",
            "eventID": result.event,
            "eventDate": format_time(find_time(result.metadata, self._report.zone)),
            **(
                {
                    "decimalLatitude": f"{place.latitude:.{self._report.decimals}f}",
                    "decimalLongitude": f"{place.longitude:.{self._report.decimals}f}",
                    "geodeticDatum": "WGS84",
                    "coordinatePrecision": f"{10**-self._report.decimals:.{self._report.decimals}f}",
                }
                if place
                else {}
            ),
            "associatedMedia": media,
            "organismID": region.individual if region else "",
            "occurrenceRemarks": f"{'; '.join(filter(None, [*result.notes, explain(result)]))}{where}".removeprefix(
                "; "
            ),
        }

    def _qualify(self, best: Prediction) -> str:
        """ "cf." for a species or below whose probability is less than `sure`."""
        is_low = ORDER.get(best.taxon.rank, -1) >= ORDER["genus"]
        return (
            "cf." if is_low and best.probability < self._report.sure and not _QUALIFIED.search(best.taxon.name) else ""
        )


def make_occurrence_id(result: Result, dataset: str) -> str:
    """The same in every run: of the data set, the image, the box and the event."""
    part = str(result.region_number) if result.region else ""
    name = "\0".join((dataset, result.level, result.source, part)).encode("utf-8", "backslashreplace").decode()
    return uuid5(NAMESPACE_URL, name).urn


def make_meta() -> str:
    """Describes the archive: occurrence.txt, tab-separated, with a header, and the term of each column."""
    archive = ElementTree.Element("archive", xmlns="http://rs.tdwg.org/dwc/text/")
    core = ElementTree.SubElement(
        archive, "core", rowType=f"{NAMESPACE}Occurrence", encoding="UTF-8", fieldsTerminatedBy="\\t",
        linesTerminatedBy="\\n", fieldsEnclosedBy='"', ignoreHeaderLines="1",
    )  # fmt: skip
    ElementTree.SubElement(ElementTree.SubElement(core, "files"), "location").text = "occurrence.txt"
    ElementTree.SubElement(core, "id", index="0")
    for index, term in enumerate(TERMS):
        ElementTree.SubElement(core, "field", index=str(index), term=NAMESPACE + term)
    ElementTree.indent(archive)
    return ElementTree.tostring(archive, "unicode", xml_declaration=True)

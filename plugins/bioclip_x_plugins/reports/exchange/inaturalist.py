"""iNaturalist's CSV import: eight columns by their place, as inaturalist's `lib/bulk_observation_file.rb` reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field

from bioclip_x.plugin import ORDER, Provenance, ReportCapabilities, Result, is_url, list_some, open_output
from bioclip_x_plugins.reports.exchange.kinds import explain, find_best
from bioclip_x_plugins.reports.exchange.places import find_place
from bioclip_x_plugins.reports.exchange.rows import RowWriter

COLUMNS: Final = (
    "taxon_name", "observed_on", "description", "place_name", "latitude", "longitude", "tags", "geoprivacy"
)  # fmt: skip
ENCODING: Final = "iso-8859-1"
"""The encoding in which the import reads files."""
NAMED: Final = 3
"""Images of an event that are named."""


class INaturalist:
    """A row for each image, box or event with a taxon; the others are comments, which the import skips.

    geoprivacy: who sees the place. decimals: of coordinates; 5 is about a metre, 1 about 10 km. place: a name of the place.
    events: events in place of their images, since an observation is one encounter. safe: texts that a spreadsheet would take for
    a formula get an apostrophe before them.
    """

    capabilities = ReportCapabilities()

    def __init__(
        self,
        *,
        geoprivacy: Literal["open", "obscured", "private"] = "obscured",
        decimals: Annotated[int, Field(ge=0, le=7)] = 5,
        place: str = "",
        events: bool = True,
        safe: bool = False,
    ) -> None:
        self.geoprivacy, self.decimals, self.place, self.events = geoprivacy, decimals, place, events
        self.safe = safe

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        with open_output(output, ENCODING, keep_partial=True) as stream:
            yield _Writer(self, RowWriter(stream, COLUMNS, safe=self.safe), provenance)


class _Writer:
    def __init__(self, report: INaturalist, rows: RowWriter, provenance: Provenance) -> None:
        self._report, self._rows = report, rows
        demo = f" ({provenance.demo})" if provenance.demo else ""
        self._by = f"named by a machine, bioclip-x {provenance.version}, {provenance.model}{demo}; not verified"

    def write(self, result: Result) -> None:
        is_event = result.level == "event"
        if (bool(result.event) and not is_event) if self._report.events else is_event:
            return
        best = find_best(result)
        if best is None or ORDER.get(best.taxon.rank, -1) < 0:
            self._rows.write({"taxon_name": f"# not named: {name_files(result)}: {explain(result)}"})
            return
        place = find_place(result.metadata, self._report.decimals)
        self._rows.write({
            "taxon_name": best.taxon.name,
            "observed_on": result.metadata.get("date", ""),
            "description": f"{name_files(result)}; {best.probability:.3f}; {self._by}",
            "place_name": self._report.place,
            "latitude": place.latitude if place else None,
            "longitude": place.longitude if place else None,
            "tags": "bioclip-x",
            "geoprivacy": self._report.geoprivacy,
        })  # fmt: skip


def name_files(result: Result) -> str:
    """The names of the files, without folders: observations are public, and folders tell places and people, as do events' names.

    >>> name_files(Result("anna/home/a.jpg")), name_files(Result("https://example.org/b.jpg?key=1"))
    ('a.jpg', 'b.jpg')
    """
    sources = [one.source for one in result.images] or [result.source]
    paths = (urlsplit(one).path if is_url(one) else one.replace("\\", "/") for one in sources)
    return list_some(list(dict.fromkeys(path.rpartition("/")[2] for path in paths)), NAMED)

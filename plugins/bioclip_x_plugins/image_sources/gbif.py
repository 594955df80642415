"""Darwin Core Archives of GBIF and others: occurrences, and an extension of media (Simple Multimedia or Audubon Core)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from bioclip_x.plugin import LINNAEAN, DatasetError, TaxonomyError, open_archive
from bioclip_x_plugins.image_sources.accounting import Accounts
from bioclip_x_plugins.image_sources.columns import complete_species
from bioclip_x_plugins.image_sources.darwin_core import ID, DwcTable, find_tables
from bioclip_x_plugins.image_sources.files import make_revision
from bioclip_x_plugins.image_sources.joins import count, load, open_joins, select

CORE: Final = {
    "id": (ID,), "name": ("scientificname",), "rank": ("taxonrank",),
    **{rank: (rank,) for rank in LINNAEAN[:-1]}, "species": ("species", "specificepithet"),
    "common_name": ("vernacularname",), "reference": ("references",),
}  # fmt: skip
MEDIA: Final = {
    "id": (ID,), "image": ("accessuri", "identifier"), "licence": ("license", "usageterms", "webstatement", "rights"),
    "rights_holder": ("rightsholder", "owner", "creator"), "page": ("furtherinformationurl", "references"),
    "type": ("type",), "format": ("format",),
}  # fmt: skip
NO_OCCURRENCE: Final = "the archive has no occurrence of its identifier"
NO_URL: Final = "the row names no image"
IS_IMAGE: Final = """(CASE WHEN type != '' THEN lower(type) LIKE '%image%' AND lower(type) NOT LIKE '%movingimage%'
    ELSE NOT regexp_matches(lower(format), '^(audio|video|text|application|model)/') END)"""


class Gbif:
    """path: the archive, a zip file or a folder. The licence of an image is its own, not that of the occurrence.

    Core and media are joined by DuckDB in 1 GB of memory.
    """

    def __init__(self, *, path: Path) -> None:
        self.path = path
        self._accounts = Accounts()

    def revision(self) -> str:
        if not self.path.exists():
            raise DatasetError(f"gbif: the archive {self.path} does not exist")
        return make_revision(
            [self.path] if self.path.is_file() else [one for one in sorted(self.path.iterdir()) if one.is_file()]
        )

    def tables(self) -> Iterator[pa.Table]:
        self._accounts = Accounts()
        try:
            with open_archive(self.path) as archive, open_joins() as connection:
                core, media = find_tables(archive)
                yield from self._accounts.check(self._join(connection, core, media))
        except TaxonomyError as problem:
            raise DatasetError(str(problem)) from problem

    def notes(self) -> Sequence[str]:
        return self._accounts.notes()

    def _join(self, connection: Any, core: DwcTable, media: Sequence[DwcTable]) -> Iterator[pa.Table]:
        if not {"scientificname", "species", "genus", "family"} & {*core.place_of, *core.defaults}:
            raise DatasetError(f"{core.table.where} has no column scientificName, species, genus or family")
        if not any({"identifier", "accessuri"} & {*one.place_of} for one in media):
            raise DatasetError(f"{media[0].table.where} has no column identifier or accessURI, which name the images")
        load(connection, "occurrence", list(CORE), core.batches(CORE))
        load(connection, "media", list(MEDIA), (batch for one in media for batch in one.batches(MEDIA)))
        for table in (core.table, *(one.table for one in media)):
            yield from table.list_malformed()
        yield from (complete(table) for table in select(connection, SQL))
        self._note(connection)

    def _note(self, connection: Any) -> None:
        others = count(connection, f"SELECT count(*) FROM media WHERE NOT {IS_IMAGE}")
        without = count(connection, "SELECT count(*) FROM occurrence o ANTI JOIN media m USING (id)")
        twice = count(connection, "SELECT count(*) - count(DISTINCT id) FROM occurrence")
        for number, what in (
            (others, "media are no images (sounds, videos), left out"),
            (without, "occurrences have no media"),
            (twice, "occurrences have the identifier of another, left out"),
        ):
            if number:
                self._accounts.say(f"{number:,} {what}")


SQL: Final = f"""
    WITH core AS (SELECT * FROM occurrence QUALIFY row_number() OVER (PARTITION BY id ORDER BY place) = 1)
    SELECT m.id || ' ' || CASE WHEN m.image = '' THEN 'media row ' || (m.place + 1) ELSE m.image END AS source_id,
        m.image, {", ".join(f'c."{name}"' for name in CORE if name not in ("id", "reference"))},
        m.licence, m.rights_holder, CASE WHEN m.page != '' THEN m.page ELSE c.reference END AS reference,
        CASE WHEN m.image = '' THEN '{NO_URL}' WHEN c.place IS NULL THEN '{NO_OCCURRENCE}' ELSE '' END AS problem
    FROM media m LEFT JOIN core c ON m.id = c.id WHERE {IS_IMAGE} ORDER BY m.place
"""


def complete(rows: pa.Table) -> pa.Table:
    """Returns rows in which a species is the whole binomial."""
    species = complete_species(rows["genus"], rows["species"])
    return rows.set_column(rows.column_names.index("species"), "species", species)

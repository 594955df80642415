"""Finds the rows that must not be trained on: those of listed species and images, and of the test sets."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.dataset.context import Build, Made, NameTables
from bioclip_x.dataset.database import quote, quote_files
from bioclip_x.dataset.names.parsed import parse_given
from bioclip_x.dataset.schema import FIRST_ROW
from bioclip_x.errors import DatasetError
from bioclip_x.io.files import read_lines
from bioclip_x.messages import list_some
from bioclip_x.taxonomy.names.normalise import normalise_name

OF_TEST_SET: Final = "an image of a test set"
LISTED_SPECIES: Final = "its species is held out"
LISTED_IMAGE: Final = "the image is held out"


def find_held_out(build: Build, rows: Made, tables: NameTables, species: Collection[str], output: Path) -> None:
    """Writes the table `schema.HELD_OUT`. species: names with all synonyms, as `normalise_name` returns them."""
    database = build.database
    held = find_held_out_keys(pq.read_table(tables.given.files[0]), pq.read_table(tables.resolved.files[0]), species)
    listed = read_list(build.config.path(build.config.held_out.images)) if build.config.held_out.images else []
    # Paths may be relative to the configuration, those of rows are absolute.
    entries = [*listed, *listed]
    images = [*listed, *(str(build.config.base / one) for one in listed)]
    database.register("held_keys", pa.table({"key": pa.array(held, pa.int64())}))
    database.register(
        "listed_images", pa.table({"image": pa.array(images, pa.string()), "entry": pa.array(entries, pa.string())})
    )
    test_sets = ", ".join(map(str, build.held_out_numbers or (-1,)))
    is_of_test_set = f"r.row // {FIRST_ROW} IN ({test_sets})"
    # Images are listed by identifier, by path, or by the name of the file.
    values = ("r.source_id", "r.image", "r.member", "regexp_extract(r.image, '[^/]*$')")
    is_image = " OR ".join(f"{value} IN (SELECT image FROM listed_images)" for value in values)
    is_species = "k.key IN (SELECT key FROM held_keys)"
    database.execute(f"""
        COPY (
            SELECT r.row, CASE
                WHEN {is_of_test_set} THEN {quote(OF_TEST_SET)}
                WHEN {is_image} THEN {quote(LISTED_IMAGE)}
                ELSE {quote(LISTED_SPECIES)} END AS reason
            FROM read_parquet({quote_files(rows.files)}) r
            JOIN read_parquet({quote_files(tables.keys.files)}) k USING (row)
            WHERE {is_of_test_set} OR {is_image} OR {is_species}
        ) TO {quote(str(output))} (FORMAT parquet)
    """)
    if listed:
        found = " UNION ".join(
            f"SELECT {value} AS image FROM read_parquet({quote_files(rows.files)}) r"
            f" SEMI JOIN listed_images l ON l.image = {value}"
            for value in values
        )
        known = {
            one
            for (one,) in database.execute(
                f"SELECT entry FROM listed_images SEMI JOIN ({found}) USING (image)"
            ).fetchall()
        }
        if unknown := [one for one in listed if one not in known]:
            build.say(
                f"{len(unknown):,} of {len(listed):,} images that are held out are in no source: {list_some(unknown)}"
            )
    for name in ("held_keys", "listed_images"):
        database.unregister(name)


def find_held_out_keys(given: pa.Table, resolved: pa.Table, species: Collection[str]) -> list[int]:
    """Returns the keys of the identifications that are one of the species, as they are given or as they are resolved.

    A name that no taxonomy knows is compared as it is given, so that a species that is new to all of them is held out, too.
    """
    if not species:
        return []
    wanted = frozenset(species)

    @cache
    def is_listed(name: str, rank: str) -> bool:
        return not wanted.isdisjoint(parse_given(name, rank).keys)

    columns = [given[name].to_pylist() for name in ("key", "name", "rank", "species")]
    species_of = dict(zip(resolved["key"].to_pylist(), resolved["species"].to_pylist()))
    return [
        key
        for key, name, rank, own in zip(*columns)
        if normalise_name(species_of[key] or "") in wanted
        or (own and is_listed(own, "species"))
        or (name and is_listed(name, rank))
    ]


def read_list(path: Path) -> list[str]:
    """Reads a list with an entry per line; blank lines and those that begin with # are left out. Raises DatasetError."""
    lines = (line.strip() for line in read_lines(path, DatasetError))
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))

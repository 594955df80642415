"""Finds the rows that must not be trained on: those of listed species and images, and of the test sets."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from bioclip_x.dataset.context import Build, Made
from bioclip_x.dataset.database import quote, quote_files
from bioclip_x.dataset.schema import FIRST_ROW
from bioclip_x.errors import DatasetError
from bioclip_x.io.files import read_lines

OF_TEST_SET: Final = "an image of a test set"
LISTED_SPECIES: Final = "its species is held out"
LISTED_IMAGE: Final = "the image is held out"


def find_held_out(build: Build, rows: Made, keys: Made, resolved: Made, species: Collection[str], output: Path) -> None:
    """Writes the table `schema.HELD_OUT`. species: accepted names and synonyms, in lower case."""
    database = build.database
    database.execute("CREATE OR REPLACE TEMP TABLE listed_species (name VARCHAR)")
    _insert(database, "listed_species", species)
    database.execute("CREATE OR REPLACE TEMP TABLE listed_images (image VARCHAR)")
    images = read_list(build.config.path(build.config.held_out.images)) if build.config.held_out.images else []
    _insert(database, "listed_images", images)
    test_sets = ", ".join(map(str, build.held_out_numbers or (-1,)))
    is_of_test_set = f"r.row // {FIRST_ROW} IN ({test_sets})"
    # Images are listed by identifier, by path, or by the name of the file.
    is_image = " OR ".join(
        f"{value} IN (SELECT image FROM listed_images)"
        for value in ("r.source_id", "r.image", "r.member", "regexp_extract(r.image, '[^/]*$')")
    )
    is_species = " OR ".join(
        f"(lower({value}) IN (SELECT name FROM listed_species))" for value in ("n.species", "r.species", "r.name")
    )
    database.execute(f"""
        COPY (
            SELECT r.row, CASE
                WHEN {is_of_test_set} THEN {quote(OF_TEST_SET)}
                WHEN {is_image} THEN {quote(LISTED_IMAGE)}
                ELSE {quote(LISTED_SPECIES)} END AS reason
            FROM read_parquet({quote_files(rows.files)}) r
            JOIN read_parquet({quote_files(keys.files)}) k USING (row)
            JOIN read_parquet({quote_files(resolved.files)}) n USING (key)
            WHERE {is_of_test_set} OR {is_image} OR {is_species}
        ) TO {quote(str(output))} (FORMAT parquet)
    """)


def read_list(path: Path) -> list[str]:
    """Reads a list with an entry per line; blank lines and those that begin with # are left out. Raises DatasetError."""
    lines = (line.strip() for line in read_lines(path, DatasetError))
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def _insert(database: Any, table: str, texts: Collection[str]) -> None:
    import pyarrow as pa

    database.register("listed", pa.table({"text": pa.array(sorted(set(texts)), pa.string())}))
    database.execute(f"INSERT INTO {table} SELECT text FROM listed")
    database.unregister("listed")

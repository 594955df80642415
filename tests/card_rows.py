"""Rows of made-up catalogues, as a build of a data set writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from bioclip_x.dataset.card.contents import COLUMNS
from bioclip_x.dataset.config import BuildConfig, make_config

NUMBERS = {"width": pa.int32(), "height": pa.int32(), "similarity": pa.float64()}
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
BIRD = dict(zip(RANKS, ("Animalia", "Chordata", "Aves", "Passeriformes", "Paridae", "Parus", "Parus major")))
HOSTILE = '<script>alert(1)</script> | "quoted" `code` *b* [x](javascript:y) \u202egpj\n=1+1 $x$ &amp; {{ 7*7 }} \\'
"""A name that is markup in HTML, Markdown, YAML and templates, a formula, and turned around."""


def make_row(number: int, **values: Any) -> dict[str, Any]:
    """An image that is used."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | dict.fromkeys(NUMBERS)
    row |= {"id": f"{number:032x}", "source": "park", "source_id": f"i{number}", "image": f"photos/{number}.jpg"}
    row |= {"outcome": "used", "split": "train", "shard": "train-000000.tar", "status": "full", "rank": "species"}
    row |= {"taxonomy": "ITIS", "licence": "CC-BY-4.0", "rights_holder": "A. Doe", "name": "Parus major", **BIRD}
    return row | values


def open_catalogue(rows: Sequence[Mapping[str, Any]]) -> Any:
    """A database with the table `catalogue`."""
    import duckdb

    schema = pa.schema([(name, NUMBERS.get(name, pa.string())) for name in COLUMNS])
    connection = duckdb.connect()
    connection.register("rows", pa.Table.from_pylist(list(rows), schema=schema))
    connection.execute("CREATE TEMP TABLE catalogue AS SELECT * FROM rows")
    return connection


def make_park(**fields: Any) -> BuildConfig:
    sources = {"sources": [{"name": "tiny", "as": "park"}], "taxonomies": [{"path": "itis", "as": "ITIS"}]}
    return make_config(sources | fields)

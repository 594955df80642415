"""The second stage: which taxon each row shows, and which rows can be used as far as that is known without their image."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pyarrow.parquet as pq

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.dataset.context import Build, Made, digest, finish, get_made, join
from bioclip_x.dataset.database import quote, quote_files
from bioclip_x.dataset.held_out import find_held_out, read_list
from bioclip_x.dataset.names.resolve import RankedTaxonomy, resolve_names
from bioclip_x.dataset.outcomes import plan_rows
from bioclip_x.dataset.schema import GIVEN_COLUMNS, write_table
from bioclip_x.settings import find_cache_folder


def collect_given_names(build: Build, rows: Made) -> tuple[Made, Made]:
    """Numbers the distinct identifications, since an image's is mostly that of many others.

    Returns the tables of identifications (`schema.GIVEN`) and of (`row`, `key`).
    """
    stage = build.folder.open_stage("given", {"rows": rows.version})
    given, keys = stage.path / "given.parquet", stage.path / "keys.parquet"
    if stage.summary is None:
        columns = ", ".join(f'"{name}"' for name in GIVEN_COLUMNS)
        same = " AND ".join(f'r."{name}" = g."{name}"' for name in GIVEN_COLUMNS)
        listed = f"read_parquet({quote_files(rows.files)})"
        build.database.execute(f"""
            COPY (
                SELECT row_number() OVER (ORDER BY {columns}) - 1 AS key, {columns}, images
                FROM (SELECT {columns}, count(*) AS images FROM {listed} GROUP BY ALL) ORDER BY key
            ) TO {quote(str(given))} (FORMAT parquet, COMPRESSION zstd)
        """)
        build.database.execute(f"""
            COPY (SELECT r.row, g.key FROM {listed} r JOIN read_parquet({quote_files([given])}) g ON {same} ORDER BY r.row)
            TO {quote(str(keys))} (FORMAT parquet, COMPRESSION zstd)
        """)
        stage.finish({})
    version = get_made(stage).version
    return Made((given,), version), Made((keys,), version)


def resolve_given_names(build: Build, given: Made) -> Made:
    """Resolves the identifications against the taxonomies; see `names`."""
    config = build.config
    taxonomies = [
        RankedTaxonomy(one.name, partial(_load, build, number)) for number, one in enumerate(config.taxonomies)
    ]
    stage = build.folder.open_stage("names", {"given": given.version, **describe_names(build)})
    if stage.summary is None:
        table = resolve_names(pq.read_table(given.files[0]), taxonomies)
        write_table(stage.path / "resolved.parquet", table)
        return finish(stage, {})
    return get_made(stage)


def _load(build: Build, number: int) -> Any:
    one = build.config.taxonomies[number]
    return read_taxonomy(
        build.registry, build.config.path(one.path), one.format, cache=find_cache_folder() / "taxonomies"
    )


def describe_names(build: Build) -> Mapping[str, Any]:
    """Returns what the resolution of names depends on, as JSON: taxonomies by name, path, size and time."""
    described = []
    for one in build.config.taxonomies:
        path = build.config.path(one.path)
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        stamps = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
        described.append({"name": one.name, "format": one.format, "files": digest(stamps)})
    return {"taxonomies": described}


def plan_all_rows(build: Build, rows: Mapping[int, Made], keys: Made, resolved: Made) -> Made:
    """Decides what becomes of each row as far as it is known before its image is read."""
    config, listed = build.config, join(*rows.values())
    held = config.held_out
    inputs = {
        "rows": listed.version,
        "names": resolved.version,
        "licences": config.licences.model_dump(mode="json"),
        "least": [config.names.least, config.names.ambiguous],
        "held_out": [
            digest(read_list(config.path(path))) if path is not None else None for path in (held.species, held.images)
        ],
        "test_sets": list(build.held_out_numbers),
    }
    stage = build.folder.open_stage("plan", inputs)
    if stage.summary is None:
        species = {name.lower() for name in read_list(config.path(held.species))} if held.species else set()
        find_held_out(build, listed, keys, resolved, species, stage.path / "held_out.parquet")
        files = {
            "rows": listed.files, "keys": keys.files, "resolved": resolved.files,
            "held_out": (stage.path / "held_out.parquet",),
        }  # fmt: skip
        plan_rows(build.database, config, files, stage.path / "plan.parquet")
        stage.finish({})
    return get_made(stage, "plan.parquet")

"""The second stage: which taxon each row shows, and which rows can be used as far as that is known without their image."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.dataset.context import Build, Made, NameTables, digest, finish, get_made, join
from bioclip_x.dataset.database import quote, quote_files
from bioclip_x.dataset.names.counts import count_statuses
from bioclip_x.dataset.names.held_out import expand_species
from bioclip_x.dataset.names.ranked import RankedTaxonomy
from bioclip_x.dataset.names.resolve import resolve_names
from bioclip_x.dataset.names.review import Corrections, read_corrections, write_review_table
from bioclip_x.dataset.rows.held_out import find_held_out, read_list
from bioclip_x.dataset.rows.outcomes import plan_rows
from bioclip_x.dataset.schema import FIRST_ROW, GIVEN_COLUMNS, write_table
from bioclip_x.errors import DatasetError
from bioclip_x.messages import list_some, pluralise
from bioclip_x.settings import find_cache_folder
from bioclip_x.taxonomy import Taxonomy

REVIEW: Final = "review.csv"
"""The table of names that a person should look at; filled in, it is read by `names: corrections:`."""


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
    """Resolves the identifications against the taxonomies (`names`), and writes those that a person should look at."""
    config = build.config
    review = build.folder.path / REVIEW
    corrections = read_filled_in(config.path(config.names.corrections), review) if config.names.corrections else None
    inputs = {
        "given": given.version, **describe_taxonomies(build),
        "corrections": digest(*map(str, corrections.by_identification.items())) if corrections else None,
    }  # fmt: skip
    stage = build.folder.open_stage("names", inputs)
    if stage.summary is None:
        table = pq.read_table(given.files[0])
        resolved = resolve_names(table, list_taxonomies(build), corrections, build.say)
        write_table(stage.path / "resolved.parquet", resolved)
        if moved := keep_filled_in(review):
            build.say(f"{REVIEW} was filled in and is written anew; the one filled in is {moved.name}")
        count = write_review_table(review, table, resolved)
        if count:
            build.say(
                f"{pluralise(count, 'name')} lost, ambiguous, or known only by a taxon above: the commonest are listed in "
                f"{build.folder.path / REVIEW} for you to fill in"
            )
        return finish(stage, {})
    return get_made(stage)


def read_filled_in(path: Path, review: Path) -> Corrections:
    """Reads corrections. Raises DatasetError also where they are in the review table, which each build writes anew."""
    if path.resolve() == review.resolve():
        raise DatasetError(
            f"names.corrections: {path} is the table that a build writes; copy it to another place, and name the copy"
        )
    return read_corrections(path)


def keep_filled_in(review: Path) -> Path | None:
    """Moves away a review table in which someone has filled in names, and returns where it is then."""
    try:
        if not review.exists() or not len(read_corrections(review)):
            return None
    except DatasetError:  # edited to what it should not be, but edited
        pass
    names = (review.with_name(f"{review.stem}-filled-in{number}.csv") for number in ("", *range(2, 1000)))
    free = next((name for name in names if not name.exists()), None)
    return review.rename(free) if free else None


def count_names(build: Build, names: NameTables) -> list[dict[str, Any]]:
    """Returns the numbers of different names and of images by source, resolved rank and status."""
    given = build.database.sql(f"""
        SELECT s.name AS source, k.key, count(*) AS images
        FROM read_parquet({quote_files(names.keys.files)}) k JOIN sources s ON s.number = k.row // {FIRST_ROW} GROUP BY ALL
    """).to_arrow_table()
    counts: list[dict[str, Any]] = count_statuses(given, pq.read_table(names.resolved.files[0])).to_pylist()
    return counts


def list_taxonomies(build: Build) -> list[RankedTaxonomy]:
    """Returns the taxonomies in their order, not read yet."""
    return [
        RankedTaxonomy(one.name, partial(_load, build, number)) for number, one in enumerate(build.config.taxonomies)
    ]


def _load(build: Build, number: int) -> Taxonomy:
    one = build.config.taxonomies[number]
    return read_taxonomy(
        build.registry, build.config.path(one.path), one.format, cache=find_cache_folder() / "taxonomies"
    )


def describe_taxonomies(build: Build) -> dict[str, Any]:
    """Returns what the resolution of names depends on, as JSON: names, formats, and a digest of the files' sizes and times.

    Raises DatasetError for a taxonomy that does not exist.
    """
    described: dict[str, Any] = {"order": [one.name for one in build.config.taxonomies]}
    for one in build.config.taxonomies:
        path = build.config.path(one.path)
        if not path.exists():
            raise DatasetError(f"taxonomies: {path} does not exist")
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        stamps = [
            (str(file.relative_to(path)), file.stat().st_size, file.stat().st_mtime_ns)
            for file in files
            if file.is_file()
        ]
        described[f"taxonomy {one.name}"] = {"format": one.format, "files": digest(stamps)}
    return described


def list_held_out_species(build: Build) -> frozenset[str]:
    """Returns the names of the listed species with all their synonyms, as `normalise_name` returns them."""
    path = build.config.held_out.species
    if path is None:
        return frozenset()
    names = read_list(build.config.path(path))
    stage = build.folder.open_stage(
        "held-out", {"names": digest(names), **describe_taxonomies(build)}, title="held-out species"
    )
    summary = stage.summary
    if summary is None:
        expanded = expand_species(names, list_taxonomies(build))
        summary = stage.finish(
            {
                "names": sorted(expanded.all_names),
                "unknown": list(expanded.unknown),
                "not_species": list(expanded.not_species),
            }
        )
    for what, told in (
        ("unknown", "not in any taxonomy, so held out only as written (check the spelling)"),
        ("not_species", "above the species, so nothing is held out by them (list the species)"),
    ):
        if summary[what]:
            build.say(
                f"{len(summary[what]):,} of {pluralise(len(names), 'name')} in {path} {told}: {list_some(summary[what])}"
            )
    return frozenset(summary["names"])


def plan_all_rows(build: Build, rows: Mapping[int, Made], names: NameTables) -> Made:
    """Decides what becomes of each row as far as it is known before its image is read."""
    config, listed = build.config, join(*rows.values())
    held, species = config.held_out, list_held_out_species(build)
    inputs = {
        "rows": listed.version,
        "names": names.resolved.version,
        "licences": config.licences.model_dump(mode="json"),
        "least": [config.names.least, config.names.ambiguous],
        "held_out_species": digest(sorted(species)),
        "held_out_images": digest(read_list(config.path(held.images))) if held.images else None,
        "test_sets": list(build.held_out_numbers),
    }
    stage = build.folder.open_stage("plan", inputs, title="which images may be used")
    if stage.summary is None:
        find_held_out(build, listed, names, species, stage.path / "held_out.parquet")
        files = {
            "keys": names.keys.files, "resolved": names.resolved.files,
            "held_out": (stage.path / "held_out.parquet",),
        }  # fmt: skip
        plan_rows(build.database, config, listed, files, stage.path / "plan.parquet")
        stage.finish({})
    return get_made(stage, "plan.parquet")

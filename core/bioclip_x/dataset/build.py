"""Builds a data set, stage by stage; what is finished is not done again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.dataset.card.write import write_card
from bioclip_x.dataset.checks import check_build
from bioclip_x.dataset.config import BuildConfig
from bioclip_x.dataset.context import MOST_WORKERS, Build, Made, NameTables, join, number_sources
from bioclip_x.dataset.database import open_database
from bioclip_x.dataset.folder import WORK, open_folder, write_json
from bioclip_x.dataset.images.reading import FAILED, read_images
from bioclip_x.dataset.output.captioning import write_captions
from bioclip_x.dataset.output.catalogue import count_images, write_catalogue, write_taxonomy
from bioclip_x.dataset.output.samples import place_all_images, write_class_texts
from bioclip_x.dataset.output.shards import write_shards
from bioclip_x.dataset.rows.deciding import decide_all_rows, find_duplicates
from bioclip_x.dataset.rows.listing import list_all_rows
from bioclip_x.dataset.rows.planning import collect_given_names, count_names, plan_all_rows, resolve_given_names
from bioclip_x.dataset.schema import HELD_OUT, write_table
from bioclip_x.errors import DatasetError
from bioclip_x.hooks.registry import Registry
from bioclip_x.images.files import make_image_files
from bioclip_x.progress import Progress

STAGES: Final = ("names", "images", "duplicates", "shards")
COUNTS: Final = "counts.json"


def build_dataset(
    config: BuildConfig, registry: Registry, progress: Progress, say: Callable[[str], None], until: str = STAGES[-1]
) -> dict[str, Any]:
    """Builds a data set up to a stage, and returns the counts of its images.

    Where it stops after the names, it returns their counts alone; after another stage before the last, {}.
    say: receives notes. Raises BioclipXError; then, and after an interruption, the same call goes on where this one ended.
    """
    with make_build(config, registry, progress, say) as build:
        return run_stages(build, until)


@contextmanager
def make_build(
    config: BuildConfig, registry: Registry, progress: Progress, say: Callable[[str], None]
) -> Iterator[Build]:
    """Opens the folder of a data set, which no other process may build meanwhile, and the database."""
    names = [source.name for source in (*config.sources, *config.held_out.sources)]
    with (
        open_folder(config.path(config.output), say) as folder,
        open_database(folder.work, config.memory, min(os.cpu_count() or 1, MOST_WORKERS)) as database,
    ):
        numbers = number_sources(folder, names)
        database.execute("CREATE TEMP TABLE sources (number BIGINT, name VARCHAR, place BIGINT)")
        places = [(numbers[name], name, place) for place, name in enumerate(names)]
        database.executemany("INSERT INTO sources VALUES (?, ?, ?)", places)
        files = make_image_files(registry, config.images.truncated)
        yield Build(config, registry, folder, database, files, progress, say, numbers)


def run_stages(build: Build, until: str) -> dict[str, Any]:
    """Runs the stages of a build; see `build_dataset`."""
    check_build(build)
    of_source = list_all_rows(build)
    rows = join(*of_source.values())
    given, keys = collect_given_names(build, rows)
    resolved = resolve_given_names(build, given)
    names = NameTables(given, resolved, keys)
    plan = plan_all_rows(build, of_source, names)
    if until == "names":
        return {"names": count_names(build, names)}
    images = read_images(build, of_source, plan)
    if until == "images":
        return {}
    duplicates, across = find_duplicates(build, rows, resolved, plan, images)
    decided = decide_all_rows(build, of_source, plan, images, duplicates, across)
    if until == "duplicates":
        return {}
    samples = place_all_images(build, rows, resolved, images, decided)
    captions = write_captions(build, samples)
    shards = write_shards(build, samples, captions, write_class_texts(build, samples))
    folder, failed = build.folder.path, build.folder.work / FAILED
    unreadable = [(row, reason) for shard in shards.values() for row, reason in shard.failed]
    columns = {"row": [row for row, _ in unreadable], "reason": [reason for _, reason in unreadable]}
    write_table(failed, pa.table(columns, schema=HELD_OUT))
    tables = {
        "decided": decided.files, "resolved": resolved.files, "images": images.files, "samples": [samples],
        "failed": [failed], "captions": captions.files,
    }  # fmt: skip
    write_catalogue(build.database, rows, tables, folder, build.config.base)
    write_taxonomy(build.database, folder)
    counts = count_images(build.database) | {"names": count_names(build, names)}
    check_counts(counts, rows)
    write_json(folder / COUNTS, counts)
    write_card(build, counts)
    return counts


def check_counts(counts: Mapping[str, Any], rows: Made) -> None:
    """Raises DatasetError unless each row of the sources has one outcome."""
    listed = sum(pq.read_metadata(file).num_rows for file in rows.files)
    if not listed == counts["images"] == sum(counts["outcomes"].values()):
        raise DatasetError(
            f"the catalogue accounts for {counts['images']:,} of the {listed:,} rows of the sources: a fault of bioclip-x or a "
            f"damaged file; delete {WORK}/ and build again"
        )

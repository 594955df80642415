"""Builds a data set, stage by stage; what is finished is not done again."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from bioclip_x.dataset.card.write import write_card
from bioclip_x.dataset.catalogue import count_images, write_catalogue, write_taxonomy
from bioclip_x.dataset.config import BuildConfig
from bioclip_x.dataset.context import MOST_WORKERS, Build, join, number_sources
from bioclip_x.dataset.database import open_database
from bioclip_x.dataset.deciding import decide_all_rows, find_duplicates
from bioclip_x.dataset.folder import open_folder, write_json
from bioclip_x.dataset.planning import collect_given_names, plan_all_rows, resolve_given_names
from bioclip_x.dataset.reading import read_images
from bioclip_x.dataset.rows import list_all_rows
from bioclip_x.dataset.schema import CAPTIONS, HELD_OUT, write_table
from bioclip_x.dataset.shards import write_shards
from bioclip_x.hooks.registry import Registry
from bioclip_x.images.files import make_image_files
from bioclip_x.progress import Progress

STAGES: Final = ("names", "images", "duplicates", "shards")
COUNTS: Final = "counts.json"


def build_dataset(
    config: BuildConfig, registry: Registry, progress: Progress, say: Callable[[str], None], until: str = STAGES[-1]
) -> dict[str, Any]:
    """Builds a data set up to a stage, and returns the counts of its images; {} where it stops before the last stage.

    say: receives notes. Raises BioclipXError; then, and after an interruption, the same call goes on where this one ended.
    """
    names = [source.name for source in (*config.sources, *config.held_out.sources)]
    with (
        open_folder(config.path(config.output), say) as folder,
        open_database(folder.work, config.memory, min(os.cpu_count() or 1, MOST_WORKERS)) as database,
    ):
        numbers = number_sources(folder, names)
        database.execute("CREATE TEMP TABLE sources (number BIGINT, name VARCHAR)")
        database.executemany("INSERT INTO sources VALUES (?, ?)", [(number, name) for name, number in numbers.items()])
        files = make_image_files(registry, config.images.truncated)
        build = Build(config, registry, folder, database, files, progress, say, numbers)
        return run_stages(build, until)


def run_stages(build: Build, until: str) -> dict[str, Any]:
    """Runs the stages of a build; see `build_dataset`."""
    of_source = list_all_rows(build)
    rows = join(*of_source.values())
    given, keys = collect_given_names(build, rows)
    resolved = resolve_given_names(build, given)
    plan = plan_all_rows(build, of_source, keys, resolved)
    if until == "names":
        return {}
    images = read_images(build, of_source, plan)
    if until == "images":
        return {}
    duplicates, across = find_duplicates(build, plan, images)
    decided = decide_all_rows(build, of_source, plan, images, duplicates, across)
    if until == "duplicates":
        return {}
    shards = write_shards(build, rows, resolved, images, decided)
    folder, work = build.folder.path, build.folder.work
    failed = [(row, reason) for shard in shards.values() for row, reason in shard.failed]
    write_table(
        work / "failed.parquet",
        pa.table({"row": [row for row, _ in failed], "reason": [why for _, why in failed]}, schema=HELD_OUT),
    )
    write_table(work / "captions.parquet", CAPTIONS.empty_table())
    tables = {
        "decided": decided.files, "rows": rows.files, "resolved": resolved.files, "images": images.files,
        "placed": [work / "shards" / "samples.parquet"], "failed": [work / "failed.parquet"],
        "captions": [work / "captions.parquet"],
    }  # fmt: skip
    write_catalogue(build.database, tables, folder)
    write_taxonomy(build.database, folder)
    counts = count_images(build.database)
    write_json(folder / COUNTS, counts)
    write_card(build, counts)
    return counts

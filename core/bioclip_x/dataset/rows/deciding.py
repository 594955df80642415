"""The stages after reading: which images are the same, and what becomes of each row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.dataset.context import Build, Made, digest, get_made, join
from bioclip_x.dataset.database import quote, quote_files
from bioclip_x.dataset.duplicates.across import find_perceptual_across, find_semantic_across
from bioclip_x.dataset.duplicates.columns import DUPLICATES as FOUND
from bioclip_x.dataset.duplicates.columns import combine, drop_duplicates
from bioclip_x.dataset.duplicates.exact import find_exact, find_exact_across
from bioclip_x.dataset.duplicates.perceptual import count_uninformative, find_perceptual
from bioclip_x.dataset.duplicates.semantic import find_semantic
from bioclip_x.dataset.images.embeddings import embed_images, join_embeddings, select_vectors
from bioclip_x.dataset.images.reading import locate_kept
from bioclip_x.dataset.ranges import RowRange, write_ranges
from bioclip_x.dataset.rows.duplicate_pages import NEAR, write_pages
from bioclip_x.dataset.rows.outcomes import decide_rows
from bioclip_x.dataset.schema import write_table
from bioclip_x.messages import pluralise

MOST_PIXELS: Final = 1 << 40
"""More than any image has; of equal priority, the larger image is kept."""


def find_duplicates(build: Build, rows: Made, resolved: Made, plan: Made, images: Made) -> tuple[Made, Made]:
    """Finds the images that are the same as another, and those that are the same as one that is held out.

    The cheaper ways come first, and each sees only what the ones before have left. Writes a page of each.
    """
    config = build.config
    inputs = {
        "plan": plan.version, "images": describe_images(images), "settings": config.duplicates.model_dump(mode="json"),
        "similarity": config.held_out.similarity, "model": config.model, "seed": config.seed,
    }  # fmt: skip
    stage = build.folder.open_stage("duplicates", inputs)
    within, across = stage.path / "within.parquet", stage.path / "across.parquet"
    if stage.summary is None:
        candidates, references = stage.path / "candidates.parquet", stage.path / "references.parquet"
        list_images(build, rows, resolved, plan, images, "", candidates)
        list_images(build, rows, resolved, plan, images, "held out", references)
        found = compare_images(build, images, candidates, references)
        near = {kind.removeprefix(NEAR): table for kind, table in found.items() if kind.startswith(NEAR)}
        write_table(across, combine(near))
        write_table(within, combine({kind: one for kind, one in found.items() if not kind.startswith(NEAR)}))
        summary = write_pages(build, candidates, references, found)
        stage.finish(summary)
    version = get_made(stage).version
    return Made((within,), version), Made((across,), version)


def list_images(build: Build, rows: Made, resolved: Made, plan: Made, images: Made, outcome: str, output: Path) -> None:
    """Writes the readable images whose outcome is this so far, the preferred with the lowest `order`."""

    def make_query(part: RowRange) -> str:
        return f"""
            SELECT i.row, i.sha256, i.phash, {locate_kept(build)} AS file, i."offset", i.size, i.width, i.height, p.source,
                n.name AS taxon,
                p.priority::BIGINT * {MOST_PIXELS} - least(i.width::BIGINT * i.height, {MOST_PIXELS} - 1) AS "order"
            FROM {part.of(images.files)} i
            JOIN {part.of(plan.files)} p USING (row)
            JOIN read_parquet({quote_files(resolved.files)}) n USING (key)
            WHERE i.error = '' AND p.outcome = {quote(outcome)} ORDER BY i.row
        """

    write_ranges(build.database, rows, make_query, output)


def compare_images(build: Build, images: Made, candidates: Path, references: Path) -> dict[str, pa.Table]:
    """Returns the tables of the finders by kind; of those that are near a held-out image as f"{NEAR}exact" and so on."""
    settings, similarity = build.config.duplicates, build.config.held_out.similarity
    left = pq.read_table(candidates, columns=["row", "sha256", "phash", "order"])
    held = pq.read_table(references, columns=["row", "sha256", "phash"])
    found: dict[str, pa.Table] = {}

    def keep(kind: str, table: pa.Table) -> None:
        nonlocal left
        found[kind], left = table, drop_duplicates(left, table)
        if len(table):
            what = "like an image that is held out" if kind.startswith(NEAR) else "the same as another"
            build.progress.say(f"{pluralise(len(table), 'image')} {what} ({kind.removeprefix(NEAR)})")

    if len(held):
        near = find_exact_across(left, held)
        distance = pa.repeat(pa.scalar(0.0, pa.float32()), len(near))
        keep(f"{NEAR}exact", pa.table([near["row"], near["reference"], distance], schema=FOUND))
        if settings.perceptual is not None:
            keep(f"{NEAR}perceptual", _as_found(find_perceptual_across(left, held, settings.perceptual)))
    if settings.exact:
        keep("exact", find_exact(left))
    if settings.perceptual is not None:
        if plain := count_uninformative(left):
            build.progress.say(f"{pluralise(plain, 'image')} of nearly one colour, not compared by perceptual hash")
        keep("perceptual", find_perceptual(left, settings.perceptual))
    if (settings.semantic or similarity) and len(left):
        rows, vectors, is_held = embed_what_is_left(build, images, candidates, references, left)

        def select(at: npt.NDArray[np.int64], name: str) -> Any:
            return select_vectors(vectors, at, build.folder.work / f"{name}.npy")

        if similarity and is_held.any():
            mine, theirs = np.flatnonzero(~is_held), np.flatnonzero(is_held)
            near = find_semantic_across(
                select(mine, "candidates"), rows[mine], select(theirs, "references"), rows[theirs], similarity
            )
            keep(f"{NEAR}semantic", _as_found(near))
        if (semantic := settings.semantic) is not None:
            kept = np.flatnonzero(np.isin(rows, left["row"].to_numpy()))
            n_clusters = min(semantic.clusters, len(kept)) if semantic.clusters else None
            by_row = left.sort_by("row")
            order = by_row["order"].to_numpy()[np.searchsorted(by_row["row"].to_numpy(), rows[kept])]
            keep(
                "semantic",
                find_semantic(
                    select(kept, "left"), rows[kept], epsilon=semantic.epsilon, keep=semantic.keep, n_clusters=n_clusters,
                    order_N=order if semantic.keep == "order" else None, seed=build.config.seed,
                ),
            )  # fmt: skip
    return found


def embed_what_is_left(
    build: Build, images: Made, candidates: Path, references: Path, left: pa.Table
) -> tuple[Any, Any, Any]:
    """Embeds the images that are left, and those that are held out if they are compared.

    Returns the rows, int64 [n]; their vectors, a memory-mapped float16 matrix [n, D]; and which are held out, bool [n].
    """
    rows = build.folder.work / "left.parquet"
    write_table(rows, left.select(["row"]))
    wanted = f"""
        SELECT row, file, "offset", size FROM read_parquet({quote_files([candidates])})
        WHERE row IN (SELECT row FROM read_parquet({quote_files([rows])}))
    """
    if build.config.held_out.similarity:
        wanted += f' UNION ALL SELECT row, file, "offset", size FROM read_parquet({quote_files([references])})'
    made = embed_images(build, wanted, images.version)
    numbers, vectors = join_embeddings(made, build.folder.work / "embeddings.npy")
    held = pq.read_table(references, columns=["row"])["row"].to_numpy()
    return numbers, vectors, np.isin(numbers, held)


def _as_found(near: pa.Table) -> pa.Table:
    return pa.table([near["row"], near["reference"], near["distance"]], schema=FOUND)


def describe_images(images: Made) -> str:
    """Returns a digest of which images were read, and how: of the names and sizes of the files that say it."""
    return digest(images.version, [(str(file), file.stat().st_size) for file in images.files])


def decide_all_rows(
    build: Build, rows: Mapping[int, Made], plan: Made, images: Made, duplicates: Made, across: Made
) -> Made:
    """Decides what becomes of each row, and draws its split."""
    config = build.config
    inputs = {
        "plan": plan.version, "images": describe_images(images), "duplicates": duplicates.version,
        "splits": config.splits, "seed": config.seed,
    }  # fmt: skip
    stage = build.folder.open_stage("decided", inputs, title="outcomes and splits")
    output: Path = stage.path / "decided.parquet"
    if stage.summary is None:
        files = {
            "plan": plan.files, "images": images.files, "duplicates": duplicates.files, "across": across.files,
        }  # fmt: skip
        decide_rows(build.database, config, join(*rows.values()), files, output)
        stage.finish({})
    return get_made(stage)

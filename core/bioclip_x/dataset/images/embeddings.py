"""Embeds images by the configured model, for comparisons of what they show.

Each file `embeddings-….parquet` has some thousand images, and appears when it is complete; a run goes on after the last.

Legend: n images, D embedding dimension.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bioclip_x.dataset.context import Build, Made, get_made
from bioclip_x.dataset.database import quote_files
from bioclip_x.dataset.images.encoding import CHANGED
from bioclip_x.dataset.images.places import Place
from bioclip_x.dataset.images.reading import FAILED
from bioclip_x.dataset.schema import write_table
from bioclip_x.embed.embedder import Embedder
from bioclip_x.errors import DatasetError, ImageError
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import Source

IMAGES_PER_FILE: Final = 4096


def embed_images(build: Build, images: str, version: str) -> Made:
    """Embeds the images that have no embedding yet.

    images: SQL that selects row, file, offset and size. version: of the files that hold them. The tables have `row` and `vector`,
    float16 of unit length; none for an image at which the model fails.
    """
    config = build.config
    assert config.model is not None
    recipe = resolve_recipe(build.registry, flags={"model": config.model, "device": config.device})
    embedder = Embedder(recipe, build.registry)
    about = embedder.make_image_provenance()
    inputs = {
        "images": version, "model": about.model, "revision": about.revision,
        "preprocessing": dict(about.preprocessing or {}),
    }  # fmt: skip
    stage = build.folder.open_stage("embeddings", inputs)
    files = sorted(stage.path.glob("*.parquet"))
    drop_changed(files, build.folder.work / FAILED)
    known = f"SELECT row FROM read_parquet({quote_files(files)})" if files else "SELECT NULL::BIGINT WHERE false"
    total = build.database.execute(f"SELECT count(*) FROM ({images})").fetchall()[0][0]
    result = build.database.cursor().execute(f"SELECT * FROM ({images}) WHERE row NOT IN ({known}) ORDER BY row")
    done = sum(pq.read_metadata(file).num_rows for file in files)
    number = len(files)
    while batch := result.fetchmany(IMAGES_PER_FILE):
        write_table(stage.path / f"embeddings-{number:06}.parquet", _embed(embedder, batch))
        done, number = done + len(batch), number + 1
        build.progress.update("embeddings", done, total)
    return get_made(stage)


def drop_changed(files: Sequence[Path], failed: Path) -> None:
    """Drops the embeddings of images that had other bytes when the last run wrote them, and have been read again since."""
    if not failed.exists():
        return
    table = pq.read_table(failed)
    changed = table.filter(pc.starts_with(table["reason"], CHANGED))["row"].combine_chunks()
    for file in files if len(changed) else ():
        known = pq.read_table(file)
        kept = known.filter(pc.invert(pc.is_in(known["row"], value_set=changed)))
        if len(kept) < len(known):
            write_table(file, kept)


def _embed(embedder: Embedder, batch: list[tuple[int, str, int, int]]) -> pa.Table:
    rows = iter(embedder.embed_sources(_iterate_sources(batch), iter(())))
    vectors = [one.vector_D for found in rows for one in found]
    dim = embedder.encoder.card.dim
    column = pa.array(
        [None if one is None else one.astype(np.float16) for one in vectors], pa.list_(pa.float16(), dim)
    )  # fmt: skip
    return pa.table({"row": pa.array([row for row, *_ in batch], pa.int64()), "vector": column})


def _iterate_sources(batch: list[tuple[int, str, int, int]]) -> Iterator[Source]:
    for row, file, offset, size in batch:
        try:
            yield Source(str(row), data=Place(file, offset, size).read())
        except ImageError as problem:
            yield Source(str(row), error=str(problem))


def join_embeddings(made: Made, output: Path) -> tuple[npt.NDArray[np.int64], Any]:
    """Writes all embeddings to one file of NumPy's format, and returns the rows, int64 [n], and the memory-mapped matrix.

    The matrix is float16 [n, D]. Raises DatasetError where no image has an embedding.
    """
    count = sum(_read(file).num_rows for file in made.files)
    if not count:
        raise DatasetError("no image has an embedding")
    dim = pq.read_schema(made.files[0]).field("vector").type.list_size
    matrix_nD = np.lib.format.open_memmap(output, mode="w+", dtype=np.float16, shape=(count, dim))
    rows: list[npt.NDArray[np.int64]] = []
    start = 0
    for file in made.files:
        for chunk in _read(file).to_batches():
            vectors = chunk["vector"].flatten().to_numpy(zero_copy_only=False)
            matrix_nD[start : start + len(chunk)] = vectors.reshape(-1, dim)
            rows.append(chunk["row"].to_numpy())
            start += len(chunk)
    matrix_nD.flush()
    return np.concatenate(rows), np.load(output, mmap_mode="r")


def select_vectors(matrix_nD: Any, at_m: npt.NDArray[np.int64], output: Path) -> Any:
    """Returns some rows of a matrix, in this order: itself if these are all, else a memory-mapped file, [m, D]."""
    if np.array_equal(at_m, np.arange(len(matrix_nD))):
        return matrix_nD
    selected_mD = np.lib.format.open_memmap(output, "w+", matrix_nD.dtype, (len(at_m), matrix_nD.shape[1]))
    for start in range(0, len(at_m), IMAGES_PER_FILE):
        selected_mD[start : start + IMAGES_PER_FILE] = matrix_nD[at_m[start : start + IMAGES_PER_FILE]]
    return selected_mD


def _read(file: Path) -> pa.Table:
    table = pq.read_table(file)
    return table.filter(table["vector"].is_valid())

"""Reads the images once: whether they can be decoded, and by which hashes they are compared.

Each task of some hundred images gives a file `images-….parquet` (`schema.IMAGES`), which appears when it is complete. The bytes
of images that are not in a file as they are (at URLs, in compressed archives) are kept beside it, in `images-….bin`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from bioclip_x.dataset.context import Build, Made, digest, get_made
from bioclip_x.dataset.database import interruptible, quote, quote_files
from bioclip_x.dataset.duplicates.hashing import perceptual_hash
from bioclip_x.dataset.images.encoding import CHANGED
from bioclip_x.dataset.images.places import Place, find_places, is_compressed_tar
from bioclip_x.dataset.ranges import RowRange, write_ranges
from bioclip_x.dataset.schema import BEFORE_READING, IMAGES, write_table
from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.faults import at_hand
from bioclip_x.images.files import ImageFiles
from bioclip_x.images.places.remote import is_url
from bioclip_x.io.storage.streams import open_binary_output
from bioclip_x.records import Source

IMAGES_PER_TASK: Final = 256
FAILED: Final = "failed.parquet"
"""The images that could not be written: `row` and `reason`."""
KEPT: Final = "kept://"
"""Before the name of a file of this stage, which may be moved with the data set."""


@dataclass(frozen=True)
class ReadTask:
    """Images to read. output: the file of the results. images: (row, path or URL, member)."""

    output: Path
    images: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True)
class Reader:
    """Reads the images of a task, in any process. hashes: whether perceptual hashes are computed."""

    files: ImageFiles
    hashes: bool

    def __call__(self, task: ReadTask) -> tuple[int, int]:
        """Returns the number of images, and of those that cannot be read. Raises BioclipXError for a full disk."""
        records: list[dict[str, Any]] = []
        kept = task.output.with_suffix(".bin")
        with open_binary_output(kept) as stream:
            end = 0
            places = find_places([(image, member) for _, image, member in task.images], task.output.parent)
            for (row, image, member), place in zip(task.images, places, strict=True):
                with at_hand(member or image):
                    record = self._read(row, member or image, place)
                if isinstance(place, Place) and place.data is not None and not record["error"]:
                    stream.write(place.data)
                    record |= {"file": f"{KEPT}{kept.parent.name}/{kept.name}", "offset": end}
                    end += place.size
                records.append(record)
        if not end:
            kept.unlink()
        write_table(task.output, pa.Table.from_pylist(records, schema=IMAGES))
        return len(records), sum(bool(record["error"]) for record in records)

    def _read(self, row: int, name: str, place: Place | ImageError) -> dict[str, Any]:
        record: dict[str, Any] = dict.fromkeys(IMAGES.names) | {"row": row, "error": "", "note": ""}
        if isinstance(place, ImageError):
            return record | {"error": str(place), "size": -1 if is_url(name) else 0}
        record |= {"file": place.file, "offset": place.offset, "size": place.size}
        try:
            raw = place.read()
            opened = self.files.read(Source(name, data=raw))
        except (ImageError, ComponentError) as problem:
            return record | {"error": str(problem)}
        width, height = opened.image.size
        return record | {
            "sha256": hashlib.sha256(raw).digest(),
            "phash": perceptual_hash(opened.image) if self.hashes else None,
            "width": width,
            "height": height,
            "note": "; ".join(opened.notes),
        }


def make_tasks(rows: Iterator[Sequence[tuple[int, str, str]]], folder: Path) -> Iterator[ReadTask]:
    """Divides rows into tasks, whose files are numbered after those that are there. rows: batches in order."""
    number = find_next_number(folder)
    batch: list[tuple[int, str, str]] = []
    for one in (one for rows_of_batch in rows for one in rows_of_batch):
        is_same_archive = bool(batch) and is_compressed_tar(one[1]) and batch[-1][1] == one[1]
        if len(batch) >= IMAGES_PER_TASK and not is_same_archive:  # a compressed archive is read from its beginning
            yield ReadTask(folder / f"images-{number:06}.parquet", tuple(batch))
            batch, number = [], number + 1
        batch.append(one)
    if batch:
        yield ReadTask(folder / f"images-{number:06}.parquet", tuple(batch))


def find_next_number(folder: Path) -> int:
    """Returns the number after that of the last file."""
    numbers = [int(file.stem.rpartition("-")[2]) for file in folder.glob("images-*.parquet")]
    return max(numbers, default=-1) + 1


def read_images(build: Build, rows: Mapping[int, Made], plan: Made) -> Made:
    """Reads the images that may be used or are held out, and were not read before.

    Downloads that failed are tried again, and so are images that changed before they were written.
    """
    hashes = build.config.duplicates.perceptual is not None
    settings = {"truncated": build.config.images.truncated, "hashes": hashes}
    names = {number: name for name, number in build.numbers.items()}
    files: list[Path] = []
    done = 0

    def show(result: tuple[int, int]) -> None:
        nonlocal done
        done += result[0]
        build.progress.update("images", done, None)

    for number, listed in rows.items():
        stage = build.folder.open_stage(
            f"images/{number:03}", {"rows": listed.version, **settings}, title=f"images of {names[number]}"
        )
        read = tuple(sorted(stage.path.glob("images-*.parquet")))
        missing = iterate_missing(build.database, listed, plan, read, build.folder.work / FAILED)
        build.run(Reader(build.files, hashes), make_tasks(missing, stage.path), show)
        join_parts(build.database, listed, stage.path)
        files += get_made(stage, "images-*.parquet").files
    if not files:  # no image is wanted
        files = [build.folder.work / "images" / "none.parquet"]
        write_table(files[0], IMAGES.empty_table())
    return Made(tuple(files), digest([listed.version for listed in rows.values()], settings))


def locate_kept(build: Build) -> str:
    """Returns SQL of the path of the file that holds an image of the table `i`."""
    folder = quote(f"{build.folder.work / 'images'}/")
    return f"CASE WHEN starts_with(i.file, '{KEPT}') THEN {folder} || substr(i.file, {len(KEPT) + 1}) ELSE i.file END"


def iterate_missing(
    database: Any, rows: Made, plan: Made, read: tuple[Path, ...], failed: Path
) -> Iterator[list[tuple[int, str, str]]]:
    """Yields (row, path or URL, member) of the images of a source that are to be read, in batches, in order."""
    done = "SELECT NULL::BIGINT AS row WHERE false"
    if read:
        # What is at hand and cannot be read is not tried again; a server may answer another time.
        done = f"SELECT row FROM read_parquet({quote_files(read)}) WHERE (error = '' OR size >= 0)"
        if failed.exists():
            changed = (
                f"SELECT row FROM read_parquet({quote_files([failed])}) WHERE starts_with(reason, {quote(CHANGED)})"
            )
            done += f" AND row NOT IN ({changed})"
    query = f"""
        SELECT r.row, r.image, r.member FROM read_parquet({quote_files(rows.files)}) r
        JOIN read_parquet({quote_files(plan.files)}) p USING (row)
        LEFT JOIN (SELECT DISTINCT row FROM ({done})) d ON d.row = r.row
        WHERE p.outcome NOT IN {BEFORE_READING} AND d.row IS NULL ORDER BY r.row
    """
    with interruptible():
        result = database.cursor().execute(query)
        while batch := result.fetchmany(IMAGES_PER_TASK * 16):
            yield batch


def join_parts(database: Any, rows: Made, folder: Path) -> None:
    """Joins the files of a source to one, sorted by row, with the last record of images that were read more than once."""
    parts = sorted(folder.glob("images-*.parquet"))
    if len(parts) < 2:
        return

    def make_query(part: RowRange) -> str:
        return f"""
            SELECT * EXCLUDE (filename) FROM read_parquet({quote_files(parts)}, filename = true)
            WHERE row >= {part.first} AND row < {part.stop}
            QUALIFY row_number() OVER (PARTITION BY row ORDER BY filename DESC) = 1 ORDER BY row
        """

    joined = folder / f"images-{find_next_number(folder):06}.parquet"
    write_ranges(database, rows, make_query, joined, IMAGES)
    for part in parts:  # if it is not deleted, its records are those of an earlier time
        part.unlink()

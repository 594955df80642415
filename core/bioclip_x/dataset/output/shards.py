"""Writes the images that are used, with their texts, to tar files in webdataset's layout.

The images of a split are in random order, drawn by their identifiers: an image keeps its place relative to the others when some
are added. A sample has the members `ID.jpg` (or png, webp), those of its texts, and `ID.json`.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pyarrow as pa

from bioclip_x.dataset.config import Images
from bioclip_x.dataset.context import Build, Made
from bioclip_x.dataset.database import interruptible, quote, quote_files
from bioclip_x.dataset.folder import read_json, write_json
from bioclip_x.dataset.images.encoding import encode_image
from bioclip_x.dataset.output.samples import SAMPLE_COLUMNS, ClassTexts
from bioclip_x.dataset.output.texts import make_text_members
from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.faults import at_hand
from bioclip_x.images.files import ImageFiles
from bioclip_x.io.storage.streams import open_binary_output
from bioclip_x.taxonomy.ranks import LINNAEAN

SHARDS: Final = "shards"
"""The folder of the tar files."""
FORMAT: Final = 1
"""Of the samples; another number has all tar files written again."""
OWN_TEXTS: Final[Mapping[str, str]] = {"publisher_text": "text", "caption": "caption"}
"""Member, without .txt → column."""
JSON_FIELDS: Final = ("id", "source", "source_id", "status", "rank", "licence", "rights_holder", "reference")


@dataclass(frozen=True)
class ShardTask:
    """A tar file to write. samples: a table with `SAMPLE_COLUMNS` and `caption`. texts: member → text of each sample."""

    output: Path
    samples: pa.Table
    texts: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class WrittenShard:
    """A complete tar file. size: in bytes. images: in it. failed: (row, reason) of images that cannot be read any more."""

    output: Path
    size: int
    images: int
    failed: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class ShardWriter:
    """Writes a tar file, in any process."""

    files: ImageFiles
    images: Images

    def __call__(self, task: ShardTask) -> WrittenShard:
        """Raises BioclipXError for a full disk."""
        failed: list[tuple[int, str]] = []
        written = 0
        with (
            open_binary_output(task.output) as stream,
            tarfile.open(None, "w|", cast(Any, stream), format=tarfile.USTAR_FORMAT) as tar,
        ):
            for number, sample in enumerate(_iterate_samples(task.samples)):
                try:
                    with at_hand(f"{task.output.name}, {sample['id']}"):
                        suffix, raw = encode_image(self.files, self.images, sample)
                except (ImageError, ComponentError) as problem:
                    failed.append((sample["row"], str(problem)))
                    continue
                _add(tar, f"{sample['id']}.{suffix}", raw)
                own = {member: texts[number] for member, texts in task.texts.items()}
                lineage = [sample[rank] for rank in LINNAEAN]
                members = make_text_members(lineage, sample["common_name"]) | own | _make_own_members(sample)
                for member, text in members.items():
                    _add(tar, f"{sample['id']}.{member}", text.encode("utf-8", "replace"))
                written += 1
        return WrittenShard(task.output, task.output.stat().st_size, written, tuple(failed))


def _iterate_samples(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(256):
        yield from batch.to_pylist()


def _make_own_members(sample: Mapping[str, Any]) -> dict[str, str]:
    """Returns the publisher's caption, the model's, and the JSON member."""
    members = {f"{name}.txt": sample[column] for name, column in OWN_TEXTS.items() if sample[column]}
    lineage = {rank: sample[rank] for rank in LINNAEAN if sample[rank]}
    document = {name: sample[name] for name in JSON_FIELDS if sample[name]} | {"lineage": lineage}
    if sample["common_name"]:
        document["common_name"] = sample["common_name"]
    return members | {"json": json.dumps(document, ensure_ascii=False)}


def _add(tar: tarfile.TarFile, name: str, raw: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(raw), 0o644
    tar.addfile(info, io.BytesIO(raw))


def digest_task(task: ShardTask, settings: Images) -> str:
    """Returns a digest of all that a tar file is made of, so that it is written again only where something changed.

    The bytes of an image are known by its SHA-256, which is among the columns.
    """
    digest = hashlib.sha256(f"{FORMAT} {settings.model_dump_json()}".encode())
    for column in task.samples.column_names:
        if column not in ("row", "file", "offset", "image"):  # where the bytes are does not matter
            digest.update(json.dumps(task.samples[column].to_pylist(), default=bytes.hex).encode())
    digest.update(json.dumps(sorted(task.texts.items())).encode())
    return digest.hexdigest()


def write_shards(build: Build, samples: Path, captions: Made, texts: ClassTexts) -> dict[str, WrittenShard]:
    """Writes the tar files that are missing or would be others, and deletes those that are no longer wanted.

    Returns what each holds, by the name of its file.
    """
    folder = build.folder.path / SHARDS
    folder.mkdir(exist_ok=True)
    records = build.folder.work / "shards"
    records.mkdir(exist_ok=True)
    digests: dict[str, str] = {}
    written: dict[str, WrittenShard] = {}

    def iterate_tasks() -> Iterator[ShardTask]:
        for name, table in iterate_shards(build.database, samples, captions):
            task = ShardTask(folder / name, table, texts.choose(table, build.config.seed))
            digests[name] = digest_task(task, build.config.images)
            if shard := read_written(records / f"{name}.json", task.output, digests[name]):
                written[name] = shard
            else:
                yield task

    def handle(shard: WrittenShard) -> None:
        name = shard.output.name
        record = {"digest": digests[name], "size": shard.size, "images": shard.images, "failed": shard.failed}
        write_json(records / f"{name}.json", record)
        written[name] = shard
        build.progress.update("shards", len(written), None)

    build.run(ShardWriter(build.files, build.config.images), iterate_tasks(), handle)
    for file in folder.glob("*.tar"):
        if file.name not in written:
            file.unlink()
            (records / f"{file.name}.json").unlink(missing_ok=True)
    return dict(sorted(written.items()))


def iterate_shards(database: Any, samples: Path, captions: Made) -> Iterator[tuple[str, pa.Table]]:
    """Yields the name and the samples of each shard, one in memory at a time."""
    table = f"read_parquet({quote_files([samples])})"
    with interruptible():
        names = database.execute(f"SELECT DISTINCT shard FROM {table} ORDER BY shard").fetchall()
    columns = ", ".join(f's."{column}"' for column in (*SAMPLE_COLUMNS, "sha256"))
    for (name,) in names:
        query = f"""
            SELECT {columns}, coalesce(c.text, '') AS caption FROM {table} s
            LEFT JOIN read_parquet({quote_files(captions.files)}) c USING (row)
            WHERE s.shard = {quote(name)} ORDER BY s.place
        """
        with interruptible():
            found = database.sql(query).to_arrow_table()
        yield name, found


def read_written(record: Path, output: Path, digest: str) -> WrittenShard | None:
    """Returns what an earlier run wrote; None if that is another content, or no longer there as a whole."""
    known = read_json(record)
    try:
        if known["digest"] != digest or output.stat().st_size != known["size"]:
            return None
        failed = tuple((int(row), str(reason)) for row, reason in known["failed"])
        return WrittenShard(output, known["size"], known["images"], failed) if not failed else None
    except (OSError, TypeError, KeyError, ValueError):
        return None

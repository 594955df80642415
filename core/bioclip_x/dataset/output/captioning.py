"""The stage of captions: which images get one, and how well each fits its image."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from PIL import Image

from bioclip_x.dataset.config import Captions
from bioclip_x.dataset.context import Build, Made, digest, get_made
from bioclip_x.dataset.database import quote_files
from bioclip_x.dataset.images.places import Place
from bioclip_x.dataset.output.captions import (
    CaptionedImage,
    ImageIds,
    caption_images,
    read_captioned,
    read_captions,
    read_provenance,
)
from bioclip_x.dataset.output.quality import bin_similarities, measure_similarities, prefix_caption
from bioclip_x.dataset.schema import CAPTIONS, open_table, write_table
from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.hooks.registry import resolve_relative_paths
from bioclip_x.messages import list_some, pluralise
from bioclip_x.models import load_encoder, make_family
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import Source, Taxon
from bioclip_x.taxonomy.ranks import LINNAEAN

PER_TABLE: Final = 16_384
"""Captions in a part of the table."""


def write_captions(build: Build, samples: Path) -> Made:
    """Has the images captioned that are used and have no caption yet, and writes the table `schema.CAPTIONS`.

    The captions are in a journal per captioner, which stays whatever else changes, since they are paid for.
    """
    settings = build.config.captions
    inputs = {"settings": settings and settings.model_dump(mode="json"), "model": build.config.model}
    stage = build.folder.open_stage("captions", inputs, keeps=True)
    if settings is None:
        write_table(stage.path / "captions.parquet", CAPTIONS.empty_table())
        return get_made(stage)
    ref = resolve_relative_paths(build.registry, "captioners", settings.component, build.config.base)
    captioner = build.registry.make("captioners", ref.name, ref.options)
    journal = stage.path / f"{digest(read_provenance(captioner))}.journal"
    counts = caption_images(
        captioner,
        _iterate_images(build, samples, settings, read_captioned(journal)),
        journal,
        {},
        settings.concurrency,
        progress=lambda done: build.progress.update("captions", done, None),
    )
    if counts.failed:
        reasons = list_some(list(counts.problems))
        build.say(f"{pluralise(counts.failed, 'image')} got no caption; the same command asks again: {reasons}")
    # The same captions of the same images have the same qualities, which take as long as embedding all of them.
    state = digest(journal.name, journal.stat().st_size, samples.stat().st_mtime_ns)  # a journal only grows
    output = stage.path / "captions.parquet"
    if (stage.summary or {}).get("state") != state or not output.exists():
        _list_captions(build, samples, settings, journal, output)
        stage.finish({"state": state})
    return get_made(stage)


def _iterate_images(build: Build, samples: Path, settings: Captions, known: ImageIds) -> Iterator[CaptionedImage]:
    """Yields the drawn images that have no caption yet; those that cannot be read are left to the shards to tell."""
    # The identifier is a digest, so that its first digits draw the same images whatever the others are.
    drawn = f"CAST('0x' || substr(id, 1, 8) AS UBIGINT) < {int(settings.fraction * (1 << 32))}"
    found = build.database.cursor().execute(f"""
        SELECT id, file, "offset", size, image, name, rank, common_name, {", ".join(f'"{rank}"' for rank in LINNAEAN)}
        FROM read_parquet({quote_files([samples])}) WHERE {drawn} ORDER BY id
    """)
    while batch := found.fetchmany(256):
        for image_id, file, offset, size, image, name, rank, common, *names in batch:
            if image_id in known:
                continue
            lineage = tuple((one, text) for one, text in zip(LINNAEAN, names) if text)
            taxon = Taxon(rank, name, lineage, {"en": (common,)} if common else {})
            try:
                yield image_id, _make_jpeg(build, image, Place(file, offset, size)), taxon
            except (ImageError, ComponentError):
                continue


def _make_jpeg(build: Build, name: str, place: Place) -> bytes:
    """Returns an image as a JPEG file: as it is, if it is one."""
    raw = place.read()
    if raw.startswith(b"\xff\xd8\xff"):
        return raw
    stream = io.BytesIO()
    image: Image.Image = build.files.read(Source(name, data=raw)).image
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _list_captions(build: Build, samples: Path, settings: Captions, journal: Path, output: Path) -> None:
    """Writes the captions of the images that are used, with their quality before them if it is asked for."""
    with open_table(output, CAPTIONS) as writer:
        tables = list(_match_captions(build, samples, journal))
        encoder = _load_model(build) if settings.bins and tables else None
        similarities = [
            np.full(len(table), np.nan) if encoder is None else _measure(build, encoder, table) for table in tables
        ]
        bins = [np.zeros(len(table), np.int64) for table in tables]
        if settings.bins and any(np.isfinite(one).any() for one in similarities):
            _, joined = bin_similarities(np.concatenate(similarities), settings.bins, settings.spacing)
            bins = np.split(joined, np.cumsum([len(one) for one in similarities])[:-1])
        for table, similarity, bin_n in zip(tables, similarities, bins):
            captions = table["caption"].to_pylist()
            numbers = bin_n.tolist()
            texts = [prefix_caption(text, one, settings.bins) if one else text for text, one in zip(captions, numbers)]
            columns: dict[str, Any] = {
                "row": table["row"], "caption": captions, "text": texts,
                "similarity": pa.array(similarity, pa.float64(), from_pandas=True),
            }  # fmt: skip
            writer.write_table(pa.table(columns, schema=CAPTIONS))


def _match_captions(build: Build, samples: Path, journal: Path) -> Iterator[pa.Table]:
    """Yields `row`, `caption`, `file`, `offset`, `size` of the captioned images that are used, in tables."""
    captions = dict(read_captions(journal))
    build.database.register("captioned", pa.table({"id": list(captions), "caption": list(captions.values())}))
    try:
        found = build.database.sql(f"""
            SELECT s.row, c.caption, s.file, s."offset", s.size FROM read_parquet({quote_files([samples])}) s
            JOIN captioned c USING (id) ORDER BY s.row
        """).to_arrow_table()
    finally:
        build.database.unregister("captioned")
    for start in range(0, len(found), PER_TABLE):
        yield found.slice(start, PER_TABLE)


def _load_model(build: Build) -> LoadedEncoder:
    recipe = resolve_recipe(build.registry, flags={"model": build.config.model, "device": build.config.device})
    return load_encoder(make_family(build.registry, recipe), recipe)


def _measure(build: Build, encoder: LoadedEncoder, table: pa.Table) -> np.ndarray:
    """Returns the cosine of each image and its caption: float64 [n], NaN where there is none."""
    parts = measure_similarities(encoder, _iterate_pairs(table), files=build.files)
    return np.concatenate([np.empty(0), *parts]).astype(np.float64)


def _iterate_pairs(table: pa.Table) -> Iterator[tuple[Source, str]]:
    for record in table.to_pylist():
        name = str(record["row"])
        try:
            source = Source(name, data=Place(record["file"], record["offset"], record["size"]).read())
        except ImageError as problem:
            source = Source(name, error=str(problem))
        yield source, record["caption"]

"""The images that are used: in which shard and where in it each is, and the tree of their taxa with its texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from bioclip_x.dataset.context import Build, Made, digest
from bioclip_x.dataset.database import quote, quote_files
from bioclip_x.dataset.images.reading import locate_kept
from bioclip_x.dataset.output.texts import build_texts, choose_text
from bioclip_x.dataset.ranges import RowRange, write_ranges
from bioclip_x.dataset.schema import FIRST_ROW
from bioclip_x.hooks.registry import resolve_relative_paths
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.details import NO_DETAILS
from bioclip_x.taxonomy.ranks import LINNAEAN

SAMPLE_COLUMNS: Final = (
    "id", "row", "file", "offset", "size", "image", "source", "source_id", "status", "name", "rank", *LINNAEAN, "common_name",
    "licence", "rights_holder", "reference", "text",
)  # fmt: skip

Lineage = tuple[str, ...]


def place_all_images(build: Build, rows: Made, resolved: Made, images: Made, decided: Made) -> Path:
    """Writes the table of the images that are used, unless it is there."""
    config = build.config
    inputs = {
        "decided": decided.version,
        "names": resolved.version,
        "seed": config.seed,
        "images": config.shards.images,
        "work": digest(str(build.folder.work)),  # which may hold the images
    }
    stage = build.folder.open_stage("samples", inputs, title="order of the images")
    output = stage.path / "samples.parquet"
    if stage.summary is None:
        place_images(build, rows, resolved, images, decided, output)
        stage.finish({})
    return output


def place_images(build: Build, rows: Made, resolved: Made, images: Made, decided: Made, output: Path) -> None:
    """Writes the table of the images that are used, with the shard and the place in it of each."""
    database, config = build.database, build.config
    places, unsorted = output.with_name("places.parquet"), output.with_name("unsorted.parquet")
    # First the order, of narrow rows, then what belongs to each, then the whole in that order.
    database.execute(f"""
        COPY (
            SELECT row, place, split || '-' || printf('%06d', place // {config.shards.images}) || '.tar' AS shard FROM (
                SELECT row, split,
                    row_number() OVER (PARTITION BY split ORDER BY md5_number(id || ':order:{config.seed}'), row) - 1 AS place
                FROM read_parquet({quote_files(decided.files)}) WHERE outcome = 'used'
            ) ORDER BY row
        ) TO {quote(str(places))} (FORMAT parquet, COMPRESSION zstd)
    """)
    ranks = ", ".join(f'n."{rank}"' for rank in LINNAEAN)

    def make_query(part: RowRange) -> str:
        return f"""
            SELECT o.row, o.shard, o.place, d.id, d.split, d.licence, {locate_kept(build)} AS file, i."offset", i.size,
                i.sha256, r.image,
                s.name AS source, r.source_id, r.rights_holder, r.reference, r.text, n.status, n.name, n.rank, {ranks},
                n.common_name
            FROM {part.of([places])} o
            JOIN {part.of(decided.files)} d USING (row)
            JOIN {part.of(rows.files)} r USING (row)
            JOIN {part.of(images.files)} i USING (row)
            JOIN sources s ON s.number = o.row // {FIRST_ROW}
            JOIN read_parquet({quote_files(resolved.files)}) n USING (key)
        """

    write_ranges(database, rows, make_query, unsorted)
    database.execute(f"""
        COPY (SELECT * FROM read_parquet({quote_files([unsorted])}) ORDER BY shard, place)
        TO {quote(str(output))} (FORMAT parquet, COMPRESSION zstd)
    """)
    for file in (places, unsorted):
        file.unlink()


@dataclass(frozen=True)
class ClassTexts:
    """What text builders write for the taxa that are used. texts: member → class → texts. class_of: lineage → class."""

    texts: Mapping[str, Sequence[Sequence[str]]]
    class_of: Mapping[Lineage, int]

    def choose(self, samples: pa.Table, seed: int) -> dict[str, tuple[str, ...]]:
        """Chooses a text of each kind for each sample, by its identifier."""
        if not self.texts:
            return {}
        lineages = zip(*(samples[rank].to_pylist() for rank in LINNAEAN))
        classes = [self.class_of[lineage] for lineage in lineages]
        ids = samples["id"].to_pylist()
        return {
            member: tuple(choose_text(of_class[one], image, seed) for one, image in zip(classes, ids))
            for member, of_class in self.texts.items()
        }


def write_class_texts(build: Build, samples: Path) -> ClassTexts:
    """Has the configured text builders write texts for all taxa that are used."""
    if not build.config.texts:
        return ClassTexts({}, {})
    ranks = ", ".join(f'"{rank}"' for rank in LINNAEAN)
    found = build.database.execute(f"""
        SELECT {ranks}, min(common_name) FILTER (common_name <> '') FROM read_parquet({quote_files([samples])})
        GROUP BY {ranks} ORDER BY {ranks}
    """).fetchall()
    lineages = [tuple(row[:-1]) for row in found]
    taxonomy = make_taxonomy(lineages, [row[-1] or "" for row in found])
    assert taxonomy.class_of_row is not None
    refs = {
        f"{name}.txt": resolve_relative_paths(build.registry, "text_builders", ref, build.config.base)
        for name, ref in build.config.texts.items()
    }
    class_of = dict(zip(lineages, taxonomy.class_of_row.tolist()))
    return ClassTexts(build_texts(build.registry, refs, taxonomy), class_of)


def make_taxonomy(lineages: Sequence[Lineage], common_names: Sequence[str]) -> Taxonomy:
    """Builds the tree in which the last taxon of each lineage is a class; its `class_of_row` has the class of each.

    lineages: the names at the seven Linnaean ranks, blank where one is missing.
    """
    builder = TaxonomyBuilder()
    nodes = []
    for lineage, common in zip(lineages, common_names):
        named = [(rank, name) for rank, name in zip(LINNAEAN, lineage) if name]
        node = 0
        for at, (rank, name) in enumerate(named):
            details = Details(common_names={"en": (common,)}) if common and at == len(named) - 1 else NO_DETAILS
            node = builder.add(node, rank, name, details)
        builder.mark_class(node)
        nodes.append(node)
    return builder.build("the data set", rows=nodes)

"""Writes the pages of what was judged the same, so that a person can judge the judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from bioclip_x.dataset.context import Build
from bioclip_x.dataset.database import quote_files
from bioclip_x.dataset.duplicates.columns import drop_duplicates
from bioclip_x.dataset.duplicates.pages import write_page
from bioclip_x.dataset.duplicates.perceptual import MOST_BITS, find_perceptual
from bioclip_x.dataset.duplicates.summary import summarise
from bioclip_x.dataset.images.places import Place
from bioclip_x.errors import ImageError
from bioclip_x.records import Source

PAGES: Final = "duplicates"
"""The folder of the pages."""
NEAR: Final = "near "
"""Before the kind of what is like an image that is held out."""
FEW: Final = 1_000_000
"""Up to this many images, pairs beyond the threshold are searched for the page."""
COLUMNS: Final = ("row", "taxon", "file", "offset", "size", "width", "height", "source")


def write_pages(build: Build, candidates: Path, references: Path, found: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Writes a page per kind of what was judged the same, and returns the counts."""
    settings = build.config.duplicates
    images = _Images(build, (candidates, references))
    folder = build.folder.path / PAGES
    for page in folder.glob("*.html"):  # of what is no longer looked for, or no longer found
        page.unlink()
    taxa = build.database.sql(f"SELECT row, taxon FROM {images.table}").to_arrow_table()
    summaries: dict[str, Any] = {}
    for kind, table in found.items():
        counts = asdict(summarise(table, taxa))
        summaries[kind] = counts | {
            "n_by_distance": {str(key): count for key, count in counts["n_by_distance"].items()}
        }
        if not settings.pictures or not len(table):
            continue
        plain = kind.removeprefix(NEAR)
        folder.mkdir(exist_ok=True)
        write_page(
            folder / f"{kind.replace(' ', '-')}.html",
            table,
            title=f"images like one that is held out: {plain}" if kind.startswith(NEAR) else f"duplicates: {plain}",
            threshold=describe_threshold(build, kind),
            open_image=images.open,
            describe=images.describe,
            beyond=_find_beyond(build, candidates, found) if kind == "perceptual" and len(taxa) <= FEW else None,
            taxa=taxa,
            n_shown=max(1, settings.pictures // 3),
            seed=build.config.seed,
        )
    return summaries


def describe_threshold(build: Build, kind: str) -> str:
    """Returns what two images had to have in common, for readers."""
    settings, plain = build.config.duplicates, kind.removeprefix(NEAR)
    if plain == "exact":
        return "the same bytes"
    if plain == "perceptual":
        return f"at most {settings.perceptual} of 64 bits differ"
    if kind.startswith(NEAR):
        return f"a cosine of {build.config.held_out.similarity} or more"
    return f"a cosine above {1 - settings.semantic.epsilon:g}" if settings.semantic else ""


def _find_beyond(build: Build, candidates: Path, found: Mapping[str, pa.Table]) -> pa.Table | None:
    """Returns the pairs that a slightly larger distance would find."""
    distance = build.config.duplicates.perceptual
    if distance is None or distance >= MOST_BITS:
        return None
    removed = pa.concat_tables([table.select(["row"]) for table in found.values()])
    left = drop_duplicates(pq.read_table(candidates, columns=["row", "phash", "order"]), removed)
    return find_perceptual(left, min(MOST_BITS, distance + 2))


class _Images:
    """The images that pages show, by the number of their row."""

    def __init__(self, build: Build, tables: tuple[Path, ...]) -> None:
        self._build = build
        self.table = f"read_parquet({quote_files(tables)})"
        self._names = {number: name for name, number in build.numbers.items()}

    def open(self, row: int) -> Image.Image | None:
        known = self._find(row)
        try:
            raw = Place(known["file"], known["offset"], known["size"]).read()
            return self._build.files.read(Source(str(row), data=raw)).image
        except ImageError:
            return None

    def describe(self, row: int) -> Mapping[str, str]:
        known = self._find(row)
        return {
            "name": Path(known["file"]).name,
            "taxon": known["taxon"],
            "source": self._names[known["source"]],
            "size": f"{known['width']} × {known['height']}",
        }

    def _find(self, row: int) -> dict[str, Any]:
        listed = ", ".join(f'"{column}"' for column in COLUMNS)
        found = self._build.database.execute(f"SELECT {listed} FROM {self.table} WHERE row = ?", [row]).fetchall()[0]
        return dict(zip(COLUMNS, found))

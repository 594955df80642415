"""Prior knowledge of date and place: species are less likely out of their season, and outside their range.

    python examples/make_dated_images.py dated
    bioclip-x classify dated --plugin examples/own_prior.py --adjust season:examples/own-seasons.csv
    bioclip-x classify dated --plugin examples/own_prior.py --adjust season:file=examples/own-seasons.csv,strength=6

Date and place are those of the image's EXIF data, or of the columns `date`, `latitude` and `longitude` of a table of images. Each
output says of every image what it was judged by. p(class) ∝ exp(score - strength · [out of season] - strength · [out of range]).

Legend: C classes, B images.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from bioclip_x.plugin import (
    ComponentSpec,
    LogitAdjustmentCapabilities,
    RecipeError,
    Resolver,
    Source,
    Taxonomy,
    hookimpl,
    list_some,
    mask_of,
)


@hookimpl
def adjust_logits() -> list[ComponentSpec]:
    """Registers the prior, which makes `--adjust season:FILE` available."""
    return [ComponentSpec("season", "species by the date and place of an image", f"{__name__}:Season")]


@dataclass(frozen=True)
class Row:
    """When and where a taxon occurs. A range may wrap around: months from 11 to 2."""

    taxon: str
    months: tuple[float, float]
    latitudes: tuple[float, float]


class Season:
    """Lowers the logits of taxa that an image's date or place speaks against.

    file: a table of `taxon`, `first_month`, `last_month`, `south` and `north`; a row also holds for the classes below its taxon,
    and a blank cell is no limit. strength: in log-odds, for each of season and range.
    """

    capabilities = LogitAdjustmentCapabilities(image_notes=True)

    def __init__(self, file: Path, *, strength: Annotated[float, Field(gt=0)] = 3.0) -> None:
        self.file, self.strength = file, strength
        self._prepared: tuple[Taxonomy, list[tuple[Row, torch.Tensor]], list[str]] | None = None

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        """Returns float32 [C, B], 0 for what is in season and range, or not in the table."""
        offsets_CB = torch.zeros(taxonomy.n_classes, len(sources))
        for row, mask_C in self._prepare(taxonomy)[0]:
            for image, source in enumerate(sources):
                against = is_outside(get_month(source), row.months) + is_outside(get_latitude(source), row.latitudes)
                offsets_CB[mask_C, image] -= self.strength * against
        return offsets_CB

    def notes(self, taxonomy: Taxonomy) -> list[str]:
        """Returns how many taxa of the table were found, and which were not."""
        rows, unknown = self._prepare(taxonomy)
        missing = f"; not in the taxonomy: {list_some(unknown)}" if unknown else ""
        return [f"season {self.file.name}: {len(rows)} taxa, strength {self.strength:g}{missing}"]

    def image_notes(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> list[list[str]]:
        """Returns a line for each image: what is known of it, or that nothing is."""
        return [[f"season: {' and '.join(describe(source)) or 'neither date nor place known'}"] for source in sources]

    def _prepare(self, taxonomy: Taxonomy) -> tuple[list[tuple[Row, torch.Tensor]], list[str]]:
        """Returns the rows with their classes, bool [C], and the taxa that were not found. Reads the file once."""
        if self._prepared is None or self._prepared[0] is not taxonomy:
            resolver, rows, unknown = Resolver(taxonomy), [], []
            for row in read_rows(self.file):
                match = resolver.find(row.taxon)
                if match.found:
                    rows.append((row, torch.from_numpy(mask_of(taxonomy, match.nodes))))
                else:
                    unknown.append(row.taxon)
            self._prepared = taxonomy, rows, unknown
        return self._prepared[1:]


def read_rows(file: Path) -> list[Row]:
    """Reads the table. Raises RecipeError, with the line, for what is missing or no number."""
    rows = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            for line, cells in enumerate(csv.DictReader(stream), 2):
                try:
                    months = float(cells["first_month"] or 1), float(cells["last_month"] or 12)
                    latitudes = float(cells["south"] or -90), float(cells["north"] or 90)
                    rows.append(Row(cells["taxon"], months, latitudes))
                except (KeyError, TypeError, ValueError) as problem:
                    raise RecipeError(f"{file}:{line}: expected taxon, months and latitudes: {problem}") from None
    except OSError as problem:
        raise RecipeError(f"{file} cannot be read: {problem.strerror}") from None
    return rows


def is_outside(value: float | None, limits: tuple[float, float]) -> bool:
    """Whether a value is known, and not within limits that may wrap around."""
    first, last = limits
    if value is None:
        return False
    return not (first <= value <= last if first <= last else value >= first or value <= last)


def get_month(source: Source) -> int | None:
    date = source.metadata.get("date")
    try:
        return datetime.fromisoformat(str(date)).month
    except ValueError:  # no date, or a table's own way to write it
        return None


def get_latitude(source: Source) -> float | None:
    latitude = source.metadata.get("latitude")
    return latitude if isinstance(latitude, float) else None


def describe(source: Source) -> Iterator[str]:
    if (month := get_month(source)) is not None:
        yield f"month {month}"
    if (latitude := get_latitude(source)) is not None:
        yield f"latitude {latitude:.1f}"

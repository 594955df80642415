"""BIOSCAN-1M and BIOSCAN-5M (Gharaee et al., NeurIPS 2023 and 2024).

Layouts: https://github.com/bioscan-ml/BIOSCAN-1M and https://github.com/bioscan-ml/BIOSCAN-5M, metadata/ and images/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from bioclip_x.plugin import LINNAEAN, DatasetError
from bioclip_x_plugins.image_sources.accounting import NO_FILE, Accounts, find_most_exact
from bioclip_x_plugins.image_sources.columns import complete_species
from bioclip_x_plugins.image_sources.files import Listing, make_revision, refuse_outside, require_file, require_folder
from bioclip_x_plugins.image_sources.tables import TextTable, find_table, require_columns

TABLE_1M: Final = "BIOSCAN_1M_Insect_Dataset_metadata.tsv"
TABLE_5M: Final = "BIOSCAN_5M_Insect_Dataset_metadata.csv"
PLACES: Final = (
    ("", TABLE_1M),
    ("metadata", TABLE_1M),
    ("", TABLE_5M),
    ("metadata/csv", TABLE_5M),
    ("metadata", TABLE_5M),
)
RANKS: Final = (*LINNAEAN[:5], "subfamily", "tribe", "genus", "species", "subspecies")
OWNED: Final = {"licence": "copyright_license", "rights_holder": "copyright_holder"}
"""Columns of the TSV of 1M; 5M has none."""
OF_ALL: Final = {"licence": "CC BY 3.0", "rights_holder": "CBG Photography Group"}
"""What the publisher says of all images; where the metadata say nothing."""


class Bioscan:
    """root: the folder with the metadata and images/, as unpacked.

    metadata: the table (TSV of 1M, CSV of 5M); by default the one in `root`, in metadata/ or in metadata/csv/.
    package: which of the image packages, a folder in images/ (original_256, cropped_256, …). split: of 5M, only this one.
    """

    def __init__(
        self, *, root: Path, metadata: Path | None = None, package: str = "cropped_256", split: str = ""
    ) -> None:
        self.root, self.metadata, self.package, self.split = root, metadata, package, split
        self._accounts = Accounts()

    def revision(self) -> str:
        return make_revision([self._find_table()], [self._find_folder()])

    def tables(self) -> Iterator[pa.Table]:
        self._accounts = Accounts()
        yield from self._accounts.check(self._iterate())

    def notes(self) -> Sequence[str]:
        return self._accounts.notes()

    def _find_table(self) -> Path:
        if self.metadata:
            return require_file(self.metadata, "bioscan")
        require_folder(self.root, "bioscan")
        found = (find_table(self.root / folder, [name]) for folder, name in PLACES)
        path = next(filter(None, found), None)
        if path is None:
            raise DatasetError(f"bioscan: {self.root} has neither {TABLE_1M} nor metadata/csv/{TABLE_5M}")
        return path

    def _find_folder(self) -> Path:
        return require_folder(self.root / "images" / self.package, "bioscan")

    def _iterate(self) -> Iterator[pa.Table]:
        path, folder = self._find_table(), self._find_folder()
        table = TextTable(path)
        known = require_columns(table, ["processid", "order", "family", "genus", "species"], "BIOSCAN")
        is_first = "image_file" in known or "chunk_number" in known
        needed = ("image_file", "chunk_number") if is_first else ("split", "chunk")
        require_columns(table, needed, "BIOSCAN-1M" if is_first else "BIOSCAN-5M")
        if is_first and self.split:
            raise DatasetError("bioscan: split: BIOSCAN-1M has no splits of its own; leave the option out")
        ranks = [rank for rank in RANKS if rank in known]
        owned = [column for column in OWNED.values() if column in known]
        listing = Listing(folder, [self.split])
        first = 1
        for batch in table.batches([*ranks, "processid", *needed, *owned]):
            places = make_places_1m(batch) if is_first else make_places_5m(batch)
            refuse_outside(places, folder, str(path), first)
            first += len(batch)
            rows = make_rows(batch, ranks, [str(folder / place) for place in places])
            exists = pa.array(listing.tick(places))
            rows = rows.append_column("problem", pc.if_else(exists, "", NO_FILE))
            yield rows.filter(pc.equal(rows["split"], self.split)) if self.split else rows
        yield from table.list_malformed()
        yield from listing.list_unnamed()


def make_rows(batch: pa.Table, ranks: Sequence[str], images: Sequence[str]) -> pa.Table:
    """Returns rows of the images."""
    columns = {
        "source_id": batch["processid"],
        "image": pa.array(images, pa.string()),
        **read_names(batch, ranks),
        **{name: _fill(batch, column, OF_ALL[name]) for name, column in OWNED.items()},
    }
    return pa.table(columns | ({"split": batch["split"]} if "split" in batch.column_names else {}))


def _fill(batch: pa.Table, column: str, default: str) -> pa.Array | pa.ChunkedArray:
    if column not in batch.column_names:
        return pa.array([default] * len(batch))
    return pc.if_else(pc.is_in(batch[column], pa.array(["", "not_classified"])), default, batch[column])


def make_places_1m(batch: pa.Table) -> list[str]:
    """Returns the paths of images in a package: part18/4784885.jpg. Raises DatasetError for a number that is none."""
    chunks, files = batch["chunk_number"].to_pylist(), batch["image_file"].to_pylist()
    try:
        # Some tools write the number as 18.0.
        return [f"part{int(float(chunk))}/{file}" if file else "" for chunk, file in zip(chunks, files)]
    except (ValueError, OverflowError) as problem:
        raise DatasetError(f"bioscan: the chunk_number of BIOSCAN-1M is no number: {problem}") from None


def make_places_5m(batch: pa.Table) -> list[str]:
    """Returns the paths of images in a package: pretrain/a3/BIOUG001.jpg; small splits have no chunks."""
    columns = (batch[name].to_pylist() for name in ("split", "chunk", "processid"))
    return ["/".join(filter(None, (split, chunk, f"{id}.jpg"))) for split, chunk, id in zip(*columns)]


def read_names(batch: pa.Table, ranks: Sequence[str]) -> Mapping[str, pa.Array]:
    """Returns the columns of names. All specimens are animals; the publisher names no kingdom."""
    blanked = {
        rank: pc.if_else(pc.equal(batch[rank], "not_classified"), "", batch[rank]).combine_chunks() for rank in ranks
    }
    if "kingdom" not in blanked:
        blanked["kingdom"] = pa.array(["Animalia"] * len(batch))
    blanked["species"] = complete_species(blanked["genus"], blanked["species"])
    ordered = [rank for rank in RANKS if rank in blanked]
    return {
        **{rank: blanked[rank] for rank in LINNAEAN if rank in blanked},
        **find_most_exact(pa.table(blanked), ordered),
    }

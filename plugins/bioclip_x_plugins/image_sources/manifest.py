"""Any table of images: CSV, TSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bioclip_x.plugin import LINNAEAN, ROW_COLUMNS, DatasetError, list_some
from bioclip_x_plugins.image_sources.accounting import NO_FILE, Accounts, name_by_ranks
from bioclip_x_plugins.image_sources.columns import complete_rows, find_columns
from bioclip_x_plugins.image_sources.files import Listing, make_revision, refuse_outside, require_file, require_folder
from bioclip_x_plugins.image_sources.tables import TextTable, pick

MEANINGS: Final = (*(name for name in ROW_COLUMNS if name != "problem"), "url", "specific_epithet")
URL: Final = r"(?i)^(https?|ftp)://"
LEAVES: Final = r"^[/\\]|^[A-Za-z]:|\.\.|\x00"
"""Of paths that may leave their folder, and are looked at one by one."""


class Manifest:
    """path: the table, also compressed. images: the folder that its paths are relative to and stay in; default the table's own.

    columns: names of its columns, where they are unusual: `{image: foto, name: art}`; keys are those of a row, url and
    specific_epithet.
    unlisted: whether image files of the folder that no row names are rows with a problem, or left out; by default the former if
    `images` is given.
    """

    def __init__(
        self,
        *,
        path: Path,
        images: Path | None = None,
        columns: Mapping[str, str] | None = None,
        unlisted: Literal["tell", "ignore"] | None = None,
    ) -> None:
        self.path, self.images, self.columns = path, images or path.parent, dict(columns or {})
        self.unlisted = unlisted or ("tell" if images else "ignore")
        self._accounts = Accounts()

    def revision(self) -> str:
        require_file(self.path, "manifest")
        has_folder = self.images.is_dir()
        return make_revision([self.path], [self.images] if has_folder and self.unlisted == "tell" else [])

    def tables(self) -> Iterator[pa.Table]:
        self._accounts = Accounts()
        require_file(self.path, "manifest")
        table = TextTable(self.path)
        column_of = self._find_columns(table)
        listing = Listing(require_folder(self.images, "manifest")) if self.unlisted == "tell" else None
        yield from self._accounts.check(self._iterate(table, column_of, listing))

    def notes(self) -> Sequence[str]:
        return self._accounts.notes()

    def _find_columns(self, table: TextTable) -> dict[str, str]:
        for key in self.columns:
            if key not in MEANINGS:
                raise DatasetError(f"manifest: columns: {key!r} is none of {', '.join(MEANINGS)}")
        known = table.columns()
        column_of = find_columns(known, self.columns)
        if not {"image", "url"} & column_of.keys():
            raise DatasetError(
                f"{table.where}: expected a column of images (path, image, file or url), got {list_some(known, 20)}; name it: "
                "columns={image: COLUMN}"
            )
        if not {"name", "common_name", "specific_epithet", *LINNAEAN} & column_of.keys():
            raise DatasetError(
                f"{table.where}: expected a column of names (scientific_name, name, label, or ranks such as species), got "
                f"{list_some(known, 20)}; name it: columns={{name: COLUMN}}"
            )
        return column_of

    def _iterate(self, table: TextTable, column_of: Mapping[str, str], listing: Listing | None) -> Iterator[pa.Table]:
        first = 1
        for batch in table.batches(list(dict.fromkeys(column_of.values()))):
            rows = complete_rows(pick(batch, column_of))
            yield self._place(rows, listing, table.where, first)
            first += len(batch)
        yield from table.list_malformed()
        if listing:
            yield from listing.list_unnamed()

    def _place(self, rows: dict[str, pa.ChunkedArray], listing: Listing | None, where: str, first: int) -> pa.Table:
        """Completes paths and identifiers, and finds images without a file."""
        image = rows["image"]
        has_path = pc.and_(pc.not_equal(image, ""), pc.invert(pc.match_substring_regex(image, URL)))
        suspects = np.flatnonzero(pc.and_(has_path, pc.match_substring_regex(image, LEAVES)).to_numpy())
        for row in suspects.tolist():
            refuse_outside([image[row].as_py()], self.images, where, first + row)
        ids = rows.get("source_id", image)
        fallback = pa.array([f"{Path(where).name}, row {first + row}" for row in range(len(image))])
        ids = pc.if_else(pc.equal(ids, ""), pc.if_else(pc.equal(image, ""), fallback, image), ids)
        problem = pa.array([""] * len(image))
        if listing:
            exists = pa.array(listing.tick(self._make_relative(pc.if_else(has_path, image, "").to_pylist())))
            problem = pc.if_else(pc.and_(has_path, pc.invert(exists)), NO_FILE, problem)
        whole = pc.binary_join_element_wise(str(self.images), image, "/")
        is_absolute = pc.match_substring_regex(image, r"^[/\\]|^[A-Za-z]:")
        placed = pc.if_else(pc.and_(has_path, pc.invert(is_absolute)), whole, image)
        made = pa.table({**rows, "source_id": ids, "image": placed, "problem": problem})
        ranks = [rank for rank in LINNAEAN if rank in rows]
        return name_by_ranks(made, ranks) if ranks else made

    def _make_relative(self, paths: Sequence[str]) -> list[str]:
        root = str(self.images.absolute())
        return [path.removeprefix(root).lstrip("/") if path.startswith(root) else path for path in paths]

"""A table of images: CSV, TSV or Parquet with the columns path (or url) and label, and optionally text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from bioclip_x.plugin import (
    DatasetCapabilities,
    Sample,
    Taxonomy,
    TrainingError,
    find_unlisted_labels,
    is_url,
    list_some,
    resolve_labels,
)


class Manifest:
    """path: the table. images: the folder that its paths are relative to; default the table's folder.

    Columns: path (or url); label, the name of a class (blank for an image with only a text); text, optional.
    off_list: whether labels that are not a taxon of the taxonomy are skipped, or kept as images without a class.
    """

    capabilities = DatasetCapabilities(
        reads=(".csv", ".tsv", ".parquet", ".pq"), evaluation_options={"off_list": "keep"}
    )

    def __init__(self, *, path: Path, images: Path | None = None, off_list: Literal["skip", "keep"] = "skip") -> None:
        self.path, self.off_list = path, off_list
        self.images = images or path.parent
        self._table: dict[str, Any] = {}
        self._classes: list[int] = []

    def prepare(self, taxonomy: Taxonomy) -> Iterator[str]:
        """Raises TrainingError for a table that cannot be read or lacks a column."""
        table = _read(self.path)
        labels = table["label"].to_pylist()
        class_of, unresolved, ambiguous = resolve_labels(dict.fromkeys(label for label in labels if label), taxonomy)
        unlisted = set(find_unlisted_labels(unresolved, taxonomy) if self.off_list == "keep" else [])
        unresolved = [label for label in unresolved if label not in unlisted]
        classes = [class_of.get(label, -1) for label in labels]
        texts = table["text"].to_pylist() if "text" in table.column_names else [""] * len(labels)
        keep = [
            row
            for row, c in enumerate(classes)
            if table["path"][row].as_py() and (c >= 0 or texts[row] or labels[row] in unlisted)
        ]
        # Arrow columns, not lists of strings: a manifest may have millions of rows.
        self._table = {name: table[name].take(pa.array(keep, pa.int64())) for name in table.column_names}
        self._classes = [classes[row] for row in keep]
        if unlisted:
            names = list_some(sorted(unlisted))
            yield f"{len(unlisted)} labels of {self.path} are not in the taxonomy, kept as off-list: {names}"
        if unresolved:
            yield f"{len(unresolved)} labels of {self.path} are not a class of the taxonomy: {list_some(unresolved)}"
        if ambiguous:
            yield f"{len(ambiguous)} labels of {self.path} match several classes: {list_some(ambiguous)}"
        if len(keep) < len(labels):
            yield f"{len(labels) - len(keep)} of {len(labels)} rows of {self.path} have neither class nor text, skipped"

    def __len__(self) -> int:
        return len(self._classes)

    def sample(self, index: int) -> Sample:
        text = self._table["text"][index].as_py() if "text" in self._table else ""
        return Sample(self._classes[index], (text,) if text else ())

    def name(self, index: int) -> str:
        """Returns the path or URL of the image."""
        name: str = self._table["path"][index].as_py()
        return name if is_url(name) else str(self.images / name)

    def image(self, index: int) -> str:
        return self.name(index)


def _read(path: Path) -> pa.Table:
    """Reads the columns path (or url, under that name), label and, if present, text, as stripped strings without nulls."""
    if not path.is_file():
        raise TrainingError(f"data: the manifest {path} does not exist")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            table = parquet.read_table(path)
        else:
            parse = csv.ParseOptions(delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            names = ("path", "url", "label", "text")
            convert = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
            table = csv.read_csv(path, parse_options=parse, convert_options=convert)
    except (pa.ArrowException, OSError) as problem:
        raise TrainingError(f"data: the manifest {path} cannot be read: {problem}") from None
    if "path" not in table.column_names and "url" in table.column_names:
        table = table.rename_columns(["path" if name == "url" else name for name in table.column_names])
    missing = [name for name in ("path", "label") if name not in table.column_names]
    if missing:
        columns = ", ".join(table.column_names)
        raise TrainingError(f"data: the manifest {path} lacks the column {', '.join(missing)}; it has {columns}")
    wanted = [name for name in ("path", "label", "text") if name in table.column_names]
    clean = {name: pc.utf8_trim_whitespace(pc.fill_null(table[name].cast(pa.string()), "")) for name in wanted}
    return pa.table(clean)

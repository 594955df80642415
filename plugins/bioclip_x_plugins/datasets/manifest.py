"""A table of images: CSV, TSV or Parquet with the columns path (or url) and label, and optionally text and split."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from bioclip_x.plugin import (
    DatasetCapabilities,
    Sample,
    Taxonomy,
    TrainingError,
    find_taxa_above,
    is_local_url,
    is_url,
    leaves_folder,
    list_some,
    resolve_labels,
)

COLUMNS: Final = ("path", "label", "text", "split")


class Manifest:
    """path: the table. images: the folder that its paths are relative to and stay in; default the table's folder.

    Columns: path (or url); label, the name of a taxon (blank for an image with only a text); text and split, optional.
    columns: other names of these columns: `{path: file, label: class_id}`.
    split: use only rows with this value in the column split.
    names: a table of the names that labels stand for, if they are numbers or codes. It has the label column and the column
    name (or, by `columns: {name: [species, genus]}`, columns of which the first that is not blank is the name).
    off_list: whether labels that are not a taxon of the taxonomy are skipped, or kept as images without a taxon.
    """

    capabilities = DatasetCapabilities(
        reads=(".csv", ".tsv", ".parquet", ".pq"),
        evaluation_options={"off_list": "keep"},
        lists_nodes=True,
        names_files=True,
    )

    def __init__(
        self,
        *,
        path: Path,
        images: Path | None = None,
        off_list: Literal["skip", "keep"] = "skip",
        columns: Mapping[str, str | Sequence[str]] | None = None,
        split: str = "",
        names: Path | None = None,
    ) -> None:
        self.path, self.off_list, self.split, self.names = path, off_list, split, names
        self.images = images or path.parent
        self._columns = _check_columns(columns or {})
        self._table: dict[str, Any] = {}
        self._nodes = self._above = np.empty(0, np.int64)

    def prepare(self, taxonomy: Taxonomy) -> Iterator[str]:
        """Raises TrainingError for a table that cannot be read, lacks a column, or has no row of the split."""
        table = self._read()
        self._refuse_outside(table["path"].to_pylist())
        table, split_notes = self._select_split(table)
        yield from split_notes
        labels = table["label"].to_pylist()
        name_of = self._read_names() if self.names else {label: label for label in set(labels)}
        node_of_name, _, ambiguous_names = resolve_labels(filter(None, dict.fromkeys(name_of.values())), taxonomy)
        node_of = {label: node_of_name[name] for label, name in name_of.items() if name in node_of_name}
        others = [label for label in dict.fromkeys(labels) if label and label not in node_of]
        unnamed = [label for label in others if not name_of.get(label)]
        ambiguous = [label for label in others if name_of.get(label) in ambiguous_names]
        unlisted = [label for label in others if label not in {*unnamed, *ambiguous}]
        kept = set(unlisted) if self.off_list == "keep" else set[str]()
        texts = table["text"].to_pylist() if "text" in table.column_names else [""] * len(labels)
        rows = [
            row
            for row, (path, label, text) in enumerate(zip(table["path"].to_pylist(), labels, texts))
            if path and (label in node_of or text or label in kept)
        ]
        # Arrow columns, not lists of strings: a manifest may have millions of rows.
        self._table = {name: table[name].take(pa.array(rows, pa.int64())) for name in table.column_names}
        self._nodes = np.array([node_of.get(labels[row], -1) for row in rows], np.int64)
        above_of = find_taxa_above([name_of[label] for label in kept], taxonomy)
        self._above = np.array([above_of.get(name_of.get(labels[row], ""), -1) for row in rows], np.int64)
        if unnamed:
            yield f"{len(unnamed)} labels of {self.path} have no name in {self.names}, left out: {list_some(unnamed)}"
        if unlisted:
            done = "kept as off-list" if kept else "left out"
            yield f"{len(unlisted)} labels of {self.path} are not in the taxonomy, {done}: {list_some(unlisted)}"
        if ambiguous:
            yield f"{len(ambiguous)} labels of {self.path} match several taxa, left out: {list_some(ambiguous)}"
        if len(rows) < len(labels):
            yield f"{len(labels) - len(rows)} of {len(labels)} rows of {self.path} have neither taxon nor text, skipped"

    def __len__(self) -> int:
        return len(self._nodes)

    def sample(self, index: int) -> Sample:
        text = self._table["text"][index].as_py() if "text" in self._table else ""
        return Sample(int(self._nodes[index]), (text,) if text else (), above=int(self._above[index]))

    def nodes(self) -> npt.NDArray[np.int64]:
        return self._nodes

    def name(self, index: int) -> str:
        """Returns the path or URL of the image."""
        name: str = self._table["path"][index].as_py()
        return name if is_url(name) else str(self.images / name)

    def image(self, index: int) -> str:
        return self.name(index)

    def _read(self) -> pa.Table:
        """Reads the columns of the manifest, under their usual names."""
        column_of = {name: str(self._columns.get(name, name)) for name in COLUMNS}
        table = _read_table(self.path, "manifest", [*column_of.values(), "url"])
        if "path" not in self._columns and "path" not in table.column_names and "url" in table.column_names:
            column_of["path"] = "url"
        needed = {"path", "label", *self._columns, *(["split"] if self.split else [])}
        found = _select_columns(
            self.path, "manifest", table, column_of.values(), {column_of[x] for x in needed & column_of.keys()}
        )
        return pa.table({name: found[column] for name, column in column_of.items() if column in found})

    def _select_split(self, table: pa.Table) -> tuple[pa.Table, list[str]]:
        if "split" not in table.column_names:
            return table, []
        counts = Counter(table["split"].to_pylist())
        listed = ", ".join(f"{name or '(blank)'} ({count})" for name, count in counts.items())
        if not self.split:
            several = [f"{self.path}: the images of all its splits are used: {listed}"] if len(counts) > 1 else []
            return table, several
        if self.split not in counts:
            raise TrainingError(
                f"data: the manifest {self.path} has no row of the split {self.split!r}; it has {listed}"
            )
        return table.filter(pc.equal(table["split"], self.split)), []

    def _read_names(self) -> dict[str, str]:
        """Reads label → name. Raises TrainingError for a label with two names."""
        assert self.names is not None
        label, name = str(self._columns.get("label", "label")), self._columns.get("name", "name")
        columns = [name] if isinstance(name, str) else list(name)
        wanted = [label, *columns]
        table = _select_columns(
            self.names, "table of names", _read_table(self.names, "table of names", wanted), wanted, wanted
        )
        name_of: dict[str, str] = {}
        for key, *names in zip(*(table[column].to_pylist() for column in wanted)):
            first = next(filter(None, names), "")
            if name_of.setdefault(key, first) != first:
                raise TrainingError(
                    f"data: {self.names}: the label {key!r} has two names, {name_of[key]!r} and {first!r}"
                )
        return name_of

    def _refuse_outside(self, paths: Sequence[str]) -> None:
        """Raises TrainingError for a path that leaves the folder of the images: a table may come from anybody."""
        root = Path(os.path.abspath(self.images))  # noqa: PTH100 - links stay as they are
        for row, path in enumerate(paths, 1):
            place = os.path.normpath(path.partition("://")[2])
            if is_local_url(path) and ("::" in path or not Path(place).is_relative_to(root)):
                raise TrainingError(
                    f"data: {self.path}, row {row}: {path[:200]!r} is a file outside of the folder; "
                    f"name it by its path in {self.images}"
                )
            if leaves_folder(path) and not Path(os.path.abspath(root / path)).is_relative_to(root):  # noqa: PTH100
                raise TrainingError(
                    f"data: {self.path}, row {row}: {path!r} is outside of {self.images}; to use images elsewhere, name a "
                    f"folder that all are in: {{name: manifest, path: {self.path.name}, images: /data}}, or "
                    f"manifest:path={self.path.name},images=/data"
                )


def _check_columns(columns: Mapping[str, str | Sequence[str]]) -> dict[str, str | Sequence[str]]:
    """Raises TrainingError for an unknown key, or for several columns where one is expected."""
    for key, column in columns.items():
        if key not in (*COLUMNS, "name"):
            raise TrainingError(f"data: columns: {key!r} is no column of a manifest; known: {', '.join(COLUMNS)}, name")
        if key != "name" and not isinstance(column, str):
            raise TrainingError(f"data: columns: {key}: expected the name of one column, got {column!r}")
    return dict(columns)


def _read_table(path: Path, what: str, texts: Sequence[str]) -> pa.Table:
    """Reads a table. texts: columns that are read as text, whatever they look like."""
    if not path.is_file():
        raise TrainingError(f"data: the {what} {path} does not exist")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return parquet.read_table(path)
        parse = csv.ParseOptions(delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        convert = csv.ConvertOptions(column_types=dict.fromkeys(texts, pa.string()), strings_can_be_null=False)
        return csv.read_csv(path, parse_options=parse, convert_options=convert)
    except (pa.ArrowException, OSError) as problem:
        raise TrainingError(f"data: the {what} {path} cannot be read: {problem}") from None


def _select_columns(
    path: Path, what: str, table: pa.Table, wanted: Iterable[str], needed: Collection[str]
) -> dict[str, pa.ChunkedArray]:
    """Returns those of the wanted columns that there are, as stripped strings without nulls.

    Raises TrainingError if a needed one is missing, and for one that is there twice, or is no text.
    """
    if missing := [name for name in dict.fromkeys(wanted) if name in needed and name not in table.column_names]:
        there = ", ".join(table.column_names)
        raise TrainingError(f"data: the {what} {path} lacks the column {', '.join(missing)}; it has {there}")
    found = [name for name in dict.fromkeys(wanted) if name in table.column_names]
    columns = {}
    for name in found:
        if table.column_names.count(name) > 1:
            raise TrainingError(f"data: the {what} {path} has the column {name!r} more than once")
        try:
            columns[name] = pc.utf8_trim_whitespace(pc.fill_null(table[name].cast(pa.string()), ""))
        except pa.ArrowException as problem:
            raise TrainingError(
                f"data: the {what} {path}: the column {name!r} has type {table[name].type}; expected text ({problem})"
            ) from None
    return columns

"""Lists the images of the sources: the first stage of a build."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from bioclip_x.dataset.config import Source
from bioclip_x.dataset.context import Build, Made, get_made
from bioclip_x.dataset.rows.labelled_source import LabelledSource
from bioclip_x.dataset.schema import FIRST_ROW, ROWS, open_table
from bioclip_x.errors import DatasetError
from bioclip_x.faults import naming, refuse
from bioclip_x.hooks.components import ImageSource, Kind
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import resolve_relative_paths
from bioclip_x.hooks.returned import check_texts, check_type
from bioclip_x.records.image_rows import ROW_COLUMNS

ROWS_PER_FILE: Final = 1_000_000


def list_rows(source: ImageSource, settings: Source, number: int, folder: Path, progress: Callable[[int], None]) -> int:
    """Writes the rows of a source to numbered files in its folder, and returns their number.

    number: of the source, which its rows' numbers begin with. progress: called with the number of rows so far. Raises
    DatasetError for a source without rows.
    """
    count, file = 0, 0
    tables = _iterate_tables(source)
    table = next(tables, None)
    while table is not None:
        with open_table(folder / f"rows-{file:05}.parquet", ROWS) as writer:
            until = count + ROWS_PER_FILE
            while table is not None and count < until:
                writer.write_table(complete_rows(table, settings, number * FIRST_ROW + count))
                count += len(table)
                progress(count)
                table = next(tables, None)
        file += 1
    if not count:
        raise DatasetError(f"sources: {settings.name} has no images")
    return count


def _iterate_tables(source: ImageSource) -> Iterator[pa.Table]:
    """Yields the source's tables with all columns, as texts without nulls."""
    with naming(source, "tables"):
        tables = iter(source.tables())
    while True:
        with naming(source, "tables"):
            table = next(tables, None)
        if table is None:
            return
        table = check_type(source, "tables", table, pa.Table)
        if strange := [name for name in table.column_names if name not in ROW_COLUMNS]:
            refuse(source, "tables", f"the columns {', '.join(ROW_COLUMNS)}", strange[0])
        if missing := [name for name in ("source_id", "image") if name not in table.column_names]:
            refuse(source, "tables", f"the column {missing[0]}", table.column_names)
        if len(table):
            yield _clean(source, table)


def _clean(source: ImageSource, table: pa.Table) -> pa.Table:
    columns = {}
    for name in ROW_COLUMNS:
        if name not in table.column_names:
            columns[name] = pa.repeat(pa.scalar("", pa.string()), len(table))
            continue
        column = table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if not (
            pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_null(column.type)
        ):
            refuse(source, "tables", f"texts in the column {name}", str(column.type))
        columns[name] = pc.fill_null(column.cast(pa.string()), "")
    is_nameless = pc.equal(columns["source_id"], "")
    if pc.any(is_nameless).as_py():
        refuse(source, "tables", "a source_id in each row", "a blank one")
    return pa.table(columns)


def complete_rows(table: pa.Table, settings: Source, first: int) -> pa.Table:
    """Numbers the rows from `first` on, and fills in what the configuration says of images that lack it."""
    columns = {name: table[name] for name in ROW_COLUMNS}
    for name in ("licence", "rights_holder"):
        if default := getattr(settings, name):
            columns[name] = pc.if_else(pc.equal(columns[name], ""), default, columns[name])
    is_without = pc.and_(pc.equal(columns["image"], ""), pc.equal(columns["problem"], ""))
    columns["problem"] = pc.if_else(is_without, "the row names no image", columns["problem"])
    return pa.table({"row": pa.array(range(first, first + len(table)), pa.int64()), **columns}, schema=ROWS)


def get_notes(source: ImageSource) -> list[str]:
    """Returns what a source says of its rows, after they were listed."""
    with naming(source, "notes"):
        return check_texts(source, "notes", source.notes(), "notes")


def get_revision(source: ImageSource) -> str:
    """Returns what a source says of its state. Raises DatasetError where its files are missing."""
    with naming(source, "revision"):
        return check_type(source, "revision", source.revision(), str)


def describe_source(settings: Source, ref: ComponentRef, number: int, revision: str) -> Mapping[str, Any]:
    """Returns what a source's rows depend on, as JSON. ref: its component, with absolute paths, since the rows have such."""
    return {
        "name": settings.name,
        "number": number,
        "component": ref.model_dump(mode="json"),
        "licence": settings.licence,
        "rights_holder": settings.rights_holder,
        "revision": revision,
    }


def list_all_rows(build: Build) -> dict[int, Made]:
    """Lists the rows of all sources that have changed since the last run; returns them by the number of their source."""
    rows: dict[int, Made] = {}
    for settings in build.sources:
        source, ref = make_source(build, settings)
        number = build.numbers[settings.name]
        inputs = describe_source(settings, ref, number, get_revision(source))
        stage = build.folder.open_stage(f"rows/{number:03}", inputs, title=f"rows of {settings.name}")
        summary = stage.summary
        if summary is None:
            show = partial(build.progress.update, f"rows of {settings.name}", total=None)
            count = list_rows(source, settings, number, stage.path, show)
            summary = stage.finish({"rows": count, "notes": get_notes(source)})
        for note in summary["notes"]:
            build.say(f"{settings.name}: {note}")
        rows[number] = get_made(stage)
    return rows


def make_source(build: Build, settings: Source) -> tuple[ImageSource, ComponentRef]:
    """Makes the component of a source, and returns its reference with absolute paths, too.

    A data set of the hook `datasets` is one where no source has its name.
    """
    registry, ref = build.registry, settings.component
    kind: Kind = "image_sources"
    if ref.name not in registry.components(kind) and ref.name in registry.components("datasets"):
        kind = "datasets"
    resolved = resolve_relative_paths(registry, kind, ref, build.config.base)
    if kind == "datasets":
        return LabelledSource(registry.make("datasets", resolved.name, resolved.options), build.files), resolved
    return registry.make("image_sources", resolved.name, resolved.options), resolved

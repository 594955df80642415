"""DuckDB, which joins and sorts tables larger than the memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bioclip_x.errors import DatasetError


@contextmanager
def open_database(folder: Path, memory: str, threads: int) -> Iterator[Any]:
    """Opens a database in memory that spills to a folder. memory: its limit, such as "4GB".

    Raises DatasetError where DuckDB is missing, and for what it cannot do: a full disk, too little memory.
    """
    try:
        import duckdb
    except ImportError:
        raise DatasetError("building a data set needs DuckDB: pip install 'bioclip-x[dataset]'") from None
    spill = folder / "spill"
    shutil.rmtree(spill, ignore_errors=True)  # of a run that was killed
    try:
        with interruptible(), duckdb.connect() as connection:
            for name, value in (
                ("memory_limit", memory),
                ("threads", str(threads)),
                ("temp_directory", str(spill)),
                (
                    "preserve_insertion_order",
                    "false",
                ),  # rows are ordered where it matters; otherwise tables stay in memory
                ("autoinstall_known_extensions", "false"),
            ):
                connection.execute(f"SET {name} = {quote(value)}")
            yield connection
    except duckdb.OutOfMemoryException as problem:
        raise DatasetError(f"DuckDB needs more than memory: {memory}: {_shorten(problem)}") from problem
    except duckdb.IOException as problem:
        raise DatasetError(f"the tables cannot be read or written: {_shorten(problem)}") from problem
    except duckdb.Error as problem:
        raise DatasetError(f"DuckDB fails: {_shorten(problem)}") from problem


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises KeyboardInterrupt where Ctrl-C interrupts a query, for which DuckDB raises a RuntimeError.

    For queries whose rows are taken later, too, by what takes such an error for another.
    """
    try:
        yield
    except RuntimeError as problem:
        if str(problem) == "Query interrupted":
            raise KeyboardInterrupt from None
        raise


def quote(text: str) -> str:
    """Returns a text as a literal of SQL.

    >>> quote("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def quote_files(paths: Iterable[Path]) -> str:
    """Returns a list of files as DuckDB's table functions take it; the characters of its patterns stand for themselves."""
    escaped = (str(path).translate({ord(one): f"[{one}]" for one in "*?["}) for path in paths)
    return "[" + ", ".join(map(quote, escaped)) + "]"


def _shorten(problem: Exception) -> str:
    return str(problem).partition("\n")[0]

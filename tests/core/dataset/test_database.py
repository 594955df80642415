"""The database that joins tables."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from bioclip_x.dataset.database import open_database
from bioclip_x.errors import DatasetError

pytest.importorskip("duckdb", reason="needs the extra dataset")


def test_an_interrupted_query_is_an_interruption(tmp_path: Path) -> None:
    threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt), open_database(tmp_path, "1GB", 1) as database:
        database.execute("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b").fetchall()


def test_what_the_database_cannot_do_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(DatasetError, match=r"^DuckDB fails: Conversion Error[^\n]*$"),
        open_database(tmp_path, "1GB", 1) as database,
    ):
        database.execute("SELECT CAST('x' AS INTEGER)").fetchall()
    with pytest.raises(RuntimeError, match="other"), open_database(tmp_path, "1GB", 1):
        raise RuntimeError("other")

"""The small TreeOfLife: built, trained on, and every planted case accounted for."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from example_commands import ROOT

pytest.importorskip("duckdb", reason="needs the extra dataset")
pytest.importorskip("imagehash", reason="needs the extra dataset")
SCRIPT = ROOT / "examples" / "small_tree_of_life.py"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    command = [sys.executable, str(SCRIPT), str(folder), *options]
    return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=280)


def read_planted(folder: Path) -> list[dict[str, str]]:
    with (folder / "planted.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_of_drawings(tmp_path: Path) -> None:
    done = run(tmp_path / "tree")
    assert done.returncode == 0, done.stdout + done.stderr
    planted = read_planted(tmp_path / "tree")
    assert len(planted) == 47 and f"47 of {len(planted)} planted cases" in done.stdout
    assert {one["outcome"] for one in planted} == {
        "used", "duplicate", "held out", "unreadable", "unlicensed", "unnamed", "incomplete",
    }  # fmt: skip
    assert "The images are drawings" in done.stdout
    assert (tmp_path / "tree" / "run" / "model" / "open_clip_config.json").is_file()


def test_of_photographs_too(tmp_path: Path, shared_data: Path) -> None:
    done = run(tmp_path / "tree", "--photos", str(shared_data))
    assert done.returncode == 0, done.stdout + done.stderr
    planted = read_planted(tmp_path / "tree")
    assert len(planted) == 52 and f"52 of {len(planted)} planted cases" in done.stdout


def test_a_case_that_became_something_else_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import pyarrow as pa
    import pyarrow.parquet as pq
    from small_tree_of_life import check
    from small_tree_sources import Planted

    (tmp_path / "dataset").mkdir()
    row = {"id": "1", "source": "park", "source_id": "a", "outcome": "used", "status": "full", "name": "Parus major",
           "reason": "", "duplicate_of": ""}  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "dataset" / "catalogue.parquet")
    (tmp_path / "dataset" / "counts.json").write_text('{"outcomes": {"used": 1, "duplicate": 0}}')
    right = Planted("right", "park", "a", "used", "full", "Parus major")
    wrong = [Planted("outcome", "park", "a", "duplicate"), Planted("taxon", "park", "a", "used", taxon="Parus minor"),
             Planted("missing", "park", "b", "used")]  # fmt: skip
    assert check(tmp_path, [right, *wrong]) == 3
    told = [line for line in capsys.readouterr().out.splitlines() if line.endswith("<-- differs")]
    assert [line.split()[0] for line in told] == ["outcome", "taxon", "missing"]

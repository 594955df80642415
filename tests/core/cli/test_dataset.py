"""`bioclip-x dataset build`: what it prints, and its exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioclip_x.cli.main import main
from data_set_builds import lay_source, write_config, write_rows

pytest.importorskip("duckdb", reason="needs the extra dataset")
pytest.importorskip("imagehash", reason="needs the extra dataset")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["dataset", "build", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def test_the_names_then_the_images_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = lay_source(tmp_path, 8)
    rows += [rows[0] | {"source_id": "copy"}, rows[1] | {"source_id": "odd", "name": "Nonesuch alba"}]
    write_rows(tmp_path / "park.jsonl", rows)
    file = write_config(tmp_path)
    status, out, err = run(capsys, file, "--until", "names")
    lines = [line.split() for line in out.splitlines()]
    assert status == 0 and lines[0] == ["names", "images"] and str(tmp_path / "out") in lines[-1]
    assert sorted(lines[1:-1]) == [["park", "full", "4", "9"], ["park", "lost", "1", "1"]]
    assert "1 name lost, ambiguous" in err and "Traceback" not in err
    status, out, _ = run(capsys, file, "--quiet")
    assert status == 0
    assert [line.split() for line in out.splitlines()[:-1]] == [["used", "8"], ["duplicate", "1"], ["unnamed", "1"]]
    counts = json.loads((tmp_path / "out/counts.json").read_text("utf-8"))
    assert {(one["status"], one["rank"], one["names"], one["images"]) for one in counts["names"]} == {
        ("full", "species", 4, 9), ("lost", "", 1, 1)
    }  # fmt: skip


def test_errors_are_one_line_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_source(tmp_path, 2)
    file = write_config(tmp_path)
    for arguments in ((file, "--set", "seed=many"), (file, "--set", "shards.images=0"), (tmp_path / "none.yaml",)):
        status, out, err = run(capsys, *arguments)
        assert status == 2 and not out and err.startswith("error: ") and err.count("\n") == 1
    status, _, err = run(capsys, file, "--until", "never")
    assert status == 2 and "never" in err

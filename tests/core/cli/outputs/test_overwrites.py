"""Outputs that would replace an input."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.cli.outputs.overwrites import refuse_overwriting
from bioclip_x.errors import BioclipXError


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    (tmp_path / "birds.csv").write_text("species\n")
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "birds.csv")
    (tmp_path / "soft.csv").symlink_to("birds.csv")
    return tmp_path / "birds.csv"


@pytest.mark.parametrize("name", ["birds.csv", "hard.csv", "soft.csv", "../{folder}/birds.csv"])
def test_the_same_file_by_any_path_or_link_is_refused(birds: Path, name: str) -> None:
    output = birds.parent / name.format(folder=birds.parent.name)
    with pytest.raises(BioclipXError, match=r"--output .* it is the same file as --taxonomy .*birds\.csv"):
        refuse_overwriting([("--output", output)], [("--taxonomy", birds)])


def test_so_is_the_file_of_a_csvs_provenance(birds: Path) -> None:
    source = birds.with_name("q.csv.provenance.json")
    source.touch()
    with pytest.raises(BioclipXError, match=r"q\.csv\.provenance\.json would replace"):
        refuse_overwriting([("--output", birds.with_name("q.csv"))], [("--recipe", source)])


def test_two_outputs_are_two_files(tmp_path: Path) -> None:
    q = tmp_path / "q.csv"
    with pytest.raises(BioclipXError, match="--output and --report are the same file"):
        refuse_overwriting([("--output", q), ("--report", tmp_path / "." / "q.csv")], [])
    refuse_overwriting([("--output", q), ("--report", tmp_path / "q.html")], [("--taxonomy", tmp_path / "none.csv")])
    refuse_overwriting([("--output", Path("/dev/null")), ("--report", Path("/dev/null"))], [])

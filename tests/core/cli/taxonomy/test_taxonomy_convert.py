from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.cli.main import main
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["taxonomy", "convert", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def read(path: Path) -> Taxonomy:
    return read_taxonomy(create_registry(), path)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "yaml", "yml", "json"])
def test_read_back_it_is_the_same_tree(
    capsys: pytest.CaptureFixture[str], birds_csv: Path, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"out.{suffix}"
    assert run(capsys, birds_csv, "--output", file) == (0, "", "")
    tree, back = read(birds_csv), read(file)
    assert back.fingerprint == tree.fingerprint
    assert [back.class_taxon(c) for c in range(6)] == [tree.class_taxon(c) for c in range(6)]


def test_csv_comes_out_as_it_went_in(capsys: pytest.CaptureFixture[str], birds_csv: Path) -> None:
    code, out, _ = run(capsys, birds_csv, "--to", "csv")
    assert code == 0 and sorted(out.splitlines()) == sorted(birds_csv.read_text("utf-8").splitlines())


def test_newick_tells_what_it_lost(capsys: pytest.CaptureFixture[str], birds_csv: Path) -> None:
    code, out, err = run(capsys, birds_csv, "--to", "newick")
    assert code == 0 and out.startswith("(((((((Parus_major)Parus,(Cyanistes_caeruleus)Cyanistes)Paridae,")
    assert err.startswith("lost in newick: the ranks of 23 taxa; that 1 inner node is a class")


def test_parquet_is_written(capsys: pytest.CaptureFixture[str], birds_csv: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    assert run(capsys, birds_csv, "--output", tmp_path / "out.parquet")[0] == 0
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.num_rows == 6 and table.column("species").to_pylist()[0] == "Parus major"


def test_a_file_stays_as_it_was_where_the_new_one_cannot_be(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source, output = tmp_path / "labels.nwk", tmp_path / "out.csv"
    source.write_text("(a,b)c;")
    output.write_text("precious")
    code, _, err = run(capsys, source, "--output", output)
    assert code == 2 and "2 of 2 classes have no such rank" in err and "convert to .yaml or .json" in err
    assert output.read_text() == "precious" and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no output file to infer the format from"),
        (["--output", "out.xyz"], "out.xyz has no known format suffix"),
        (["--output", "gone/out.csv"], "there is no folder gone"),
    ],
)
def test_requests_that_are_wrong(
    capsys: pytest.CaptureFixture[str], birds_csv: Path, arguments: list[str], message: str
) -> None:
    code, out, err = run(capsys, birds_csv, *arguments)
    assert (code, out) == (2, "") and message in err


def test_a_models_own_tree(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--model", "field-guide", "--to", "csv")
    assert code == 0 and out.startswith("kingdom,phylum,class,order,family,genus,species")


def test_real_trees_come_back(capsys: pytest.CaptureFixture[str], shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "col_dwca" / "txtree" / "107.txtree"  # with siblings of one rank and name
    assert run(capsys, source, "--output", tmp_path / "out.json")[0] == 0
    assert read(tmp_path / "out.json").fingerprint == read(source).fingerprint
    code, _, err = run(capsys, source, "--output", tmp_path / "out.yaml")
    assert code == 2 and "order 'Chiroptera' is twice" in err and "convert to .json" in err

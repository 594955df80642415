"""What a file is told that no reader recognises, and workbooks as taxonomies."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
import pytest

from bioclip_x.classes.species_lists import read_species_list
from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.classes.taxonomy_formats import detect_format, read_head
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy.findings import Findings

REGISTRY = create_registry()


def explain(path: Path) -> str:
    with pytest.raises(TaxonomyError) as caught:
        read_taxonomy(REGISTRY, path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "closest", "reason"),
    [
        ("name,weight\nParus,18\nTurdus,90\n", "csv", "no column is a rank"),
        ("Parus major\nTurdus merula\n", "csv", "put `species` (or another rank) in the first line"),
        ("Aves\n\tParus\n\tTurdus\n", "text-tree", "indented by tabs; indent by two spaces per level"),
        ("tree a = ((Parus,Turdus),Corvus);\n", "newick", "a tree begins with '(', and this file with 'tree a"),
        ("label,bin\nfox,canid\nwolf,canid\n", "bins", "read as --bins FILE only"),
        (">AB1 Parus major\nACGT\n", "lineages", "the headers of its sequences have no lineage"),
    ],
)
def test_the_closest_format_and_why_it_is_not_that(tmp_path: Path, text: str, closest: str, reason: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text)
    message = explain(path)
    assert f"It looks most like {closest} (" in message and reason in message


def test_the_advice_for_a_list_of_names_works(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("Parus major\nTurdus merula\n")
    assert "put `species`" in explain(path)
    path.write_text("species\nParus major\nTurdus merula\n")
    assert read_taxonomy(REGISTRY, path).n_classes == 2


def test_what_resembles_no_format_is_told_what_was_expected(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("<html><body>404</body></html>")
    message = explain(path)
    assert "expected a table (CSV, TSV, .xlsx) with a column per rank" in message and "--taxonomy-format" not in message


def test_folders_and_archives_name_what_can_be_read_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "birds.csv").write_text("genus,species\nParus,Parus major\n")
    (folder / "notes.md").write_text("# Notes\n")
    with zipfile.ZipFile(tmp_path / "lists.zip", "w") as archive:
        archive.write(folder / "birds.csv", "birds.csv")
        archive.write(folder / "notes.md", "notes.md")
    assert "give one of its files: birds.csv (csv)" in explain(folder)
    assert "unpack it and give one of its files: birds.csv (csv)" in explain(tmp_path / "lists.zip")
    (folder / "birds.csv").unlink()
    assert "nor one of its files (notes.md)" in explain(folder)


@pytest.mark.parametrize(
    ("rows", "reader"),
    [
        ([["family", "species", "common_name"], ["Paridae", "Parus major", "great tit"]], "csv"),
        (
            [["CATEGORY", "SPECIES_CODE", "PRIMARY_COM_NAME", "SCI_NAME", "ORDER", "FAMILY"],
             ["species", "gretit1", "great tit", "Parus major", "Passeriformes", "Paridae (Tits)"]],
            "ebird",
        ),
        ([["taxonID", "scientificName", "taxonRank"], [9705453, "Parus major", "species"]], "darwin-core"),
    ],
)  # fmt: skip
def test_a_workbook_is_read_by_the_reader_of_its_table(tmp_path: Path, rows: list[list[object]], reader: str) -> None:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.create_sheet("sources").append(["a note"])
    path = tmp_path / "birds.xlsx"
    workbook.save(path)
    assert detect_format(REGISTRY, path, read_head(path)) == reader
    tree = read_taxonomy(REGISTRY, path)
    assert [tree.class_taxon(c).name for c in range(tree.n_classes)] == ["Parus major"]
    assert "the sheet 'Sheet' is read, not 'sources'" in tree.notes[-1]
    assert [taxon.name for taxon in read_species_list(REGISTRY, path)] == ["Parus major"]


def test_many_errors_are_counted_by_kind() -> None:
    findings = Findings("a.csv")
    for line in range(1, 661):
        findings.error("rank", "an unknown rank", line)
    findings.error("cycle", "a cycle", 700)
    with pytest.raises(TaxonomyError) as caught:
        findings.raise_errors()
    lines = str(caught.value).splitlines()
    assert len(lines) == 7 and lines[5] == "a.csv, line 700: a cycle"
    assert lines[-1] == "… and 655 more errors (655 of the kind 'rank'): bioclip-x taxonomy validate"

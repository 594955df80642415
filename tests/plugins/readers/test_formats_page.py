"""The examples on docs/taxonomy-formats.md are files, and are read as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.registry import create_registry
from bioclip_x.taxonomy import TAXON
from bioclip_x_plugins.readers.tables.columns import describe_meaning, find_meaning


def example(page: str, heading: str) -> str:
    """The first block of code below a heading."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    block = re.search(r"(?:^    .*\n)+", section, re.MULTILINE)
    assert block is not None, heading
    return re.sub("^    ", "", block[0], flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "file", "taxa"),
    [
        ("Newick", "tree.txt", {"Parus", "Parus major", "Parus minor", "Poecile palustris"}),
        ("Indented text", "tree.txt", {"Pinaceae", "Abies", "Abies alba", "Abies chaneyi"}),
        ("GTDB's lineages", "bac120_taxonomy.tsv", {"Bacteria", "Moraxellaceae", "Acinetobacter baumannii"}),
        ("Parent-child lists", "wordnet.parent-child.txt", {"n00001740", "n00001930", "n00002137"}),
        ("BirdNET's labels", "labels.txt", {"Parus", "Parus major", "Cyanistes caeruleus"}),
        ("iNaturalist's categories", "categories.json", {"Animalia", "Corvidae", "Pica hudsonia"}),
    ],
)
def test_an_example_is_read(
    request: pytest.FixtureRequest, tmp_path: Path, heading: str, file: str, taxa: set[str]
) -> None:
    page = (request.config.rootpath / "docs" / "taxonomy-formats.md").read_text("utf-8")
    path = tmp_path / file
    path.write_text(example(page, heading), "utf-8")
    tree = read_taxonomy(create_registry(), path)
    names = {tree.names[node] for node in range(tree.n_nodes) if tree.kind_N[node] == TAXON}
    assert taxa <= names and not tree.notes


def test_the_columns_on_the_page_are_understood(request: pytest.FixtureRequest) -> None:
    page = (request.config.rootpath / "docs" / "taxonomies.md").read_text("utf-8")
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]+) \|$", page.partition("| meaning | columns |")[2].partition("\n\n")[0], re.MULTILINE
    )
    assert len(rows) > 10
    for meaning, columns in rows[1:]:
        for column in re.findall(r"`([^`]+)`", columns.partition(";")[0]):
            assert describe_meaning(find_meaning(column)) == meaning, column

"""Compiled trees are cached by what their reader reads, and by nothing else."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bioclip_x.classes import taxonomy_files
from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy

CSV = "family,genus,species\nParidae,Parus,Parus major\nParidae,Cyanistes,Cyanistes caeruleus\n"
NODES = "1\t|\t1\t|\tno rank\t|\n2\t|\t1\t|\tgenus\t|\n3\t|\t2\t|\tspecies\t|\n"
NAMES = (
    "1\t|\troot\t|\t\t|\tscientific name\t|\n2\t|\tParus\t|\t\t|\tscientific name\t|\n"
    "3\t|\tParus major\t|\t\t|\tscientific name\t|\n"
)

Read = Callable[[Path], "tuple[Taxonomy, bool]"]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads a taxonomy with a cache; returns it, and whether it was added to the cache."""
    monkeypatch.setattr(taxonomy_files, "MIN_SECONDS_TO_CACHE", -1)
    registry, cache = create_registry(), tmp_path / "trees"

    def read_and_look(path: Path) -> tuple[Taxonomy, bool]:
        before = set(cache.glob("*.npz"))
        tree = read_taxonomy(registry, path, cache=cache)
        return tree, set(cache.glob("*.npz")) != before

    return read_and_look


def test_neighbours_do_not_matter(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "data" / "birds.csv"
    path.parent.mkdir()
    path.write_text(CSV)
    (path.parent / "dangling").symlink_to("/nowhere")
    assert read(path)[1]
    (path.parent / "output.csv").write_text("image,label\n")
    tree, is_new = read(path)
    assert not is_new and tree.n_classes == 2
    path.write_text(CSV + "Turdidae,Turdus,Turdus merula\n")
    tree, is_new = read(path)
    assert is_new and tree.n_classes == 3


def test_what_a_reader_reads_beside_its_file_matters(tmp_path: Path, read: Read) -> None:
    (tmp_path / "nodes.dmp").write_text(NODES)
    (tmp_path / "names.dmp").write_text(NAMES)
    for given in (tmp_path / "nodes.dmp", tmp_path):
        assert read(given)[1]
        (tmp_path / "output.csv").write_text(str(given))
        assert not read(given)[1]
        (tmp_path / "names.dmp").write_text(NAMES.replace("major", "minor"))
        tree, is_new = read(given)
        assert is_new and "Parus minor" in tree.names
        (tmp_path / "names.dmp").write_text(NAMES + "3\t|\ttit\t|\t\t|\tcommon name\t|\n")


def test_names_beside_a_list_of_edges(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "cub.parent-child.txt"
    path.write_text("10 1\n10 2\n")
    assert read(path)[1]
    (tmp_path / "classes.txt").write_text("1 Parus major\n2 Parus minor\n10 Parus\n")
    tree, is_new = read(path)
    assert is_new and "Parus minor" in tree.names


def test_files_in_a_folder_matter(tmp_path: Path, read: Read) -> None:
    folder = tmp_path / "checklist"
    (folder / "below").mkdir(parents=True)
    (folder / "dangling").symlink_to("/nowhere")
    table = folder / "below" / "Taxon.tsv"
    table.write_text("taxonID\tscientificName\ttaxonRank\tgenus\n1\tParus major\tspecies\tParus\n")
    assert read(folder)[1] and not read(folder)[1]
    table.write_text(table.read_text() + "2\tParus minor\tspecies\tParus\n")
    tree, is_new = read(folder)
    assert is_new and tree.n_classes == 2


def test_an_archive_is_one_file(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "taxdump.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("nodes.dmp", NODES)
        archive.writestr("names.dmp", NAMES)
    assert read(path)[1]
    (tmp_path / "output.csv").touch()
    assert not read(path)[1]


def test_no_cache_is_needed(tmp_path: Path, birds_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taxonomy_files, "MIN_SECONDS_TO_CACHE", -1)
    (tmp_path / "file").touch()
    assert read_taxonomy(create_registry(), birds_csv, cache=tmp_path / "file").n_classes == 6

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import Synonym

HEADER = "uid\t|\tparent_uid\t|\tname\t|\trank\t|\tsourceinfo\t|\tuniqname\t|\tflags\t|\t\n"
ROWS = [
    ("805080", "", "life", "no rank", "silva:0,ncbi:1", "", ""),
    ("304358", "805080", "Eukaryota", "domain", "silva:D11377/#1,ncbi:2759", "", ""),
    ("708327", "304358", "Parus", "genus", "ncbi:9153,gbif:2487877,http://x.y/z:1", "", ""),
    ("695547", "708327", "Parus major", "species", "ncbi:9157,gbif:9705453,gbif:5", "", "sibling_higher"),
    ("4", "708327", "Parus minor", "species", "gbif:6", "", "extinct"),
    ("5", "708327", "Parus environmental sample", "no rank - terminal", "ncbi:7", "", "not_otu"),
    ("6", "304358", "Merged", "genus", "", "", "merged"),
    ("7", "6", "Merged bus", "species", "", "", ""),
]
SYNONYMS = "name\t|\tuid\t|\ttype\t|\tuniqname\t|\tsourceinfo\t|\t\nParus robustus\t|\t695547\t|\tsynonym\t|\t\t|\tgbif:1\t|\t\n"


def make_row(cells: tuple[str, ...]) -> str:
    return "\t|\t".join(cells) + "\t|\t\n"


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    folder = tmp_path / "ott3.7"
    folder.mkdir()
    (folder / "taxonomy.tsv").write_text(HEADER + "".join(map(make_row, ROWS)), "utf-8")
    (folder / "synonyms.tsv").write_text(SYNONYMS, "utf-8")
    return folder


def test_taxa_identifiers_flags_and_synonyms(dump: Path) -> None:
    tree = read_taxonomy(create_registry(), dump)
    taxa = {taxon.name: taxon for taxon in map(tree.class_taxon, range(tree.n_classes))}
    assert set(taxa) == {"Parus major", "Parus minor", "Merged bus"}
    major = taxa["Parus major"]
    assert major.lineage == (("domain", "Eukaryota"), ("genus", "Parus"), ("species", "Parus major"))
    assert major.ids == {"ott": "695547", "ncbi": "9157", "gbif": "9705453"}
    assert major.synonyms == (Synonym("Parus robustus"),) and major.extra == {"flags": "sibling_higher"}
    assert ["1 rows that Open Tree flags as no taxa" in note for note in tree.notes] == [True]


def test_the_file_and_the_archive_are_the_folder(dump: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "ott3.7.tgz", "w:gz") as archive:
        archive.add(dump, "ott3.7")
    registry = create_registry()
    expected = read_taxonomy(registry, dump).fingerprint
    for path in (dump / "taxonomy.tsv", tmp_path / "ott3.7.tgz"):
        assert read_taxonomy(registry, path).fingerprint == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uid\t|\tname\t|\t\n", "line 1: no column parent_uid, rank"),
        (HEADER + "1\t|\t\n", "line 2: expected 4 cells"),
        (HEADER + make_row(ROWS[3]), "line 2: the parent '708327' of species Parus major is not in the file"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "taxonomy.tsv").write_text(text, "utf-8")
    with pytest.raises(TaxonomyError, match=message):
        read_taxonomy(create_registry(), tmp_path / "taxonomy.tsv", "open-tree")

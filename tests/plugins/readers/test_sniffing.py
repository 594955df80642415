"""Each format is read by its own reader, though the files of several look alike to others."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import Registry, create_registry


@pytest.fixture(scope="module")
def registry() -> Registry:
    return create_registry()


def reader_of(registry: Registry, path: Path) -> str:
    head = b"" if path.is_dir() else path.read_bytes()[:65536]
    names = registry.in_order("taxonomy_readers")
    return next(name for name in names if registry.make("taxonomy_readers", name).sniff(path, head))


FILES = {
    "a.csv": ("csv", "kingdom,family,species,common_name\nAnimalia,Paridae,Parus major,great tit\n"),
    "b.csv": ("darwin-core", "taxonID,scientificName,taxonRank,family,genus\n1,Parus major,species,Paridae,Parus\n"),
    "c.tsv": ("darwin-core", "dwc:taxonID\tdwc:scientificName\tdwc:parentNameUsageID\n1\tParus major\t\n"),
    "NameUsage.tsv": ("coldp", "ID\tparentID\tscientificName\trank\n1\t\tParus major\tspecies\n"),
    "d.csv": (
        "ebird",
        "CATEGORY,SPECIES_CODE,SCI_NAME,ORDER,FAMILY\nspecies,gretit1,Parus major,Passeriformes,Paridae\n",
    ),
    "e.json": ("json-nodes", '[{"id": 1, "parent_id": null, "name": "Parus major"}]'),
    "f.json": ("json-nodes", '{"directed": true, "nodes": [{"id": 1, "name": "Parus major"}], "edges": []}'),
    "g.json": ("yaml", '[{"family": "Paridae", "species": "Parus major"}]'),
    "i.txt": ("json-nodes", '\ufeff [{"id": 1, "parent_id": null, "name": "Parus major"}]'),
    "j": ("yaml", '{"name": "Parus major", "rank": "species"}'),
    "h.yaml": ("yaml", "ranks: [species]\ntree: [Parus major]\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_reader_is_chosen_by_content(tmp_path: Path, registry: Registry, name: str) -> None:
    expected, text = FILES[name]
    path = tmp_path / name
    path.write_text(text, "utf-8")
    assert reader_of(registry, path) == expected
    tree = read_taxonomy(registry, path)
    assert [tree.class_taxon(c).name for c in range(tree.n_classes)] == ["Parus major"]


@pytest.mark.parametrize("name", ["b.csv", "NameUsage.tsv"])
def test_zip_archives(tmp_path: Path, registry: Registry, name: str) -> None:
    expected, text = FILES[name]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"folder/{name}", text)
    assert reader_of(registry, tmp_path / "a.zip") == expected
    assert read_taxonomy(registry, tmp_path / "a.zip").n_classes == 1


def test_an_uncompressed_zip_is_not_a_table(tmp_path: Path, registry: Registry) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", FILES["a.csv"][1])
    with pytest.raises(TaxonomyError, match=r"unpack it and give one of its files: a\.csv \(csv\)"):
        read_taxonomy(registry, tmp_path / "a.zip")


def test_the_catalogue_of_lifes_archives(shared_data: Path, registry: Registry) -> None:
    for kind, reader in (("dwca", "darwin-core"), ("coldp", "coldp"), ("acef", "acef"), ("taxalign", "darwin-core")):
        for folder in sorted((shared_data / "col_dwca" / kind).iterdir()):
            assert reader_of(registry, folder) == reader, folder

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy

LINEAGE = (
    ("kingdom", "Animalia"), ("phylum", "Chordata"), ("class", "Aves"), ("order", "Passeriformes"), ("family", "Corvidae"),
    ("genus", "Pica"), ("species", "Pica hudsonia"),
)  # fmt: skip
FOLDER = "00042_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_hudsonia"
MAGPIE = {
    "id": 42, "name": "Pica hudsonia", "common_name": "Black-billed Magpie", "supercategory": "Birds",
    **dict(LINEAGE[:-1]), "specific_epithet": "hudsonia", "image_dir_name": FOLDER,
}  # fmt: skip


def read(path: Path, document: Any) -> Taxonomy:
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return read_taxonomy(create_registry(), path)


def lineages(tree: Taxonomy) -> list[tuple[tuple[str, str], ...]]:
    return [tree.class_taxon(c).lineage for c in range(tree.n_classes)]


@pytest.mark.parametrize(
    "document",
    [
        {"info": {"year": 2021}, "categories": [MAGPIE]},
        [MAGPIE],
        {"images": [{"id": 1, "file_name": "x" * 70_000}], "categories": [MAGPIE]},
        [{key: value for key, value in MAGPIE.items() if key not in ("specific_epithet", "image_dir_name")}],
    ],
)
def test_categories(tmp_path: Path, document: Any) -> None:
    tree = read(tmp_path / "categories.json", document)
    magpie = tree.class_taxon(0)
    assert lineages(tree) == [LINEAGE]
    assert magpie.common_name() == "Black-billed Magpie"
    assert (magpie.ids, magpie.extra) == ({"inaturalist_category": "42"}, {"supercategory": "Birds"})


@pytest.mark.parametrize(
    ("changed", "lineage"),
    [
        ({"name": "Pica", "specific_epithet": ""}, LINEAGE[:-1]),
        ({"name": "Pica hudsonia alba"}, (*LINEAGE[:-1], ("subspecies", "Pica hudsonia alba"))),
        ({"name": "Pica hudsonia var. alba"}, (*LINEAGE[:-1], ("variety", "Pica hudsonia var. alba"))),
        ({"order": None, "family": ""}, (*LINEAGE[:3], *LINEAGE[5:])),
    ],
)
def test_categories_at_other_ranks(tmp_path: Path, changed: dict[str, Any], lineage: Any) -> None:
    assert lineages(read(tmp_path / "c.json", [MAGPIE | changed])) == [lineage]


def test_categories_without_ranks(tmp_path: Path) -> None:
    categories = [
        {"id": 0, "name": "Pica hudsonia", "supercategory": "Aves"},
        {"id": 1, "name": "Polar bear", "supercategory": "animal"},
        {"id": 2, "name": "person", "supercategory": "person"},
        {"id": 3, "name": "cup", "supercategory": None},
    ]
    assert set(lineages(read(tmp_path / "c.json", {"categories": categories}))) == {
        (("class", "Aves"), ("species", "Pica hudsonia")), (("", "animal"), ("", "Polar bear")), (("", "person"),),
        (("", "cup"),),
    }  # fmt: skip


NAMES = [FOLDER, "00043_Plantae_Tracheophyta____Quercus_×_hispanica", "00044_Fungi_Ascomycota_____"]
EXPECTED = {
    LINEAGE,
    (("kingdom", "Plantae"), ("phylum", "Tracheophyta"), ("genus", "Quercus"), ("species", "Quercus × hispanica")),
    (("kingdom", "Fungi"), ("phylum", "Ascomycota")),
}


def test_names_of_folders(tmp_path: Path) -> None:
    for name in [*NAMES, ".cache"]:
        (tmp_path / "train" / name).mkdir(parents=True)
    (tmp_path / "train" / "README.txt").touch()
    tree = read_taxonomy(create_registry(), tmp_path / "train")
    assert set(lineages(tree)) == EXPECTED
    assert {tree.class_taxon(c).ids["inaturalist_category"] for c in range(3)} == {"00042", "00043", "00044"}


def test_names_of_folders_in_a_file(tmp_path: Path) -> None:
    assert set(lineages(read(tmp_path / "folders.txt", "\n".join(NAMES)))) == EXPECTED


@pytest.mark.parametrize(
    ("name", "document", "messages"),
    [
        (
            "c.json",
            {"categories": [MAGPIE, {"id": 1}, 3, {"name": "x"}]},
            ["category 2: ", "category 3: ", "category 4: "],
        ),
        (
            "c.json",
            {"categories": [MAGPIE, MAGPIE | {"name": "Pica pica"}]},
            ["Pica hudsonia and Pica pica are both category 42"],
        ),
        ("c.json", {"categories": {"a": 1}}, ["expected a list of categories"]),
        ("c.json", {"categories": []}, ["is empty; expected categories"]),
        ("c.json", json.dumps({"categories": [MAGPIE]}, indent=1)[:-20], ["c.json, line ", "not valid JSON"]),
        ("f.txt", "\n".join([*NAMES, "cat", NAMES[0][:20]]), ["f.txt, line 4: ", "got 'cat'", "f.txt, line 5: "]),
        ("f.txt", f"{FOLDER}\n{FOLDER[:5]}_Animalia______\n", ["f.txt, line 2: ", "both category 00042"]),
        ("f.txt", f"{FOLDER}\n00001_______\n", ["f.txt, line 2: "]),
        ("f.txt", f"{FOLDER}\n\0\n", ["f.txt, line 2: a NUL byte"]),
    ],
)
def test_errors_name_their_place(tmp_path: Path, name: str, document: Any, messages: list[str]) -> None:
    with pytest.raises(TaxonomyError) as caught:
        read(tmp_path / name, document)
    assert all(message in str(caught.value) for message in messages), str(caught.value)


def test_an_unexpected_folder_name_is_an_error(tmp_path: Path) -> None:
    for name in (FOLDER, "other"):
        (tmp_path / name).mkdir()
    with pytest.raises(TaxonomyError, match=r"expected a name such as .*, got 'other'"):
        read_taxonomy(create_registry(), tmp_path)

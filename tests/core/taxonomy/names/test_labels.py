from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.editing.subset import subset
from bioclip_x.taxonomy.names.labels import match_labels, resolve_labels
from bioclip_x.taxonomy.names.resolver import Resolver


@pytest.fixture
def birds(birds_csv: Path) -> Taxonomy:
    return read_taxonomy(create_registry(), birds_csv)


def test_scientific_common_and_underscored_names_resolve_to_their_class(birds: Taxonomy) -> None:
    node_of, unknown, ambiguous = resolve_labels(
        ["Parus major", "Parus_major", "great tit", "Quercus", "Robin", "Rob sp."], birds
    )
    assert {label: birds.taxon(node).name for label, node in node_of.items()} == {
        "Parus major": "Parus major", "Parus_major": "Parus major", "great tit": "Parus major", "Quercus": "Quercus",
    }  # fmt: skip
    assert (birds.class_of_N[list(node_of.values())] >= 0).all(), "Quercus is a genus that is a class itself"
    assert unknown == ["Robin", "Rob sp."] and ambiguous == []


def test_labels_of_taxa_above_classes_are_inner_nodes(birds: Taxonomy) -> None:
    labels = ["Parus", "Aves", "Parus sp.", "Parus_sp", "Parus major"]
    node_of, unknown, ambiguous = resolve_labels(labels, birds)
    assert unknown == ambiguous == []
    assert [(birds.rank(node_of[label]), birds.names[node_of[label]]) for label in labels[:4]] == [
        ("genus", "Parus"), ("class", "Aves"), ("genus", "Parus"), ("genus", "Parus"),
    ]  # fmt: skip
    assert [birds.class_of_N[node_of[label]] >= 0 for label in labels] == [False] * 4 + [True]


def test_a_name_of_two_classes_is_ambiguous_until_its_path_is_given(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("kingdom,genus\nAnimalia,Oenanthe\nPlantae,Oenanthe\n", "utf-8")
    taxonomy = read_taxonomy(create_registry(), path)
    node_of, unknown, ambiguous = resolve_labels(["Oenanthe", "Plantae; Oenanthe"], taxonomy)
    assert ambiguous == ["Oenanthe"] and unknown == []
    assert node_of == {"Plantae; Oenanthe": taxonomy.owner(int(taxonomy.leaf_node_C[1]))}


@pytest.fixture
def animals() -> Taxonomy:
    """Names of genera that are also common names: of one class, of two, of one in another genus."""
    builder = TaxonomyBuilder()
    for genus, species, common in (
        ("Bison", "Bison bison", "bison"),
        ("Bison", "Bison bonasus", "wisent"),
        ("Dugong", "Dugong dugon", "dugong"),
        ("Gorilla", "Gorilla gorilla", "gorilla"),
        ("Gorilla", "Gorilla beringei", "gorilla"),
        ("Iris", "Iris oratoria", ""),
        ("Xiphion", "Xiphion vulgare", "iris"),
        ("Alces", "Alces alces", "moose"),
    ):
        builder.add_lineage(
            [("kingdom", "Animalia"), ("genus", genus), ("species", species)], Details({"en": (common,) * bool(common)})
        )
    return builder.build()


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["bison", "Bison bonasus"], ["Bison bison", "Bison bonasus"]),
        (["Bison", "BISON"], ["Bison bison", "Bison bison"]),
        (["Bison", "Bison bison"], ["Bison", "Bison bison"]),  # the class has a label of its own: Bison is the genus
        (["dugong"], ["Dugong dugon"]),
        (["gorilla"], ["Gorilla"]),  # two classes have this common name, one genus has it as its name
        (["iris"], ["Xiphion vulgare"]),
        (["Alces"], ["Alces"]),  # no class has this name
        (["Animalia; Dugong"], ["Dugong dugon"]),
    ],
)
def test_a_genus_name_that_is_the_common_name_of_a_class_means_the_class(
    animals: Taxonomy, labels: list[str], names: list[str]
) -> None:
    node_of, unknown, ambiguous = resolve_labels(labels, animals)
    assert unknown == ambiguous == []
    assert [animals.names[node_of[label]] for label in labels] == names
    matched = match_labels(labels, Resolver(animals))
    assert [[animals.names[node] for node in matched[label]] for label in labels] == [[name] for name in names]


def test_a_subset_by_the_name_of_a_genus_has_the_class_of_this_common_name(animals: Taxonomy) -> None:
    for name, species in {"dugong": {"Dugong dugon"}, "Bison": {"Bison bison", "Bison bonasus"}}.items():
        tree = subset(animals, [name]).tree
        assert {tree.class_taxon(c).name for c in range(tree.n_classes)} == species
    assert subset(animals, ["species=bison"]).tree.class_taxon(0).name == "Bison bison"


@pytest.mark.parametrize("name", ["grocery_produce", "tinyimagenet_bio"])
def test_no_image_of_real_data_is_lost_whose_class_has_a_common_name(
    tmp_path: Path, shared_data: Path, name: str
) -> None:
    """Classes called Asparagus, dugong and bison: their common names are those of their genera."""
    with (shared_data / name / "classes.csv").open(encoding="utf-8") as file:
        classes = [row for row in csv.DictReader(file) if row["species"]]
    first_of = {row["species"]: row for row in reversed(classes)}
    table = tmp_path / "taxonomy.csv"
    rows = [f"{row['family']},{row['genus']},{row['species']},{row['class_name']}" for row in first_of.values()]
    table.write_text("\n".join(["family,genus,species,common_name", *rows]) + "\n", "utf-8")
    taxonomy = read_taxonomy(create_registry(), table)
    node_of, unknown, ambiguous = resolve_labels([row["class_name"] for row in first_of.values()], taxonomy)
    assert unknown == ambiguous == []
    assert {label: taxonomy.names[node] for label, node in node_of.items()} == {
        row["class_name"]: species for species, row in first_of.items()
    }
    genera = {row["genus"] for row in classes if row["genus"].lower() not in {label.lower() for label in node_of}}
    assert {taxonomy.rank(node) for node in resolve_labels(genera, taxonomy)[0].values()} == {"genus"}

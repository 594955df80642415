from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.editing.diff import KINDS, compare_taxonomies

RANKS = ("kingdom", "order", "family", "genus", "species")


def tree(*lines: str, synonyms: Mapping[str, Sequence[str]] | None = None, ranks: Sequence[str] = RANKS) -> Taxonomy:
    """Builds a tree from lineages such as "Animalia/Passeriformes//Parus"."""
    builder = TaxonomyBuilder()
    for line in lines:
        node = 0
        for rank, name in zip(ranks, line.split("/")):
            if name:
                named = tuple(map(Synonym, (synonyms or {}).get(name, ())))
                node = builder.add(node, rank, name, Details(synonyms=named))
        builder.mark_class(node)
    return builder.build("made")


def list_changes(old: Taxonomy, new: Taxonomy) -> list[tuple[str, str, str]]:
    """(kind, old name, new name)"""
    return [
        (c.kind, "" if c.old is None else old.names[c.old], "" if c.new is None else new.names[c.new])
        for c in compare_taxonomies(old, new).changes
    ]


TIT = "Animalia/Passeriformes/Paridae/Parus/Parus major"


def test_equal_trees_have_no_changes() -> None:
    found = compare_taxonomies(
        tree(TIT, "Plantae/Apiales/Apiaceae/Oenanthe"), tree(TIT, "Plantae/Apiales/Apiaceae/Oenanthe")
    )
    assert found.changes == () and found.unchanged == 9
    assert found.counts() == dict.fromkeys(KINDS, 0)


def test_descendants_of_a_moved_taxon_have_not_moved() -> None:
    old, new = (
        tree(TIT, "Animalia/Piciformes"),
        tree("Animalia/Passeriformes", TIT.replace("Passeriformes", "Piciformes")),
    )
    assert list_changes(old, new) == [("moved", "Paridae", "Paridae")]


def test_descendants_of_a_renamed_taxon_are_unchanged() -> None:
    old, new = tree(TIT), tree(TIT.replace("Animalia", "Metazoa"), synonyms={"Metazoa": ["Animalia"]})
    assert list_changes(old, new) == [("renamed", "Animalia", "Metazoa")]


@pytest.mark.parametrize("which", ["old", "new"])
def test_synonyms_in_either_tree_identify_renamed_taxa(which: str) -> None:
    old = "Animalia/Passeriformes/Paridae/Parus/Parus caeruleus"
    new = "Animalia/Passeriformes/Paridae/Cyanistes/Cyanistes caeruleus"
    of_old = {"Parus caeruleus": ["Cyanistes caeruleus"]} if which == "old" else {}
    of_new = {"Cyanistes caeruleus": ["Parus caeruleus", "Parus coeruleus"]} if which == "new" else {}
    assert list_changes(tree(old, TIT, synonyms=of_old), tree(new, TIT, synonyms=of_new)) == [
        ("renamed", "Parus caeruleus", "Cyanistes caeruleus"),
        ("added", "", "Cyanistes"),
    ]


def test_lumped_and_split() -> None:
    apart = tree("Animalia////Larus argentatus", "Animalia////Larus smithsonianus")
    together = tree("Animalia////Larus argentatus", synonyms={"Larus argentatus": ["Larus smithsonianus"]})
    assert list_changes(apart, together) == [("lumped", "Larus smithsonianus", "Larus argentatus")]
    assert list_changes(together, apart) == [("split", "Larus argentatus", "Larus smithsonianus")]


def test_homonyms_under_different_codes_are_never_matched() -> None:
    old, new = (
        tree("Animalia///Oenanthe", "Plantae///Apium"),
        tree("Animalia///Parus", "Plantae///Apium", "Plantae///Oenanthe"),
    )
    assert list_changes(old, new) == [("removed", "Oenanthe", ""), ("added", "", "Parus"), ("added", "", "Oenanthe")]


def test_homonyms_are_matched_by_lineage() -> None:
    old = tree("Animalia/A/F/Aus", "Animalia/B/G/Aus")
    new = tree("Animalia/B/H/Aus", "Animalia/A/I/Aus", "Animalia/A/F", "Animalia/B/G")
    found = {
        (old.path(c.old)[1], new.path(c.new)[1]) for c in compare_taxonomies(old, new).changes if c.kind == "moved"
    }
    assert {(old.names[a], new.names[b]) for a, b in found} == {("A", "A"), ("B", "B")}


def test_ranks_missing_in_one_tree_are_ignored() -> None:
    old = tree("Animalia//Paridae/Parus", "Animalia//Paridae/Poecile")
    new = tree("Animalia/Passeriformes/Paridae/Parus", "Animalia/Passeriformes/Paridae/Poecile")
    assert list_changes(old, new) == [("added", "", "Passeriformes")]


def test_a_rank_change_does_not_move_children() -> None:
    old = tree("Animalia//Parus/Aus", "Animalia//F/G")
    new = tree("Animalia/Parus//Aus", "Animalia//F/G")
    assert list_changes(old, new) == [("rank changed", "Parus", "Parus")]


def test_identical_siblings_are_paired_in_order() -> None:
    def twins(count: int) -> Taxonomy:
        builder = TaxonomyBuilder()
        for _ in range(count):
            builder.add(0, "species", "Parus major", merge=False)
        return builder.build("made")

    assert list_changes(twins(2), twins(2)) == []
    assert list_changes(twins(3), twins(1)) == [("removed", "Parus major", "")] * 2


def test_very_deep_trees() -> None:
    def caterpillar(size: int) -> Taxonomy:
        builder, node = TaxonomyBuilder(), 0
        for number in range(size):
            node = builder.add(node, "", f"clade {number}")
        return builder.build("made")

    assert list_changes(caterpillar(999), caterpillar(1000)) == [("added", "", "clade 999")]


@st.composite
def unique_names(draw: st.DrawFn) -> dict[str, str]:
    """Name → its parent ("" for a top): trees in which no name occurs twice."""
    names = draw(st.lists(st.sampled_from("ABCDEFGHIJ"), unique=True, min_size=1))
    return {name: draw(st.sampled_from(["", *names[:place]])) for place, name in enumerate(names)}


def of_names(parents: Mapping[str, str]) -> Taxonomy:
    builder: Any = TaxonomyBuilder()
    node_of = {"": 0}
    for name, parent in parents.items():
        node_of[name] = builder.add(node_of[parent], "", name)
    return builder.build("made")


@given(unique_names(), unique_names())
def test_against_sets(old: dict[str, str], new: dict[str, str]) -> None:
    both = old.keys() & new.keys()
    wanted = {("removed", name, "") for name in old.keys() - both} | {("added", "", name) for name in new.keys() - both}
    wanted |= {("moved", name, name) for name in both if old[name] != new[name]}
    found = compare_taxonomies(of_names(old), of_names(new))
    assert sorted(list_changes(of_names(old), of_names(new))) == sorted(wanted)
    assert found.unchanged == sum(old[name] == new[name] for name in both)

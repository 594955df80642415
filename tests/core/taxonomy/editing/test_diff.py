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
    """From lineages such as "Animalia/Passeriformes//Parus"."""
    builder = TaxonomyBuilder()
    for line in lines:
        node = 0
        for rank, name in zip(ranks, line.split("/")):
            if name:
                named = tuple(map(Synonym, (synonyms or {}).get(name, ())))
                node = builder.add(node, rank, name, Details(synonyms=named))
        builder.mark_class(node)
    return builder.build("made")


def told(old: Taxonomy, new: Taxonomy) -> list[tuple[str, str, str]]:
    """(kind, old name, new name)"""
    return [
        (c.kind, "" if c.old is None else old.names[c.old], "" if c.new is None else new.names[c.new])
        for c in compare_taxonomies(old, new).changes
    ]


TIT = "Animalia/Passeriformes/Paridae/Parus/Parus major"


def test_a_tree_and_itself() -> None:
    found = compare_taxonomies(
        tree(TIT, "Plantae/Apiales/Apiaceae/Oenanthe"), tree(TIT, "Plantae/Apiales/Apiaceae/Oenanthe")
    )
    assert found.changes == () and found.unchanged == 9
    assert found.counts() == dict.fromkeys(KINDS, 0)


def test_what_lies_below_a_taxon_that_moved_has_not_moved() -> None:
    old, new = (
        tree(TIT, "Animalia/Piciformes"),
        tree("Animalia/Passeriformes", TIT.replace("Passeriformes", "Piciformes")),
    )
    assert told(old, new) == [("moved", "Paridae", "Paridae")]


def test_below_a_renamed_top_all_is_as_it_was() -> None:
    old, new = tree(TIT), tree(TIT.replace("Animalia", "Metazoa"), synonyms={"Metazoa": ["Animalia"]})
    assert told(old, new) == [("renamed", "Animalia", "Metazoa")]


@pytest.mark.parametrize("which", ["old", "new"])
def test_a_synonym_of_either_tree_tells_a_renamed_taxon(which: str) -> None:
    old = "Animalia/Passeriformes/Paridae/Parus/Parus caeruleus"
    new = "Animalia/Passeriformes/Paridae/Cyanistes/Cyanistes caeruleus"
    of_old = {"Parus caeruleus": ["Cyanistes caeruleus"]} if which == "old" else {}
    of_new = {"Cyanistes caeruleus": ["Parus caeruleus", "Parus coeruleus"]} if which == "new" else {}
    assert told(tree(old, TIT, synonyms=of_old), tree(new, TIT, synonyms=of_new)) == [
        ("renamed", "Parus caeruleus", "Cyanistes caeruleus"),
        ("added", "", "Cyanistes"),
    ]


def test_lumped_and_split() -> None:
    apart = tree("Animalia////Larus argentatus", "Animalia////Larus smithsonianus")
    together = tree("Animalia////Larus argentatus", synonyms={"Larus argentatus": ["Larus smithsonianus"]})
    assert told(apart, together) == [("lumped", "Larus smithsonianus", "Larus argentatus")]
    assert told(together, apart) == [("split", "Larus argentatus", "Larus smithsonianus")]


def test_namesakes_of_two_codes_are_never_one() -> None:
    old, new = (
        tree("Animalia///Oenanthe", "Plantae///Apium"),
        tree("Animalia///Parus", "Plantae///Apium", "Plantae///Oenanthe"),
    )
    assert told(old, new) == [("removed", "Oenanthe", ""), ("added", "", "Parus"), ("added", "", "Oenanthe")]


def test_of_several_namesakes_the_one_with_the_likeliest_lineage() -> None:
    old = tree("Animalia/A/F/Aus", "Animalia/B/G/Aus")
    new = tree("Animalia/B/H/Aus", "Animalia/A/I/Aus", "Animalia/A/F", "Animalia/B/G")
    found = {
        (old.path(c.old)[1], new.path(c.new)[1]) for c in compare_taxonomies(old, new).changes if c.kind == "moved"
    }
    assert {(old.names[a], new.names[b]) for a, b in found} == {("A", "A"), ("B", "B")}


def test_a_rank_that_one_tree_has_not_moves_nothing() -> None:
    old = tree("Animalia//Paridae/Parus", "Animalia//Paridae/Poecile")
    new = tree("Animalia/Passeriformes/Paridae/Parus", "Animalia/Passeriformes/Paridae/Poecile")
    assert told(old, new) == [("added", "", "Passeriformes")]


def test_another_rank_is_told_and_moves_no_children() -> None:
    old = tree("Animalia//Parus/Aus", "Animalia//F/G")
    new = tree("Animalia/Parus//Aus", "Animalia//F/G")
    assert told(old, new) == [("rank changed", "Parus", "Parus")]


def test_siblings_that_nothing_tells_apart_are_paired_in_their_order() -> None:
    def twins(count: int) -> Taxonomy:
        builder = TaxonomyBuilder()
        for _ in range(count):
            builder.add(0, "species", "Parus major", merge=False)
        return builder.build("made")

    assert told(twins(2), twins(2)) == []
    assert told(twins(3), twins(1)) == [("removed", "Parus major", "")] * 2


def test_trees_as_deep_as_phylogenies() -> None:
    def caterpillar(size: int) -> Taxonomy:
        builder, node = TaxonomyBuilder(), 0
        for number in range(size):
            node = builder.add(node, "", f"clade {number}")
        return builder.build("made")

    assert told(caterpillar(3000), caterpillar(3001)) == [("added", "", "clade 3000")]


@st.composite
def unique_names(draw: st.DrawFn) -> dict[str, str]:
    """Name → its parent ("" for a top): trees in which no name occurs twice."""
    names = draw(st.lists(st.sampled_from("ABCDEFGHIJ"), unique=True, min_size=1))
    return {name: draw(st.sampled_from(["", *names[:place]])) for place, name in enumerate(names)}


def of_names(parents: Mapping[str, str]) -> Taxonomy:
    builder: Any = TaxonomyBuilder()
    made = {"": 0}
    for name, parent in parents.items():
        made[name] = builder.add(made[parent], "", name)
    return builder.build("made")


@given(unique_names(), unique_names())
def test_against_sets(old: dict[str, str], new: dict[str, str]) -> None:
    both = old.keys() & new.keys()
    wanted = {("removed", name, "") for name in old.keys() - both} | {("added", "", name) for name in new.keys() - both}
    wanted |= {("moved", name, name) for name in both if old[name] != new[name]}
    found = compare_taxonomies(of_names(old), of_names(new))
    assert sorted(told(of_names(old), of_names(new))) == sorted(wanted)
    assert found.unchanged == sum(old[name] == new[name] for name in both)

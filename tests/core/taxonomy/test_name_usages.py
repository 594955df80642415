from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import TaxonomyError
from bioclip_x.limits import SYNONYM_STEPS
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.findings import Findings
from bioclip_x.taxonomy.name_usages import NameUsage, SeveralParents, from_usages


def compiled(*usages: NameUsage, several_parents: SeveralParents = "refuse", **more: str) -> Taxonomy:
    return from_usages(usages, Findings("list.csv"), source="list.csv", several_parents=several_parents, **more)  # type: ignore[arg-type]


def taxon(id: str, name: str, parent: str = "", line: int = 0, rank: str = "") -> NameUsage:
    return NameUsage(id, name, rank, parent, line=line)


def kinds(error: TaxonomyError) -> list[tuple[str, int, bool]]:
    return [(problem.kind, problem.line, problem.is_error) for problem in error.problems]


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_tree_is_that_of_the_parents_in_whatever_order_the_rows_come(n: int, seed: int) -> None:
    rng = random.Random(seed)
    parents = {str(i): str(rng.randrange(i)) if i and rng.random() < 0.9 else "" for i in range(n)}
    rows = [taxon(id, f"taxon {id}", parent) for id, parent in parents.items()]
    rng.shuffle(rows)
    tree = compiled(*rows)
    found = {
        tree.names[node]: tree.names[tree.owner(int(tree.parent_N[node]))]
        for node in range(1, tree.n_nodes)
        if tree.kind_N[node] == TAXON
    }
    assert found == {f"taxon {id}": f"taxon {parent}" if parent else "" for id, parent in parents.items()}


def test_all_errors_are_reported_at_once_with_lines() -> None:
    with pytest.raises(TaxonomyError) as caught:
        compiled(
            taxon("1", "A", "2", 1),
            taxon("2", "B", "1", 2),
            taxon("3", "C", "9", 3),
            taxon("4", " ", "", 4),
            taxon("5", "E", "", 5),
            taxon("6", "F", "", 6),
            taxon("7", "G", "5", 7),
            taxon("7", "G", "6", 8),
        )
    assert sorted(kinds(caught.value)) == [
        ("cycle", 1, True), ("dangling parent", 3, True), ("no name", 4, True), ("several parents", 7, True),
    ]  # fmt: skip
    assert "list.csv, line 1: a cycle of parents: A → B → A" in str(caught.value)
    assert "G has several parents (E, F); --dag first" in str(caught.value)


def test_taxa_below_a_cycle_are_not_a_second_cycle() -> None:
    with pytest.raises(TaxonomyError) as caught:
        compiled(
            taxon("1", "A", "2"), taxon("2", "B", "3"), taxon("3", "C", "2"), taxon("4", "D", "1"), taxon("5", "E")
        )
    assert [problem.message for problem in caught.value.problems] == ["a cycle of parents: B → C → B"]


def test_a_node_that_is_its_own_parent_is_a_top() -> None:
    tree = compiled(taxon("1", "root", "1"), taxon("2", "Bacteria", "1"))
    assert tree.names == ("", "root", "Bacteria")


def test_several_parents_first_or_all() -> None:
    rows = [taxon("a", "A"), taxon("b", "B"), taxon("c", "C", "a"), taxon("c", "C", "b", 9), taxon("d", "D", "c")]
    first = compiled(*rows, several_parents="first")
    assert [first.taxon(node).lineage for node in range(1, first.n_nodes) if first.names[node] == "D"] == [
        (("", "A"), ("", "C"), ("", "D"))
    ]
    assert [problem.kind for problem in first.problems] == ["several parents"]
    every = compiled(*rows, several_parents="all")
    lineages = [every.taxon(node).lineage for node in range(1, every.n_nodes) if every.names[node] == "D"]
    assert [lineage[0][1] for lineage in lineages] == ["A", "B"]


def test_synonyms_find_their_taxon_through_synonyms() -> None:
    tree = compiled(
        taxon("1", "Felis", rank="genus"),
        NameUsage("2", "Felis catus", "species", "1", authorship="Linnaeus, 1758"),
        NameUsage("3", "Felis domesticus", "species", accepted=["4"], authorship="Erxleben, 1777"),
        NameUsage("4", "Felis bouvieri", "species", accepted=["2"]),
        NameUsage("5", "Lost synonym", "species", accepted=["99"], line=5),
    )
    cat = tree.class_taxon(0)
    assert (cat.name, cat.authorship) == ("Felis catus", "Linnaeus, 1758")
    assert {(synonym.name, synonym.authorship) for synonym in cat.synonyms} == {
        ("Felis domesticus", "Erxleben, 1777"), ("Felis bouvieri", ""),
    }  # fmt: skip
    assert [(problem.kind, problem.line) for problem in tree.problems] == [("dangling synonym", 5)]


@pytest.mark.parametrize(
    ("accepted", "message"),
    [
        (
            {"6": "7", "7": "6"},
            "line 6: 6 and 7 are synonyms of each other, and none is accepted: Name 6 (6) → Name 7 (7) → Name 6",
        ),
        ({"5": "6", "6": "7", "7": "8", "8": "6"}, "line 6: 6 and 7 and 8 are synonyms of each other"),
        ({"6": "6"}, "line 6: Name 6 (6) is a synonym of itself"),
    ],
)
def test_names_that_are_synonyms_of_each_other(accepted: dict[str, str], message: str) -> None:
    synonyms = [NameUsage(id, f"Name {id}", accepted=[other], line=int(id)) for id, other in accepted.items()]
    with pytest.raises(TaxonomyError, match=re.escape(message)) as failure:
        compiled(taxon("1", "Felis", rank="genus"), *synonyms)
    assert str(failure.value).count("\n") == 0


def test_a_parent_that_is_a_synonym_is_replaced_by_its_taxon() -> None:
    tree = compiled(
        taxon("1", "Quercus", rank="genus"),
        NameUsage("2", "Oldoak", "genus", accepted=["1"]),
        NameUsage("3", "Quercus robur", "species", "2", line=3),
    )
    assert tree.class_taxon(0).lineage == (("genus", "Quercus"), ("species", "Quercus robur"))
    assert [(problem.kind, problem.line) for problem in tree.problems] == [("parent is a synonym", 3)]


def test_dangling_parents_may_be_tops() -> None:
    tree = compiled(taxon("1", "A", "9", 4), taxon("2", "B"), dangling="top")
    assert tree.n_classes == 2
    assert [str(problem) for problem in tree.problems] == [
        "list.csv, line 4: the parent '9' of A is not in the file; it was put at the top"
    ]


def test_given_lineages_are_merged() -> None:
    above = (("kingdom", "Fungi"), ("family", "Boletaceae"))
    tree = compiled(
        NameUsage("1", "Boletus edulis", "species", lineage=(*above, ("genus", "Boletus"))),
        NameUsage("2", "Boletus aereus", "species", lineage=(*above, ("genus", "Boletus"))),
        NameUsage("3", "Boletus", "genus", lineage=above, authorship="L."),
    )
    assert tree.names.count("Boletus") == 1 and tree.n_classes == 2
    assert tree.details[tree.names.index("Boletus")].authorship == "L."
    with pytest.raises(TaxonomyError, match="is empty"):
        compiled()


def test_an_id_with_two_names_reports_which_is_left_out() -> None:
    tree = compiled(taxon("1", "Aus", line=2), taxon("3", "Aus bus", "1", 3), taxon("3", "Cus dus", "1", 4))
    assert [str(problem) for problem in tree.problems] == [
        "list.csv, line 4: Cus dus has the id '3', which Aus bus has in line 3; left out"
    ]
    assert tree.names[1:] == ("Aus", "Aus bus")


def test_a_long_cycle_is_abbreviated_and_found_in_linear_time() -> None:
    n = 20_000
    with pytest.raises(TaxonomyError, match=r"A0 → A1 → .* → … \(19,992 more\) → A0$"):
        compiled(*(taxon(str(i), f"A{i}", str((i + 1) % n)) for i in range(n)))
    with pytest.raises(TaxonomyError, match=r"A0 \(0\) → .* → … \(19,992 more\) → A0 \(0\)$"):
        compiled(taxon("x", "X"), *(NameUsage(str(i), f"A{i}", accepted=[str((i + 1) % n)]) for i in range(n)))


def test_chains_of_rows_are_followed_in_linear_time() -> None:
    n = 20_000
    nameless = [taxon(f"u{i}", "unknown", f"u{i - 1}" if i else "top") for i in range(n)]
    below = [taxon(f"t{i}", f"T{i}", f"u{n - 1}") for i in range(n)]
    tree = compiled(taxon("top", "Top"), *nameless, *below)
    assert tree.n_classes == n and len(tree.levels) == 3
    synonyms = [NameUsage(f"s{i}", f"S{i}", accepted=[f"s{i - 1}" if i else "top"]) for i in range(n)]
    tree = compiled(taxon("top", "Top"), *synonyms)
    assert len(tree.taxon(1).synonyms) == SYNONYM_STEPS
    tree = compiled(*(taxon(f"p{i}", f"P{i}") for i in range(n)), *(taxon("c", "C", f"p{i}") for i in range(n)),
                    several_parents="first")  # fmt: skip
    assert tree.n_classes == n


def test_a_lattice_is_refused_before_it_is_copied() -> None:
    rows = [taxon(f"0 {b}", f"A0 {b}") for b in range(2)]
    rows += [taxon(f"{n} {b}", f"A{n} {b}", f"{n - 1} {a}") for n in range(1, 60) for a in range(2) for b in range(2)]
    with pytest.raises(TaxonomyError, match="makes more than 1,000,000 copies; --dag first"):
        compiled(*rows, several_parents="all")
    assert compiled(*rows, several_parents="first").n_classes == 60 + 1

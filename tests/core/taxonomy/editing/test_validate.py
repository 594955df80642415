from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import HOLE, TAXON, Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.editing.validate import check
from bioclip_x.taxonomy.names.spelling import find_faults, has_no_faults
from bioclip_x.taxonomy.ranks import ORDER
from random_trees import classes_below, owner, trees

RANKS = ("kingdom", "class", "family", "genus", "species")


def tree(*lines: str, ranks: Sequence[str] = RANKS) -> Taxonomy:
    """Builds a tree from lineages such as "Animalia//Paridae/Parus", one per line from line 2 of a file."""
    builder = TaxonomyBuilder()
    for number, line in enumerate(lines, start=2):
        builder.add_lineage(list(zip(ranks, line.split("/"))), line=number)
    return builder.build("birds.csv")


def found(taxonomy: Taxonomy) -> list[tuple[str, int, str]]:
    return [(problem.kind, problem.line, problem.message) for problem in check(taxonomy)]


TIT = "Animalia/Aves/Paridae/Parus/Parus major"


def test_a_valid_tree_has_no_warnings() -> None:
    many = (TIT, "Animalia/Aves/Paridae/Poecile/Poecile palustris", "Plantae/Magnoliopsida/Fagaceae/Quercus")
    assert found(tree(*many)) == []
    assert found(from_labels(["red fox", "gray wolf"])) == []


def test_problems_carry_file_and_line_and_are_warnings() -> None:
    [problem] = check(tree(TIT, "Animalia/Aves/Paridae/Parus/Poecile palustris"))
    assert (problem.file, problem.line, problem.is_error) == ("birds.csv", 3, False)
    assert problem.message == "species 'Poecile palustris' is in the genus 'Parus'"


def test_homonyms_name_their_paths() -> None:
    kinds = found(tree(TIT, "Animalia/Aves/Muscicapidae/Oenanthe", "Plantae/Magnoliopsida/Apiaceae/Oenanthe"))
    assert kinds == [
        (
            "homonym",
            3,
            "'Oenanthe' names 2 taxa, distinguished only by path: Animalia > Aves > Muscicapidae > Oenanthe (line 3); "
            "Plantae > Magnoliopsida > Apiaceae > Oenanthe (line 4)",
        )
    ]


def test_homonyms_under_one_code_are_suspicious() -> None:
    [(kind, _, message)] = found(tree(TIT, "Animalia/Aves/Passeridae/Parus/Parus minor"))
    assert (
        kind == "homonym" and "'Parus' names 2 taxa under one code (zoological), so that some are misplaced" in message
    )


def test_nomenclatural_codes_are_not_guessed_in_unranked_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a phylogeny of a hundred thousand levels it would traverse the path of each repeated tip."""
    builder = TaxonomyBuilder()
    for top in ("Aves", "Insecta"):
        builder.add(builder.add(0, "", top), "", "sp")
    monkeypatch.setattr(
        "bioclip_x.taxonomy.editing.validate.guess_nomenclatural_code", lambda _: pytest.fail("a path is walked")
    )
    messages = [problem.message for problem in check(builder.build()) if problem.kind == "homonym"]
    assert messages == ["'sp' names 2 taxa, distinguished only by path: Aves > sp; Insecta > sp"]


def test_a_genus_and_its_subgenus_are_not_homonyms() -> None:
    ranks = ("family", "genus", "subgenus", "species")
    lines = ("Apidae/Bombus/Bombus/Bombus terrestris", "Apidae/Bombus/Psithyrus/Bombus vestalis")
    assert found(tree(*lines, ranks=ranks)) == []


def test_holes_are_counted_by_rank() -> None:
    kinds = found(
        tree(TIT, "Animalia//Emydidae/Emys/Emys orbicularis", "Animalia//Emydidae/Emys/Emys trinacris", "Plantae")
    )
    assert kinds == [("hole", 3, "2 of 4 classes have no class: Animalia > Emydidae (line 3)")]


@given(trees())
def test_holes_agree_with_a_traversal(taxonomy: Taxonomy) -> None:
    wanted: dict[str, int] = {}
    for node in range(taxonomy.n_nodes):
        below = [n for n in range(taxonomy.n_nodes) if node in taxonomy.path(n) and taxonomy.kind_N[n] == TAXON]
        if taxonomy.kind_N[node] == HOLE and below:
            rank = taxonomy.rank(node)
            wanted[rank] = wanted.get(rank, 0) + len(classes_below(taxonomy, node))
    holes = [message for kind, _, message in found(taxonomy) if kind == "hole"]
    counts = {message.split(" have no ")[1].split(":")[0]: int(message.split(" ", 1)[0]) for message in holes}
    assert counts == wanted


def test_ranks_out_of_order() -> None:
    builder = TaxonomyBuilder()
    family = builder.add(builder.add(0, "genus", "Parus", line=1), "family", "Paridae", line=2)
    builder.add(builder.add(family, "", "clade", line=3), "family", "Poecilidae", line=4)
    kinds = found(builder.build("x"))
    assert [(kind, line) for kind, line, _ in kinds] == [("rank order", 2), ("rank order", 4)]
    assert kinds[0][2].startswith("family 'Paridae' is below genus 'Parus'")


@given(trees())
def test_rank_order_agrees_with_a_traversal(taxonomy: Taxonomy) -> None:
    wanted = 0
    for node in range(taxonomy.n_nodes):
        path = [n for n in taxonomy.path(node) if taxonomy.kind_N[n] == TAXON and taxonomy.rank(n) in ORDER]
        if taxonomy.kind_N[node] == TAXON and path[-1:] == [node] and len(path) > 1:
            wanted += ORDER[taxonomy.rank(path[-2])] >= ORDER[taxonomy.rank(node)]
    assert sum(kind == "rank order" for kind, *_ in found(taxonomy)) == wanted


def test_several_roots() -> None:
    [(_, line, message)] = [one for one in found(tree(TIT, "//Emydidae/Emys")) if one[0] == "several roots"]
    assert line == 3 and "2 taxa have no parent" in message and "kingdom 'Animalia', family 'Emydidae'" in message


def test_duplicates_and_letter_case() -> None:
    builder = TaxonomyBuilder()
    for line, name in enumerate(("Parus major", "Parus major", "parus Major"), start=1):
        builder.add(0, "species", name, merge=False, line=line)
    kinds = found(builder.build("x"))
    assert [(kind, line) for kind, line, _ in kinds] == [("duplicate", 2), ("spelling", 3)]


def test_an_only_child_with_its_parents_name() -> None:
    kinds = found(tree("Animalia/Aves/Aves", TIT.replace("Aves/", "Insecta/")))
    assert ("same name below", 2) in [(kind, line) for kind, line, _ in kinds]


@pytest.mark.parametrize(
    ("genus", "species", "fits"),
    [
        ("Parus", "Parus major", True),
        ("Parus", "P. major", True),
        ("× Cuprocyparis", "×Cuprocyparis leylandii", True),
        ("Alphainfluenzavirus", "Influenza A virus", True),
        ("Escherichia", "uncultured bacterium", True),
        ("Parus", "Parusia major", False),
        ("Parus", "major", False),
    ],
)
def test_genus_and_species(genus: str, species: str, fits: bool) -> None:
    kinds = [kind for kind, *_ in found(tree(f"Animalia/Aves/Paridae/{genus}/{species}"))]
    assert ("genus mismatch" not in kinds) is fits


def test_authors_in_names() -> None:
    [(kind, line, message)] = found(tree("Animalia/Aves/Paridae/Parus/Parus major Linnaeus, 1758"))
    assert (kind, line) == ("author in name", 2) and "'Parus major' by 'Linnaeus, 1758'" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Sylvia DuprÃ©", "perhaps 'Sylvia Dupré'"),
        ("M\ufffdller", "lost characters (U+FFFD)"),
        ("M?ller", "question mark inside a word"),
        ("Parus\u200bmajor", "U+200B (zero width space)"),
        ("Parus\x07major", "U+0007 (a control character)"),
        ("Andre\u0301", "decomposed letters"),
    ],
)
def test_wrong_encodings(text: str, message: str) -> None:
    assert not has_no_faults(text) and any(message in one for one in find_faults(text))
    builder = TaxonomyBuilder()
    builder.add(0, "", "x", Details(common_names={"fr": (text,)}, synonyms=(Synonym("y", text),)))
    kinds = found(builder.build("x"))
    assert [kind for kind, *_ in kinds] == ["encoding"] * 2
    assert "common name (fr)" in kinds[0][2] and "synonyms" in kinds[1][2]


@settings(max_examples=300)
@given(st.text(st.characters(codec="cp1252", categories=("L", "Zs")), min_size=1))
def test_mojibake_is_detected_and_corrected(text: str) -> None:
    try:
        broken = text.encode("utf-8").decode("cp1252")
    except UnicodeDecodeError:  # some of Windows-1252's bytes stand for nothing
        return
    seen = [one for one in find_faults(broken) if f"perhaps {text!r}" in one]
    assert bool(seen) is not text.isascii()


@pytest.mark.parametrize(
    "text", ["Müller", "Çelik", "naïve", "Ærø", "日本", "Größe", "Ñandú", "Why?", "× hispanica", "Ångström"]
)
def test_letters_of_all_languages_are_accepted(text: str) -> None:
    assert list(find_faults(text)) == []


def test_the_taxon_of_a_self_leaf_is_checked_once(birds_csv: object) -> None:
    taxonomy = tree("Plantae/M/Fagaceae/Quercus", "Plantae/M/Fagaceae/Quercus/Quercus robur")
    assert owner(taxonomy, int(taxonomy.leaf_node_C[-1])) > 0 and found(taxonomy) == []

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records.taxon import Synonym, Taxon
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.placeholders import is_placeholder

PINES = """\
# conifers
Pinales [order]
  Pinaceae Spreng. [family]
    Abies [genus]
      Abies alba Mill. [SPECIES] {ID=1234 PUB=Mill,,1768 VERN=de:Weißtanne,fra:Sapin blanc,de:Tanne}  # a [comment]
        =Pinus picea L. [species]
          ≡$Abies picea (L.) Bluff & Fingerh. [species]
        *?Abies nobilis
        Abies alba subsp. nebrodensis [subspecies]
      †Abies chaneyi Mason [species]
    ?Larix Mill.
"""


def read(path: Path, text: str | bytes, format: str | None = "text-tree") -> Taxonomy:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_taxonomy(create_registry(), path, format)


def by_name(tree: Taxonomy) -> dict[str, Taxon]:
    return {tree.names[node]: tree.taxon(node) for node in range(tree.n_nodes) if tree.kind_N[node] == TAXON}


def test_all_parts_of_a_line(tmp_path: Path) -> None:
    taxa = by_name(read(tmp_path / "pines.txtree", PINES, None))
    fir = taxa["Abies alba"]
    assert (fir.rank, fir.authorship) == ("species", "Mill.")
    assert fir.lineage[:3] == (("order", "Pinales"), ("family", "Pinaceae"), ("genus", "Abies"))
    assert fir.common_names == {"de": ("Weißtanne", "Tanne"), "fr": ("Sapin blanc",)}
    assert (fir.ids, fir.extra) == ({"id": "1234"}, {"pub": "Mill,1768"})
    assert fir.synonyms == (
        Synonym("Pinus picea", "L.", "species"),
        Synonym("Abies picea", "(L.) Bluff & Fingerh.", "species"),
        Synonym("Abies nobilis"),
    )
    assert taxa["Abies chaneyi"].extra == {"extinct": "true"}
    assert (taxa["Larix"].rank, taxa["Larix"].extra) == ("", {"provisional": "true"})
    assert set(taxa) == {
        "Pinales", "Pinaceae", "Abies", "Abies alba", "Abies alba subsp. nebrodensis", "Abies chaneyi", "Larix",
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        PINES.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + PINES.encode(),
        PINES.encode("utf-16"),
        PINES.replace("\n", "\n\n   \n"),
        PINES.removesuffix("\n"),
    ],
)
def test_equivalent_files_give_the_same_tree(tmp_path: Path, content: str | bytes) -> None:
    tree = read(tmp_path / "a.txt", content, None)
    assert tree.fingerprint == read(tmp_path / "b.txtree", PINES).fingerprint


def test_indentation_by_hyphens(tmp_path: Path) -> None:
    tree = read(tmp_path / "birds.txt", "Aves\n\n-- Procellariiformes\n---- Oceanites + Diomedeidae\n-- Alcae\n", None)
    assert tree.class_taxon(0).lineage == (("", "Aves"), ("", "Procellariiformes"), ("", "Oceanites + Diomedeidae"))
    assert tree.class_taxon(1).lineage == (("", "Aves"), ("", "Alcae"))


def test_trees_without_ranks_are_recognised_by_indentation(tmp_path: Path) -> None:
    tree = read(tmp_path / "shop.txt", "fruit\n  apple\n  pear\n", None)
    assert [tree.class_taxon(c).lineage for c in range(2)] == [
        (("", "fruit"), ("", "apple")),
        (("", "fruit"), ("", "pear")),
    ]


@pytest.mark.parametrize("text", ["Parus major\nParus minor\n", "a,b\n  c,d\n", "key:\n  other: 1\n", "1\n  2\n"])
def test_other_texts_are_not_recognised(tmp_path: Path, text: str) -> None:
    with pytest.raises(TaxonomyError, match="no format that any reader recognises"):
        read(tmp_path / "list.txt", text, None)


def test_a_repeated_name_is_two_classes_with_a_note(tmp_path: Path) -> None:
    tree = read(tmp_path / "a.txtree", "A [genus]\n  A b L. [species]\n  A b L. [species]\n  A b Mill. [species]\n")
    assert tree.n_classes == 3
    assert [(problem.kind, problem.line) for problem in tree.problems] == [("listed twice", 3)]


@pytest.mark.parametrize(
    ("text", "lines", "message"),
    [
        ("A\n   B\n  C\n", [2], "indented by 3 spaces; expected two per level"),
        ("A\n    B\n", [2], "indented by 4; expected at most 2"),
        ("  A\n", [1], "expected none in the first line"),
        ("A\n\tB\n", [2], "indented by a tab"),
        ("A\n  =B\n    C\n", [3], "'C' is below a synonym"),
        ("=A\nB\n", [1], "the synonym 'A' has no name above it"),
        ("A\n  [species]\n  =\n", [2, 3], "expected a name, got '[species]'"),
        ("A\n" * 1000 + "   B\n" + "A\n" * 1000, [1001], "indented by 3 spaces"),
    ],
)
def test_errors_name_their_lines(tmp_path: Path, text: str, lines: list[int], message: str) -> None:
    path = tmp_path / "tree.txtree"
    with pytest.raises(TaxonomyError) as caught:
        read(path, text)
    assert [problem.line for problem in caught.value.problems if problem.is_error] == lines
    assert f"{path}, line {lines[0]}: " in str(caught.value) and message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"A\n  B\0\n", "line 2: a NUL byte"),
        (b"A" * (1 << 21), "line 1: more than 1,048,576 characters"),
        (b"# nothing\n", "is empty; expected one name per line"),
    ],
)
def test_invalid_files(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        read(tmp_path / "tree.txtree", content)


def test_mammals_of_the_catalogue_of_life(shared_data: Path) -> None:
    path = shared_data / "col_dwca" / "txtree" / "102.txtree"
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    tree = read_taxonomy(create_registry(), path)
    taxa = [tree.taxon(node) for node in range(tree.n_nodes) if tree.kind_N[node] == TAXON]
    accepted = [line for line in lines if not line.startswith("=")]
    assert sorted(f"{one.name} {one.authorship}".strip() + f" [{one.rank or 'unranked'}]" for one in taxa) == sorted(
        accepted
    )
    # A synonym of the accepted name and author, or given twice, is none.
    assert len(lines) - len(accepted) - sum(len(one.synonyms) for one in taxa) == 44
    platypus = next(one for one in taxa if one.name == "Ornithorhynchus anatinus")
    assert platypus.authorship == "(Shaw, 1799)" and platypus.at("order") == "Monotremata"
    assert next(one for one in taxa if one.name == "Ornithorhynchus").synonyms == (
        Synonym("Platypus", "Shaw, 1799", "genus"),
    )


def test_expected_trees(shared_data: Path) -> None:
    for path in sorted(shared_data.glob("col_dwca/*/*/expected.tree")):
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
        accepted = [
            (number, line)
            for number, line in enumerate(lines, start=1)
            if not (line.startswith("=") or is_placeholder(line.partition(" [")[0]))
        ]
        tree = read_taxonomy(create_registry(), path)
        assert tree.line_N is not None
        node_at = {int(tree.line_N[node]): node for node in range(tree.n_nodes) if tree.kind_N[node] == TAXON}
        assert sorted(node_at) == [number for number, _ in accepted], path
        for number, line in accepted:
            one = tree.taxon(node_at[number])
            words, _, rank = line.removesuffix("]").rpartition(" [")
            assert one.rank == rank.replace("unranked", ""), path
            assert sorted([*one.name.split(), *one.authorship.split()]) == sorted(words.lstrip("†?$").split()), path

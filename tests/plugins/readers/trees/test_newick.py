from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x_plugins.readers.trees.newick import NewickReader


def read(path: Path, text: str | bytes, **options: str) -> Taxonomy:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return NewickReader(**options).read(path)  # type: ignore[arg-type]


def taxa(tree: Taxonomy) -> list[str]:
    return [tree.names[node] for node in range(tree.n_nodes) if tree.kind_N[node] == TAXON]


def classes(tree: Taxonomy) -> list[str]:
    return [tree.class_taxon(c).name for c in range(tree.n_classes)]


@pytest.fixture
def nwk(tmp_path: Path) -> Path:
    return tmp_path / "tree.nwk"


def test_labels_lengths_and_comments(nwk: Path) -> None:
    text = "[&R] ((Parus_major:2.1e-3[x],'it''s_(quoted)': 2)[y]Parus:9.8 , Pe'a ape)Paridae;\n"
    tree = read(nwk, text)
    assert taxa(tree) == ["Paridae", "Parus", "Parus major", "it's_(quoted)", "Pe'a ape"]
    assert tree.class_taxon(0).lineage == (("", "Paridae"), ("", "Parus"), ("", "Parus major"))


def test_ranks_come_from_the_option_only(nwk: Path) -> None:
    text = "((Parus_major,Parus_minor)Parus,Poecile_palustris);"
    assert read(nwk, text).rank_tables == {}
    tree = read(nwk, text, tips="species")
    assert list(tree.rank_tables) == ["species"]
    assert tree.class_taxon(0).lineage == (("", "Parus"), ("species", "Parus major"))


def test_unlabelled_inner_nodes_are_named_after_their_tips(nwk: Path) -> None:
    text = "((a,(b,c)),(d,e)N5);"
    assert taxa(read(nwk, text)) == ["clade of a … c", "a", "clade of b … c", "b", "c", "N5", "d", "e"]
    assert taxa(read(nwk, text, unnamed="drop")) == ["a", "b", "c", "N5", "d", "e"]


def test_a_redundant_node_is_left_out(nwk: Path) -> None:
    assert taxa(read(nwk, "((((a)),b));")) == ["clade of a … b", "a", "b"]


def test_numbers_are_support_values(nwk: Path) -> None:
    tree = read(nwk, "(((a,b)98,(c,d)0.99/100)1.0,(e,f)'7');")
    support = {tree.names[node]: about.extra["support"] for node, about in tree.details.items()}
    assert support == {
        "clade of a … d": "1.0", "clade of a … b": "98", "clade of c … d": "0.99/100", "clade of e … f": "7",
    }  # fmt: skip


def test_polytomies_and_several_lines(nwk: Path) -> None:
    tree = read(nwk, b"\xef\xbb\xbf(a,\r\n b,\r\n (c,d,e)f)\r\n;\r\n")
    assert classes(tree) == ["a", "b", "c", "d", "e"] and tree.line_N is not None
    assert tree.line_N.tolist() == [0, 1, 2, 3, 3, 3, 3]


def test_utf_16(nwk: Path) -> None:
    assert classes(read(nwk, "(å,b);".encode("utf-16"))) == ["å", "b"]


def test_five_thousand_levels_and_fifty_thousand(nwk: Path) -> None:
    deep = 5000
    tree = read(nwk, "(" * deep + "a" + "".join(f",b{i})" for i in range(deep)) + ";")
    assert tree.n_classes == deep + 1 and len(tree.path(int(tree.leaf_node_C[0]))) == deep
    deep = 50_000
    with pytest.raises(TaxonomyError, match=r"has 50,000 levels; expected at most 5,000"):
        read(nwk, "(" * deep + "a" + "".join(f",b{i})" for i in range(deep)) + ";")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "((a,b),\n c;",
            2,
            "column 3: the tree ends with 1 of its brackets still open, the last from line 1, column 1",
        ),
        ("((a,b)", 1, "column 7: the file ends with 1 of its brackets still open"),
        ("(a,b));", 1, "column 6: ')' after the last bracket was closed"),
        ("(a,b),c;", 1, "column 6: ',' after the last bracket was closed"),
        ("(a,'b);", 1, "column 4: a quote is never closed"),
        ("(a,b[);", 1, "column 5: a comment is never closed"),
        ("(a:x,b);", 1, "column 3: expected a branch length"),
        ("(a(b,c));", 1, "column 3: expected ',' or ')', got an opening bracket"),
        ("(a,b)(c,d);", 1, "column 6: expected ',' or ')', got an opening bracket"),
        ("(a,b);\n(a,b);\n", 2, "column 1: a second tree begins"),
        ("(a,b); c", 1, "column 8: expected nothing after the tree's ';'"),
        ("(a\nb,c);", 2, "column 1: expected ',', ')' or ';', got 'b,c);'"),
        ("#NEXUS\nbegin trees;", 1, "this is NEXUS"),
        ("a;", 1, "a Newick tree begins with '('"),
        ("", 1, "got nothing"),
    ],
)
def test_errors_name_line_and_column(nwk: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(TaxonomyError, match=rf"{re.escape(str(nwk))}, line {line}: .*{re.escape(message)}") as caught:
        read(nwk, text)
    assert [problem.line for problem in caught.value.problems] == [line]


def test_all_unnamed_tips_are_reported_together(nwk: Path) -> None:
    with pytest.raises(TaxonomyError) as caught:
        read(nwk, "(a,,\n(b,));")
    assert [(problem.kind, problem.line) for problem in caught.value.problems] == [("no name", 1), ("no name", 2)]


def test_repeated_tips_and_a_missing_semicolon_are_noted(nwk: Path) -> None:
    tree = read(nwk, "((a,b),a)")
    assert [problem.kind for problem in tree.problems] == ["cut short", "repeated tip"]
    assert classes(tree) == ["a", "b", "a"]


def test_a_file_too_large_for_one_tree(nwk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bioclip_x_plugins.readers.trees.newick.NEWICK_CHARACTERS", 5)
    with pytest.raises(TaxonomyError, match="has more than 5 bytes"):
        read(nwk, "(a,b);")


def test_recognised_by_content(tmp_path: Path) -> None:
    path = tmp_path / "tree.txt"
    path.write_text(" [a comment] (a,(b,c)d);", "utf-8")
    assert classes(read_taxonomy(create_registry(), path)) == ["a", "b", "c"]


Drawn = tuple[str, tuple[Any, ...]]

LABEL = st.text("ab cé'_()[],:;", min_size=1, max_size=6).filter(
    lambda text: text.split() == text.split(" ") and text.strip()
)
TREE = st.recursive(
    LABEL.map(lambda label: (f"{label}!", ())),
    lambda below: st.tuples(LABEL.map(lambda label: f"{label}!"), st.lists(below, min_size=1, max_size=4)),
    max_leaves=30,
).filter(lambda tree: bool(tree[1]))
"""(label, children); the exclamation mark keeps labels from being numbers."""
GAP = st.sampled_from(["", " ", "\n", "[a (comment;]"])


@given(tree=TREE, data=st.data())
def test_written_trees_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, tree: Drawn, data: st.DataObject
) -> None:
    def written(label: str, children: tuple[Any, ...]) -> str:
        inside = ",".join(written(*child) for child in children)
        quoted = "'{}'".format(label.replace("'", "''"))
        length = data.draw(st.sampled_from(["", ":1", ":.5", ": -2e-3"]))
        gap = data.draw(GAP)
        return f"{gap}({inside}){gap}{quoted}{gap}{length}" if children else f"{gap}{quoted}{length}{gap}"

    def paths(label: str, children: tuple[Any, ...]) -> list[tuple[str, ...]]:
        return [(label, *path) for child in children for path in paths(*child)] or [(label,)]

    found = read(tmp_path_factory.mktemp("newick") / "tree.nwk", f"{written(*tree)};")
    read_paths = [tuple(name for _, name in found.class_taxon(c).lineage) for c in range(found.n_classes)]
    assert read_paths == paths(*tree)


@pytest.mark.parametrize(
    "name", ["tree_bee", "tree_bird_McTavish", "tree_butterfly", "tree_fish_12k", "tree_plant_Carruthers"]
)
def test_real_phylogenies(shared_data: Path, name: str) -> None:
    path = shared_data / "taxonomy_scale" / f"{name}.nwk"
    text = path.read_text("utf-8")
    tree = read_taxonomy(create_registry(), path)
    # A node of k children has k - 1 commas.
    assert tree.n_classes == text.count(",") + 1
    has_named_root = not re.search(r"\)(?:mrca)?ott\w*;\s*$", text)
    assert len(taxa(tree)) == text.count(",") + text.count("(") + has_named_root
    assert set(classes(tree)) == {tip.replace("_", " ") for tip in re.findall(r"[(,]([^(),:]+)", text)}


def test_open_trees_labels_are_names_and_identifiers(tmp_path: Path) -> None:
    pair = "(Parus_major_ott695547:1,'Morus_(genus_in_kingdom_Archaeplastida)_ott7')mrcaott7ott695547:1"
    text = f"({pair},(ott1,a_ott2)ott3)Aves_ott81461;"
    path = tmp_path / "a.nwk"
    path.write_text(text)
    tree = NewickReader().read(path)
    taxa = {tree.names[node]: dict(tree.taxon(node).ids) for node in range(tree.n_nodes) if tree.names[node]}
    assert taxa == {
        "Aves": {"ott": "81461"},
        "clade of Parus major … Morus": {"open_tree_node": "mrcaott7ott695547"},
        "Parus major": {"ott": "695547"},
        "Morus": {"ott": "7"},
        "clade of ott1 … a": {"ott": "3"},
        "ott1": {"ott": "1"},
        "a": {"ott": "2"},
    }

"""Round trips through the writers and the built-in readers."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import TAXON, Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.networkx_graph import from_networkx, to_networkx
from bioclip_x.taxonomy.placeholders import is_placeholder
from bioclip_x.taxonomy.writers import FORMATS, find_format, make_document

REGISTRY = create_registry()
RANKS = ("kingdom", "class", "order", "family", "genus")
WORDS = (
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="|\ufeff"),
        max_size=8,
    )
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: text and not is_placeholder(text))  # which tables take for no value
)
COMMON_NAMES = WORDS.filter(lambda text: "_" not in text)  # tables have blanks for them
DETAILS = st.builds(
    Details,
    st.dictionaries(
        st.sampled_from(["en", "de", "pt-br"]), st.lists(COMMON_NAMES, min_size=1, max_size=2).map(tuple), max_size=2
    ),
    st.dictionaries(st.sampled_from(["gbif", "inat"]), WORDS, max_size=2),
    st.dictionaries(st.sampled_from(["habitat", "red list"]), WORDS, max_size=2),
    st.sampled_from(["", "Linnaeus, 1758", "(Shaw, 1799)"]),
    st.sampled_from([(), (Synonym("Parus ater", "Linnaeus, 1758"), Synonym("Parus minor"))]),
)


@st.composite
def ranked(draw: st.DrawFn) -> Taxonomy:
    """Lineages with gaps, homonyms and classes on inner nodes, all taxa with details or without."""
    builder = TaxonomyBuilder()
    for _ in range(draw(st.integers(1, 8))):
        node, genus = 0, "Aus"
        for rank in RANKS:
            if name := draw(st.sampled_from(["", "Aus", "Bus", "Çus"])):
                details = draw(DETAILS) if draw(st.booleans()) else Details()
                genus, node = name, builder.add(node, rank, name, details)
        if not node or draw(st.booleans()):
            epithet = draw(st.sampled_from(["bus", "cus × dus", "var. alba"]))
            node = builder.add(node, "species", f"{genus} {epithet}", draw(DETAILS))
        builder.mark_class(node)
    return builder.build("made")


@st.composite
def any_tree(draw: st.DrawFn) -> Taxonomy:
    """Nodes of any name and rank in any place; siblings have distinct names."""
    builder = TaxonomyBuilder()
    for number in range(1, draw(st.integers(1, 15)) + 1):
        rank = draw(st.sampled_from(["", "family", "species", "morphotype"]))
        name = f"{draw(WORDS)} {number}"
        node = builder.add(draw(st.integers(0, number - 1)), rank, name, draw(DETAILS))
        if draw(st.booleans()):
            builder.mark_class(node)
    return builder.build("made")


def written(taxonomy: Taxonomy, name: str, folder: Path) -> Path:
    path = folder / f"tree{FORMATS[name].suffixes[0]}"
    path.write_text("".join(make_document(taxonomy, FORMATS[name]).chunks()), "utf-8", newline="")  # type: ignore[arg-type]
    return path


def read(path: Path) -> Taxonomy:
    return read_taxonomy(REGISTRY, path)


def about(taxonomy: Taxonomy) -> Mapping[int, Details]:
    """The details of each node that has any."""
    return {
        node: details
        for node in range(taxonomy.n_nodes)
        if (details := taxonomy.details.get(node)) and details != Details()
    }


many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.mark.parametrize("name", ["csv", "tsv", "yaml", "json"])
@many
@given(tree=ranked())
def test_ranked_trees_round_trip(tmp_path: Path, tree: Taxonomy, name: str) -> None:
    back = read(written(tree, name, tmp_path))
    assert back.fingerprint == tree.fingerprint
    assert about(back) == about(tree)


@pytest.mark.parametrize("name", ["yaml", "json"])
@many
@given(tree=any_tree())
def test_any_tree_round_trips(tmp_path: Path, tree: Taxonomy, name: str) -> None:
    back = read(written(tree, name, tmp_path))
    assert back.fingerprint == tree.fingerprint
    assert about(back) == about(tree)


def shape(taxonomy: Taxonomy) -> Counter[tuple[str, ...]]:
    """The paths of names of all taxa."""
    taxa = [node for node in range(taxonomy.n_nodes) if taxonomy.kind_N[node] == TAXON]
    return Counter(tuple(name for _, name in taxonomy.taxon(node).lineage) for node in taxa)


@many
@given(tree=any_tree())
def test_newick_keeps_names_and_places(tmp_path: Path, tree: Taxonomy) -> None:
    assert shape(read(written(tree, "newick", tmp_path))) == shape(tree)


@many
@given(tree=ranked())
def test_networkx_reads_what_is_written(tree: Taxonomy) -> None:
    text = "".join(make_document(tree, FORMATS["json"]).chunks())  # type: ignore[arg-type]
    graph = nx.node_link_graph(json.loads(text), edges="edges")
    assert from_networkx(graph).fingerprint == tree.fingerprint
    mine = to_networkx(tree)
    assert set(graph.edges) == set(mine.edges)
    for node, known in mine.nodes.items():
        attributes = {key: value for key, value in known.items() if value}
        assert graph.nodes[node]["name"] == attributes["name"] and graph.nodes[node].get("rank", "") == known["rank"]


def test_parquet_has_the_cells_of_csv(birds_csv: Path) -> None:
    import pyarrow as pa
    from pyarrow import csv

    tree = read(birds_csv)
    text = "".join(make_document(tree, FORMATS["csv"]).chunks())  # type: ignore[arg-type]
    tables: Any = make_document(tree, FORMATS["parquet"]).chunks()
    options = csv.ConvertOptions(column_types=dict.fromkeys(text.split("\n", 1)[0].split(","), pa.string()))
    assert pa.concat_tables(tables).equals(csv.read_csv(io.BytesIO(text.encode()), convert_options=options))


def phylogeny() -> Taxonomy:
    builder = TaxonomyBuilder()
    family = builder.add(0, "family", "Paridae", Details(common_names={"en": ("tits",)}, authorship="Vigors, 1825"))
    clade = builder.add(family, "", "clade A")
    for name in ("Parus major", "Parus minor"):
        builder.add(clade, "species", name)
    builder.mark_class(family)
    return builder.build("made")


def test_a_table_counts_the_clades_that_it_leaves_out() -> None:
    document = make_document(phylogeny(), FORMATS["csv"])
    assert document.lost == ("1 clade whose rank has no column (none)",)
    assert "".join(document.chunks()).splitlines()[1:] == [  # type: ignore[arg-type]
        'Paridae,,"Vigors, 1825",tits',
        "Paridae,Parus major,,",
        "Paridae,Parus minor,,",
    ]


def test_newick_counts_all_that_it_leaves_out() -> None:
    assert make_document(phylogeny(), FORMATS["newick"]).lost == (
        "the ranks of 3 taxa",
        "that 1 inner node is a class (Newick's classes are its tips)",
        "1 taxon's common names (en)",
        "1 author",
    )


def two_of_a_name(builder: TaxonomyBuilder) -> None:
    for _ in range(2):
        builder.add(0, "species", "Parus major", merge=False)


def a_low_rank_above(builder: TaxonomyBuilder) -> None:
    builder.add(builder.add(0, "species", "Parus major"), "family", "Paridae")


def deep(builder: TaxonomyBuilder) -> None:
    node = 0
    for number in range(120):
        node = builder.add(node, "", f"clade {number}")


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        (
            "csv",
            two_of_a_name,
            "cannot distinguish these two taxa: Parus major; Parus major; convert to .yaml or .json",
        ),
        ("csv", a_low_rank_above, "family 'Paridae' is below species 'Parus major'"),
        ("csv", deep, "1 of 1 class have no such rank"),
        ("yaml", two_of_a_name, "YAML would merge two taxa"),
        ("yaml", deep, "the tree has 120 levels"),
    ],
)
def test_trees_that_would_not_round_trip_are_errors(name: str, make: Any, message: str) -> None:
    builder = TaxonomyBuilder()
    make(builder)
    with pytest.raises(TaxonomyError, match="(?s)" + ".*".join(map(_escaped, [message]))):
        make_document(builder.build("made"), FORMATS[name])


def _escaped(text: str) -> str:
    import re

    return re.escape(text)


def test_identical_siblings_round_trip(tmp_path: Path) -> None:
    builder = TaxonomyBuilder()
    two_of_a_name(builder)
    tree = builder.build("made")
    assert read(written(tree, "json", tmp_path)).fingerprint == tree.fingerprint


def test_extras_with_reserved_names_are_counted() -> None:
    builder = TaxonomyBuilder()
    builder.add(
        0, "species", "Parus major", Details(extra={"order": "12", "note": "x"}, common_names={"english": ("tit",)})
    )
    document = make_document(builder.build("made"), FORMATS["csv"])
    assert "".join(document.chunks()) == "species,note\nParus major,x\n"  # type: ignore[arg-type]
    assert len(document.lost) == 2 and "'order'" in " ".join(document.lost) and "'english'" in " ".join(document.lost)


def test_the_format_is_given_by_name_or_suffix() -> None:
    assert find_format(Path("a.NWK"), None).name == "newick"
    assert find_format(Path("a.csv"), "yaml").name == "yaml"
    with pytest.raises(TaxonomyError, match=r"out\.xyz has no known format suffix.*csv \(\.csv\)"):
        find_format(Path("out.xyz"), None)


@pytest.mark.parametrize(
    ("lineage", "message"),
    [
        (("Parus", "major"), "the exact names of 1 taxon without their genus, which the table reader prepends"),
        (("Parus", "Parus major", "minor"), "the exact names of 1 taxon without their genus"),
        (("Parus", "Parus major Linnaeus, 1758"), "the exact names of 1 taxon that seem to contain an author"),
        (("Parus", "Parus major", "Parus major minor"), ""),
        (("Parus", "P. major"), ""),
        (("", "Great tit"), ""),
    ],
)
def test_names_that_a_table_would_change_are_counted(tmp_path: Path, lineage: tuple[str, ...], message: str) -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage(list(zip(("genus", "species", "subspecies"), lineage)))
    tree = builder.build("made")
    document = make_document(tree, FORMATS["csv"])
    assert "; ".join(document.lost).startswith(message) and bool(document.lost) is bool(message)
    assert (read(written(tree, "csv", tmp_path)).fingerprint == tree.fingerprint) is not bool(message)


def test_is_class_is_yes_or_no(tmp_path: Path) -> None:
    file = tmp_path / "tree.csv"
    file.write_text("genus,species,is_class\nParus,,No\nParus,Parus major,\nPoecile,Poecile ater,TRUE\n")
    assert [taxon.name for taxon in map(read(file).class_taxon, range(2))] == ["Parus major", "Poecile ater"]
    file.write_text("genus,species,is_class\nParus,,perhaps\n")
    with pytest.raises(TaxonomyError, match="line 2: is_class must be true or false, got 'perhaps'"):
        read(file)

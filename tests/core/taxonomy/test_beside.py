from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import HeadInput, Logits
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.beside import add_beside
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.cache import load, save
from bioclip_x.taxonomy.editing.restrict import add_inner_classes, restrict
from bioclip_x.taxonomy.editing.subset import subset
from bioclip_x.taxonomy.editing.validate import check
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x.taxonomy.writers.formats import find_format, make_document


def birds() -> Taxonomy:
    builder = TaxonomyBuilder()
    for family, species in (
        ("Paridae", "Parus major"),
        ("Paridae", "Cyanistes caeruleus"),
        ("Turdidae", "Turdus merula"),
    ):
        builder.add_lineage([("class", "Aves"), ("family", family), ("species", species)])
    return builder.build("birds")


def names(taxonomy: Taxonomy) -> list[str]:
    return [taxonomy.class_taxon(c).name for c in range(taxonomy.n_classes)]


def test_labels_stand_beside_the_taxa_of_every_rank() -> None:
    tree = add_beside(birds(), ["blank", " human "])
    assert names(tree) == ["Parus major", "Cyanistes caeruleus", "Turdus merula", "blank", "human"]
    assert [tree.names[node] for node in tree.rank_tables["class"]] == ["Aves", "blank", "human"]
    scores = roll_up(Logits.of(torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.15, 0.25]]))), tree)
    shares = scores.log_probs_BI[0].exp()
    aves, blank = tree.names.index("Aves"), tree.names.index("blank")
    assert shares[[0, aves, blank]].tolist() == pytest.approx([1, 0.6, 0.15])


def test_labels_are_not_repeated_and_are_no_classes_of_the_tree() -> None:
    tree = add_beside(birds(), ["blank"])
    assert add_beside(tree, ["blank"]) is tree and add_beside(tree, ["blank", "human", "human"]).n_beside == 2
    assert add_beside(birds(), []).fingerprint == birds().fingerprint != tree.fingerprint
    with pytest.raises(TaxonomyError, match="'red fox' cannot stand beside the taxonomy: it is one of its classes"):
        add_beside(from_labels(["red fox"]), ["red fox"])
    with pytest.raises(TaxonomyError, match="is blank"):
        add_beside(birds(), [""])


def test_parts_of_the_tree_keep_the_labels() -> None:
    tree = add_beside(birds(), ["blank", "human"])
    for part in (subset(tree, ["Paridae"]).tree, restrict(tree, [0, 1, 3, 4])):
        assert names(part) == ["Parus major", "Cyanistes caeruleus", "blank", "human"] and part.n_beside == 2
    assert names(subset(tree, ["Turdidae", "!blank"]).tree) == ["Turdus merula", "human"]
    with pytest.raises(TaxonomyError, match="no class is left"):
        subset(tree, ["!Aves"])
    more = add_inner_classes(tree, [tree.names.index("Paridae")])
    assert sorted(names(more)) == sorted([*names(tree), "Paridae"]) and names(more)[-2:] == ["blank", "human"]
    assert more.n_beside == 2


def test_labels_are_no_fault_of_a_tree() -> None:
    assert check(add_beside(birds(), ["blank", "human"])) == check(birds()) == []


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".yaml", ".json"])
def test_files_hold_labels_beside_the_tree(tmp_path: Path, suffix: str) -> None:
    tree = add_beside(birds(), ["blank", "human"])
    file = tmp_path / f"tree{suffix}"
    file.write_text("".join(make_document(tree, find_format(file, None)).chunks()), "utf-8", newline="")  # type: ignore[arg-type]
    again = read_taxonomy(create_registry(), file)
    assert (again.fingerprint, again.n_beside, names(again)) == (tree.fingerprint, 2, names(tree))


def test_a_compiled_tree_is_kept_with_its_labels(tmp_path: Path) -> None:
    tree = add_beside(birds(), ["blank"])
    save(tree, tmp_path / "t.npz")
    again = load(tmp_path / "t.npz")
    assert again is not None and (again.n_beside, names(again)) == (1, names(tree))


@pytest.mark.parametrize(
    "head",
    [
        "flat",
        "rollup",
        "hedge",
        "crm",
        "crm:over=nodes",
        "top-down",
        "rollup:size_prior=family",
        "chils:rank=family",
        "chils:rank=family,pool=sum",
        "conformal:threshold=0.5",
        "conformal:sets=clade,threshold=0.5",
    ],
)
def test_heads_treat_a_label_as_an_alternative_to_the_whole_tree(head: str) -> None:
    from bioclip_x.hooks.options import parse_ref

    tree = add_beside(birds(), ["blank"])
    ref, registry = parse_ref(head), create_registry()
    decide = registry.make("heads", ref.name, registry.name_options("heads", ref.name, ref.options)).decide
    given = HeadInput(
        Logits.of(torch.tensor([[0.0, 0.0, 0.0, 9.0]])), tree, inner_logits_TB=torch.zeros(len(tree.inner_taxa), 1)
    )
    scores = decide(given)
    best = (
        int(scores.reported_BK[0, 0]) if scores.reported_BK is not None else int(tree.leaf_node_C[scores.top_BK[0, 0]])
    )
    assert tree.names[best] == "blank"
    assert float(scores.log_probs_BI[0, tree.place_N[tree.names.index("Aves")]].exp()) < 0.01

"""Files of linear heads, and their rows matched with classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bioclip_x.classes.linear_heads import format_lineages, load_linear_head, match_head, save_linear_head
from bioclip_x.errors import ScoresError
from bioclip_x.hooks.components import LinearHead
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder

LINEAGES = [
    ("Fagaceae", "Quercus", "Quercus robur"),
    ("Fagaceae", "Fagus", "Fagus sylvatica"),
    ("Fagaceae", "Quercus", ""),
]
RANKS = ("family", "genus", "species")


def make_taxonomy(*lineages: tuple[str, str, str]) -> Taxonomy:
    builder = TaxonomyBuilder()
    for lineage in lineages:
        builder.add_lineage([(rank, name) for rank, name in zip(RANKS, lineage) if name])
    return builder.build(source="trees.csv")


@pytest.fixture
def trees() -> Taxonomy:
    return make_taxonomy(*LINEAGES)


def save(folder: Path, taxonomy: Taxonomy) -> Path:
    """A head whose weights are the classes' numbers."""
    weight = torch.arange(float(taxonomy.n_classes))[:, None].repeat(1, 4)
    head = LinearHead(weight, weight[:, 0] + 0.5, taxonomy.leaf_node_C, normalised=True)
    save_linear_head(folder / "new" / "species.safetensors", head, taxonomy)
    return folder / "new" / "species.safetensors"


def names(taxonomy: Taxonomy) -> list[str]:
    return [taxonomy.class_taxon(c).name for c in range(taxonomy.n_classes)]


def test_a_head_is_read_as_it_was_written(tmp_path: Path, trees: Taxonomy) -> None:
    path = save(tmp_path, trees)
    before, head = path.read_bytes(), load_linear_head(path)
    assert save(tmp_path, trees).read_bytes() == before
    assert head.weight_CD[:, 0].tolist() == [0, 1, 2] and head.bias_C.tolist() == [0.5, 1.5, 2.5]
    assert head.normalised and head.is_whole and head.fingerprint == trees.fingerprint
    row_K, notes = match_head(head, trees)
    assert row_K.tolist() == [0, 1, 2] and notes == ()


def test_classes_in_another_order_and_fewer_have_their_own_rows(tmp_path: Path, trees: Taxonomy) -> None:
    head = load_linear_head(save(tmp_path, trees))
    for lineages in (LINEAGES[::-1], LINEAGES[1:], LINEAGES[:1]):
        other = make_taxonomy(*lineages)
        row_K, notes = match_head(head, other)
        assert [names(trees)[row] for row in row_K] == names(other) and notes == ()


def test_a_class_without_weights_is_noted(tmp_path: Path, trees: Taxonomy) -> None:
    other = make_taxonomy(("Fagaceae", "Quercus", "Quercus cerris"), *LINEAGES)
    row_K, notes = match_head(load_linear_head(save(tmp_path, trees)), other)
    assert {name: int(row) for name, row in zip(names(other), row_K)}["Quercus cerris"] == -1
    assert np.sum(row_K < 0) == 1
    assert notes == ("1 of 4 classes have no weights in species.safetensors, and no share: Quercus cerris",)


def test_a_homonym_in_another_lineage_is_another_class(tmp_path: Path, trees: Taxonomy) -> None:
    other = make_taxonomy(("Nothofagaceae", "Fagus", "Fagus sylvatica"), LINEAGES[0])
    row_K, _ = match_head(load_linear_head(save(tmp_path, trees)), other)
    assert {name: int(row) for name, row in zip(names(other), row_K)}["Fagus sylvatica"] == -1


def test_another_taxonomy_is_named(tmp_path: Path, trees: Taxonomy) -> None:
    other = make_taxonomy(("Paridae", "Parus", "Parus major"))
    with pytest.raises(ScoresError, match=r"none of its 3 classes .*Fagus sylvatica.*trees.csv \(Parus major\)"):
        match_head(load_linear_head(save(tmp_path, trees)), other)


def test_what_is_no_head_is_refused(tmp_path: Path, trees: Taxonomy) -> None:
    with pytest.raises(ScoresError, match=r"missing.safetensors: .*it does not exist"):
        load_linear_head(tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ScoresError, match="is not a file of tensors"):
        load_linear_head(tmp_path / "text.safetensors")
    save_file({"weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ScoresError, match="is not a linear head of this version, which `bioclip-x train` writes"):
        load_linear_head(tmp_path / "model.safetensors")
    head = LinearHead(torch.full((3, 2), torch.nan), torch.zeros(3), trees.leaf_node_C, normalised=True)
    save_linear_head(tmp_path / "nan.safetensors", head, trees)
    with pytest.raises(ScoresError, match="not a finite number"):
        load_linear_head(tmp_path / "nan.safetensors")
    head = LinearHead(torch.zeros(2, 2), torch.zeros(3), trees.leaf_node_C, normalised=True)
    save_linear_head(tmp_path / "short.safetensors", head, trees)
    with pytest.raises(
        ScoresError, match=r"expected weights \[C, D\], biases \[C\] and C classes, got \[2, 2\], \[3\]"
    ):
        load_linear_head(tmp_path / "short.safetensors")


def test_lineages_are_those_of_the_taxa(trees: Taxonomy) -> None:
    """A self leaf has the lineage of its taxon; a name may have any character."""
    odd = make_taxonomy(("F", "G", 'a "b" [c]'))
    assert format_lineages(odd, odd.leaf_node_C.tolist()) == [
        '[["family", "F"], ["genus", "G"], ["species", "a \\"b\\" [c]"]]'
    ]
    own = next(c for c, name in enumerate(names(trees)) if name == "Quercus")
    lineage = '[["family", "Fagaceae"], ["genus", "Quercus"]]'
    assert format_lineages(trees, [int(trees.leaf_node_C[own])]) == [lineage]

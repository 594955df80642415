from __future__ import annotations

import numpy as np
import pytest
import torch

from bioclip_x.classes.subset import select_subset
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import Prompt, TextBank
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.text_bank.subset import select_bank_classes


def bank() -> TextBank:
    """Five classes with 2, 1, 3, 1 and 2 texts."""
    owner_P = np.repeat(np.arange(5), [2, 1, 3, 1, 2])
    prompts = [Prompt(f"text {p}", int(c), "name") for p, c in enumerate(owner_P)]
    embeddings_PD = torch.arange(18, dtype=torch.float32).reshape(9, 2)
    weight_P = np.arange(9, dtype=np.float32) + 1
    return TextBank(prompts, embeddings_PD, owner_P, weight_P, 5, "mean", "key", half_PD=embeddings_PD.half())


@pytest.mark.parametrize("classes", [[1, 2], [0, 2, 4], [3], [0, 1, 2, 3, 4], [4, 0, 2]])
def test_rows_agree_with_a_loop_over_the_classes(classes: list[int]) -> None:
    whole = bank()
    part = select_bank_classes(
        whole, np.array(classes, np.int32), lambda owner_P: [Prompt("", int(c), "name") for c in owner_P]
    )
    expected = [(new, p) for new, old in enumerate(classes) for p in range(9) if whole.owner_P[p] == old]
    assert [prompt.class_index for prompt in part.prompts] == part.owner_P.tolist() == [new for new, _ in expected]
    assert part.owner_P.dtype == np.int64 and part.n_classes == len(classes)
    assert part.embeddings_PD.tolist() == [whole.embeddings_PD[p].tolist() for _, p in expected]
    assert part.half_PD is not None and torch.equal(part.half_PD, part.embeddings_PD.half())
    assert part.weight_P.tolist() == [whole.weight_P[p] for _, p in expected]


def test_a_clade_is_a_view_of_the_bank() -> None:
    whole = bank()
    part = select_bank_classes(whole, np.array([1, 2], np.int32), lambda owner_P: [])
    assert part.embeddings_PD.untyped_storage().data_ptr() == whole.embeddings_PD.untyped_storage().data_ptr()


def test_different_subsets_have_different_keys() -> None:
    parts = [[0], [1], [0, 1], [1, 0]]
    keys = {select_bank_classes(bank(), np.array(classes, np.int32), lambda owner_P: []).key for classes in parts}
    assert len(keys | {"key"}) == 5


def test_without_a_subset_the_tree_is_the_same_object() -> None:
    tree = from_labels(("a", "b"))
    part = select_subset(create_registry(), (), tree)
    assert part.tree is tree and part.classes.tolist() == [0, 1] and part.notes == ()
    assert select_subset(create_registry(), ("b",), tree).tree.notes == ("subset b: 1 of 2 classes",)

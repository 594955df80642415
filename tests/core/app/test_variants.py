"""A bank without some texts: its rows, and its mean text."""

from __future__ import annotations

import pytest
import torch

from bioclip_x.app.loaded import Loaded
from bioclip_x.app.variants import find_rows, leave_out, remove_prompts
from bioclip_x.errors import RecipeError
from bioclip_x.text_bank.mean_text import compute_mean_text


def test_the_mean_text_is_that_of_what_is_left(loaded: Loaded) -> None:
    bank = loaded.classifier.bank
    left = remove_prompts(bank, [0, 1, 20, len(bank.prompts) - 1])
    assert left.mean_D is not None and len(left.prompts) == len(bank.prompts) - 4
    assert torch.allclose(left.mean_D, compute_mean_text(left), atol=1e-12, rtol=0)
    assert left.prompts[0] == bank.prompts[2] and left.owner_P[0] == bank.owner_P[2]
    assert torch.equal(left.embeddings_PD[0], bank.embeddings_PD[2])


def test_a_text_is_found_in_its_own_class_only(loaded: Loaded) -> None:
    bank = loaded.classifier.bank
    shared = next(one for one in bank.prompts if sum(other.text == one.text for other in bank.prompts) > 1)
    [row] = find_rows(bank, [(shared.class_index, shared.text)])
    assert bank.prompts[row] == shared
    with pytest.raises(RecipeError, match="no text"):
        find_rows(bank, [(-1, shared.text)])


def test_a_class_keeps_a_text(loaded: Loaded) -> None:
    bank = loaded.classifier.bank
    rows = bank.of_class(3)
    with pytest.raises(RecipeError, match="last text"):
        leave_out(loaded.classifier, [(3, prompt.text) for prompt in bank.prompts[rows]])

from __future__ import annotations

import numpy as np
import pytest
import torch

from bioclip_x.records import Prompt, TextBank
from bioclip_x.text_bank.subset import append_bank


def bank(first: int, n: int, half: bool) -> TextBank:
    """One prompt per class, for the classes first … first + n - 1."""
    embeddings_PD = torch.nn.functional.normalize(torch.randn(n, 4), dim=1)
    return TextBank(
        prompts=tuple(Prompt(f"text {c}", c, "common", source="test") for c in range(first, first + n)),
        embeddings_PD=embeddings_PD,
        owner_P=np.arange(first, first + n),
        weight_P=np.ones(n, np.float32),
        n_classes=first + n,
        pooling="mean",
        key=f"key {first} {n}",
        half_PD=embeddings_PD.half() if half else None,
    )


@pytest.mark.parametrize("half", [False, True])
def test_the_prompts_of_further_classes_come_last(half: bool) -> None:
    one, other = bank(0, 3, half), bank(3, 2, half)
    joined = append_bank(one, other)
    assert joined.n_classes == 5 and joined.owner_P.tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(joined.embeddings_PD, torch.cat([one.embeddings_PD, other.embeddings_PD]))
    assert (joined.half_PD is not None) == half and joined.key not in (one.key, other.key)
    assert [prompt.text for prompt in joined.prompts] == [f"text {c}" for c in range(5)]
    assert joined.prompts[-1].text == "text 4" and [p.text for p in joined.prompts[2:4]] == ["text 2", "text 3"]
    assert joined.of_class(4) == slice(4, 5)

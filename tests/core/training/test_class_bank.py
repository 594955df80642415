"""The class bank with a made-up embedding of texts: one direction per text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from bioclip_x.training import class_bank
from bioclip_x.training.class_bank import ClassBank
from bioclip_x.training.compute.world import World

TEXTS = [["a"], ["b", "c"], ["a", "d", "e"], ["f"], ["g", "b"]]

NODES = [3, 4, 7, 8, 9]


@dataclass
class Kind:
    """Every n-th text of a class, with shares 1, 2, 3 …"""

    weight: float
    step: int

    def get_weighted_texts(self, node: int) -> list[tuple[str, float]]:
        texts = TEXTS[NODES.index(node)][:: self.step]
        total = sum(range(1, len(texts) + 1))
        return [(text, number / total) for number, text in enumerate(texts, start=1)]


KINDS = (Kind(1.0, 1), Kind(3.0, 2))


def embed(texts: Sequence[str]) -> torch.Tensor:
    rows = [torch.randn(8, generator=torch.Generator().manual_seed(sum(text.encode()))) for text in texts]
    return normalize(torch.stack(rows), dim=1)


def expected_row(class_index: int) -> torch.Tensor:
    """The mean of the drawn text's embedding: kinds by weight, texts by share."""
    total = torch.zeros(8)
    for kind in KINDS:
        for text, share in kind.get_weighted_texts(NODES[class_index]):
            total += kind.weight / 4 * share * embed([text])[0]
    return total / total.norm()


class FakeWorld(World):
    """Process `rank` of `size`, whose others have at most `most` batches."""

    def max(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tensor(3)


def make_bank(world: Any = None, dtype: torch.dtype = torch.float32) -> ClassBank:
    return ClassBank(KINDS, NODES, 8, world or World(), torch.device("cpu"), dtype)


def test_a_row_is_the_mean_of_the_classs_texts_in_their_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_bank, "BATCH", 2)
    bank = make_bank()
    bank.refresh(embed)
    torch.testing.assert_close(bank.rows(), torch.stack([expected_row(c) for c in range(len(TEXTS))]))
    assert bank.first == 0


def test_rows_are_kept_in_half_precision() -> None:
    bank = make_bank(dtype=torch.float16)
    bank.refresh(embed)
    assert bank.rows().dtype == torch.float16
    torch.testing.assert_close(bank.rows().float(), torch.stack([expected_row(c) for c in range(5)]), atol=1e-3, rtol=0)


def test_texts_are_embedded_in_evaluation_mode_and_without_gradients() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
    model[2].eval()  # as a locked tower would be
    before = torch.get_rng_state()

    def embed_by_model(texts: Sequence[str]) -> torch.Tensor:
        assert not any(part.training for part in model.modules())
        rows = model(embed(texts))
        assert not rows.requires_grad
        return normalize(rows, dim=1)

    bank = make_bank()
    bank.refresh(embed_by_model, model)
    assert [part.training for part in model.modules()] == [True, True, True, False]
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("size", [2, 3, 7])
def test_processes_have_a_part_of_the_rows_each_and_embed_as_often(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_bank, "BATCH", 4)
    parts, calls = [], []
    for rank in range(size):
        bank = make_bank(FakeWorld(rank, size))
        n_calls = 0

        def count(texts: Sequence[str]) -> torch.Tensor:
            nonlocal n_calls
            n_calls += 1
            return embed(texts)

        bank.refresh(count)
        assert bank.first == sum(map(len, parts))
        parts.append(bank.rows())
        calls.append(n_calls)
    torch.testing.assert_close(torch.cat(parts), torch.stack([expected_row(c) for c in range(len(TEXTS))]))
    assert calls == [3] * size


def test_a_saved_bank_is_the_same_for_any_number_of_processes() -> None:
    bank = make_bank(dtype=torch.float16)
    bank.refresh(embed)
    state = bank.state_dict()
    parts = []
    for rank in range(3):
        part = make_bank(FakeWorld(rank, 3), torch.float16)
        part.load_state_dict(state)
        parts.append(part.rows())
    assert torch.equal(torch.cat(parts), bank.rows())

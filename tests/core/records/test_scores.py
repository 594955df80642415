from __future__ import annotations

import torch

from bioclip_x.records import Logits
from bioclip_x.records.scores import CHUNK


def test_chunks_together_are_all_logits() -> None:
    n_images = CHUNK // 256 + 1  # so many that a chunk has the fewest classes
    logits_BC = torch.randn(n_images, 1000, generator=torch.Generator().manual_seed(0))
    logits = Logits.of(logits_BC)
    starts, parts = zip(*logits.chunks())
    assert starts == (0, 256, 512, 768) and torch.equal(torch.cat(parts).T, logits_BC)
    assert torch.equal(logits.logits_BC, logits_BC) and (logits.n_images, logits.n_classes) == logits_BC.shape


def test_a_part_may_be_overwritten() -> None:
    logits = Logits.of(torch.ones(2, 3))
    logits.part(0, 3).zero_()
    assert torch.equal(logits.part(0, 3), torch.ones(3, 2))


def test_a_map_changes_the_approximate_and_the_exact_logits() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0]])
    plain = Logits.of(values)
    both = Logits(plain.part, 1, 3, exact=Logits.of(values + 0.5).part)
    seen = []

    def double(start: int, stop: int, logits_cB: torch.Tensor) -> torch.Tensor:
        seen.append((start, stop))
        return logits_cB * 2

    changed = both.map(double)
    assert seen == []  # computed when asked for
    assert changed.logits_BC.tolist() == [[2.0, 4.0, 6.0]] and changed.exact is not None
    assert changed.exact(1, 3).tolist() == [[5.0], [7.0]] and seen == [(0, 3), (1, 3)]
    assert plain.map(double).exact is None

"""clip and unicl against loops written from the papers' equations, in values and gradients."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st

from bioclip_x.records import LossInput
from bioclip_x_plugins.losses.clip import Clip, clip_loss
from bioclip_x_plugins.losses.unicl import UniCl, positives, unicl_loss


def unit_rows(b: int, d: int, seed: int) -> torch.Tensor:
    rows = torch.randn(b, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(rows, dim=-1).requires_grad_()


def naive_unicl(image: torch.Tensor, text: torch.Tensor, scale: torch.Tensor, positive: list[set[int]]) -> torch.Tensor:
    """Equation by equation: the bidirectional sums over each row's positives."""
    b = len(image)
    total = torch.zeros((), dtype=torch.float64)
    for queries, keys in ((image, text), (text, image)):
        for i in range(b):
            scores = [scale * (queries[i] * keys[j]).sum() for j in range(b)]
            normaliser = torch.stack(scores).logsumexp(0)
            for k in positive[i]:
                total = total - (scores[k] - normaliser) / len(positive[i])
    return total / (2 * b)


labels = st.integers(2, 7).flatmap(
    lambda b: st.tuples(
        st.lists(st.integers(-1, 2), min_size=b, max_size=b), st.lists(st.integers(0, 3), min_size=b, max_size=b)
    )
)


@settings(deadline=None, max_examples=40)
@given(labels, st.floats(1, 100), st.integers(2, 6))
def test_unicl_is_the_papers_sum(drawn: tuple[list[int], list[int]], scale: float, d: int) -> None:
    taxon, text_id = drawn
    b = len(taxon)
    positive = [
        {j for j in range(b) if j == i or (taxon[i] == taxon[j] >= 0) or text_id[i] == text_id[j]} for i in range(b)
    ]
    mask = positives(torch.tensor(taxon), torch.tensor(text_id))
    assert [set(row.nonzero().flatten().tolist()) for row in mask] == positive
    results = []
    for loss in (
        lambda i, t, s: unicl_loss(i, t, s, mask),
        lambda i, t, s: naive_unicl(i, t, s, positive),
    ):
        image, text = unit_rows(b, d, 0), unit_rows(b, d, 1)
        s = torch.tensor(scale, dtype=torch.float64, requires_grad=True)
        value = loss(image, text, s)
        value.backward()
        results.append((value.detach(), image.grad, text.grad, s.grad))
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.parametrize("bias", [None, -3.0])
def test_clip_is_the_textbook_cross_entropy(bias: float | None) -> None:
    results = []
    for textbook in (False, True):
        image, text = unit_rows(9, 5, 0), unit_rows(9, 5, 1)
        s = torch.tensor(14.3, dtype=torch.float64, requires_grad=True)
        b = None if bias is None else torch.tensor(bias, dtype=torch.float64)
        if textbook:
            logits = s * image @ text.T + (bias or 0)
            own = torch.arange(9)
            value = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
        else:
            value = clip_loss(image, text, s, b)
        value.backward()
        results.append((value.detach(), image.grad, text.grad, s.grad))
    torch.testing.assert_close(results[0], results[1])


def given_batch(taxon: list[int], text: list[int]) -> LossInput:
    b = len(taxon)
    return LossInput(
        image_BD=unit_rows(b, 4, 2).float(), text_BD=unit_rows(b, 4, 3).float(), logit_scale=torch.tensor(20.0),
        logit_bias=None, taxon_B=torch.tensor(taxon), text_B=torch.tensor(text), taxonomy=None, gather=lambda t: t,
    )  # fmt: skip


def test_unicl_is_clip_where_nothing_is_shared() -> None:
    batch = given_batch([0, 1, 2, -1, -1], [0, 1, 2, 3, 4])
    torch.testing.assert_close(UniCl()(batch), Clip()(batch))


def test_one_species_under_two_texts_is_not_its_own_negative() -> None:
    """A perfect model of two species in one batch: unicl is at its least value, the entropy of shares, and clip is not."""
    image = F.normalize(torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]), dim=-1)
    mask = positives(torch.tensor([0, 0, 1, 1]), torch.arange(4))
    value = unicl_loss(image, image, torch.tensor(100.0), mask)
    assert float(value) == pytest.approx(math.log(2), abs=1e-6)
    a = image.clone().requires_grad_()
    unicl_loss(a, image, torch.tensor(100.0), mask).backward()
    assert a.grad is not None and float(a.grad.abs().max()) < 1e-4


def test_large_scales_stay_finite() -> None:
    batch = given_batch([0, 0, 1], [0, 0, 1])
    value = unicl_loss(batch.image_BD, batch.text_BD, torch.tensor(1e4), positives(batch.taxon_B, batch.text_B))
    assert torch.isfinite(value)

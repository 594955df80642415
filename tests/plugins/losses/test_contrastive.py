"""clip and unicl against loops written from the papers' equations, in values and gradients."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st

from bioclip_x.records import LossInput
from bioclip_x_plugins.losses.clip import Clip, compute_clip_loss
from bioclip_x_plugins.losses.unicl import UniCl, compute_aspect_loss, compute_unicl_loss


def unit_rows(b: int, d: int, seed: int) -> torch.Tensor:
    rows = torch.randn(b, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(rows, dim=-1).requires_grad_()


def naive_unicl(image: torch.Tensor, text: torch.Tensor, scale: torch.Tensor, right: list[list[bool]]) -> torch.Tensor:
    """Equation by equation: the bidirectional sums over each image's and each text's positives."""
    total = torch.zeros((), dtype=torch.float64)
    transposed = [list(column) for column in zip(*right)]
    for queries, keys, positive in ((image, text, right), (text, image, transposed)):
        one_way = torch.zeros((), dtype=torch.float64)
        for i, query in enumerate(queries):
            scores = [scale * (query * key).sum() for key in keys]
            normaliser = torch.stack(scores).logsumexp(0)
            for score, holds in zip(scores, positive[i]):
                if holds:
                    one_way = one_way - (score - normaliser) / sum(positive[i])
        total = total + one_way / len(queries)
    return total / 2


def _some_in_each(right: list[list[bool]]) -> bool:
    return all(map(any, right)) and all(map(any, zip(*right)))


matrices = (
    st.tuples(st.integers(2, 6), st.integers(2, 6))
    .flatmap(
        lambda bt: st.lists(st.lists(st.booleans(), min_size=bt[1], max_size=bt[1]), min_size=bt[0], max_size=bt[0])
    )
    .filter(_some_in_each)
)


@settings(deadline=None, max_examples=40)
@given(matrices, st.floats(1, 100), st.integers(2, 6))
def test_unicl_equals_the_papers_sum(right: list[list[bool]], scale: float, d: int) -> None:
    mask = torch.tensor(right)
    results = []
    for loss in (
        lambda i, t, s: compute_unicl_loss(i, t, s, mask),
        lambda i, t, s: naive_unicl(i, t, s, right),
    ):
        image, text = unit_rows(len(right), d, 0), unit_rows(len(right[0]), d, 1)
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
            value = compute_clip_loss(image, text, s, b)
        value.backward()
        results.append((value.detach(), image.grad, text.grad, s.grad))
    torch.testing.assert_close(results[0], results[1])


def given_batch(text_BK: list[list[int]], right_BT: list[list[bool]]) -> LossInput:
    b = len(text_BK)
    return LossInput(
        image_BD=unit_rows(b, 4, 2).float(), text_TD=unit_rows(len(right_BT[0]), 4, 3).float(),
        text_BK=torch.tensor(text_BK), right_BT=torch.tensor(right_BT), aspect_T=torch.full((len(right_BT[0]),), -1),
        logit_scale=torch.tensor(20.0),
        logit_bias=None, taxon_B=torch.arange(b), taxonomy=None, gather=lambda t: t,
    )  # fmt: skip


def test_unicl_equals_clip_without_shared_texts() -> None:
    batch = given_batch([[2], [0], [1]], [[False, False, True], [True, False, False], [False, True, False]])
    torch.testing.assert_close(UniCl()(batch), Clip()(batch))


def test_clip_uses_the_first_of_several_texts_of_an_image() -> None:
    right = [[True, True, False, False], [False, False, True, True]]
    one, other = given_batch([[1, 0], [2, 3]], right), given_batch([[1, 1], [2, 2]], right)
    torch.testing.assert_close(Clip()(one), Clip()(other))
    assert not torch.equal(Clip()(one), Clip()(given_batch([[0, 1], [2, 3]], right)))


def test_a_text_that_applies_to_two_images_is_a_negative_of_neither() -> None:
    """A perfect model of two species, one text each of its own and one they share: at its least value, no gradient."""
    right = torch.tensor([[True, False], [True, False], [False, True], [False, True]])
    image = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    text = torch.tensor([[1.0, 0], [0, 1]])
    a = image.clone().requires_grad_()
    value = compute_unicl_loss(a, text, torch.tensor(100.0), right)
    assert float(value.detach()) == pytest.approx(math.log(2) / 2, abs=1e-6)  # images have one text, texts two images
    value.backward()
    assert a.grad is not None and float(a.grad.abs().max()) < 1e-4


def test_large_scales_stay_finite() -> None:
    batch = given_batch([[0], [0], [1]], [[True, False], [True, False], [False, True]])
    assert torch.isfinite(compute_unicl_loss(batch.image_BD, batch.text_TD, torch.tensor(1e4), batch.right_BT))


def naive_aspects(logits: list[list[float]], right: list[list[bool]], aspect: list[int]) -> float:
    terms = []
    images, texts = range(len(right)), range(len(aspect))
    for i in images:
        for t in texts:
            if aspect[t] < 0 or not right[i][t]:
                continue
            same = [u for u in texts if aspect[u] == aspect[t]]
            texts_against = [u for u in same if not right[i][u]]
            images_against = [j for j in images if not right[j][t] and any(right[j][u] for u in same)]
            for wrong in ([logits[i][u] for u in texts_against], [logits[j][t] for j in images_against]):
                own = math.exp(logits[i][t])
                terms.append(-math.log(own / (own + sum(map(math.exp, wrong)))))
    return sum(terms) / len(terms) if terms else 0.0


@settings(deadline=None, max_examples=60)
@given(matrices, st.data())
def test_aspects_are_the_formula(right: list[list[bool]], data: st.DataObject) -> None:
    b, t = len(right), len(right[0])
    aspect = data.draw(st.lists(st.integers(-1, 2), min_size=t, max_size=t))
    logits = data.draw(st.lists(st.lists(st.floats(-20, 20), min_size=t, max_size=t), min_size=b, max_size=b))
    logits_BT = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    value = compute_aspect_loss(logits_BT, torch.tensor(right), torch.tensor(aspect))
    value.backward()
    assert float(value.detach()) == pytest.approx(naive_aspects(logits, right, aspect), rel=1e-9, abs=1e-9)
    assert logits_BT.grad is not None and torch.isfinite(logits_BT.grad).all()


def test_applicable_texts_do_not_compete_and_other_aspects_are_independent() -> None:
    """Two crowns and a bill; the image has the first crown and that bill. Only the second crown can be too near."""
    right, aspect = torch.tensor([[True, False, True], [False, True, True]]), torch.tensor([0, 0, 1])
    far = compute_aspect_loss(torch.tensor([[90.0, -90.0, -90.0], [-90.0, 90.0, 90.0]]), right, aspect)
    near = compute_aspect_loss(torch.tensor([[90.0, 90.0, -90.0], [-90.0, 90.0, 90.0]]), right, aspect)
    assert float(far) == 0 and float(near) > 0.1


def test_aspects_are_added_by_weight_and_need_none() -> None:
    batch = given_batch([[0], [1], [1]], [[True, False], [False, True], [False, True]])
    torch.testing.assert_close(UniCl(aspects=2.0)(batch), UniCl()(batch))
    batch = replace(batch, aspect_T=torch.tensor([0, 0]))
    logits = batch.logit_scale * batch.image_BD @ batch.text_TD.T
    expected = UniCl()(batch) + 2 * compute_aspect_loss(logits, batch.right_BT, batch.aspect_T)
    torch.testing.assert_close(UniCl(aspects=2.0)(batch), expected)

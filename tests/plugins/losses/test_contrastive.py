"""The contrastive losses against loops written from the papers' equations and open_clip's losses, values and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.loss import ClipLoss, SigLipLoss

from bioclip_x.records.training import LossInput
from bioclip_x_plugins.losses.clip import Clip
from bioclip_x_plugins.losses.contrast import compute_contrast
from bioclip_x_plugins.losses.siglip import SigLip
from bioclip_x_plugins.losses.unicl import UniCl, compute_aspect_loss
from plugins.losses.batches import NODES, Whole, make_mixed_batch
from plugins.losses.cases import CASES, add_up, prepare

Scalar = torch.Tensor


def differentiate(whole: Whole, compute: Callable[[LossInput], Any]) -> dict[str, torch.Tensor]:
    """The loss of a batch and the gradients of its images, views, texts, scale and bias."""
    for parameter in whole.parameters.values():
        parameter.grad = None
    value = add_up(compute(whole.take()))
    value.backward()
    gradients = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in whole.parameters.items()}
    return {"loss": value.detach(), **gradients}


def compare(whole: Whole, loss: Callable[[LossInput], Any], reference: Callable[[LossInput], Any]) -> None:
    torch.testing.assert_close(differentiate(whole, loss), differentiate(whole, reference), rtol=1e-9, atol=1e-11)


def score(batch: LossInput, image: torch.Tensor, text: torch.Tensor) -> Scalar:
    return batch.logit_scale * (image * text).sum() + (0 if batch.logit_bias is None else batch.logit_bias)


def average(terms: list[Scalar]) -> Scalar:
    return torch.stack(terms).mean() if terms else torch.zeros((), dtype=torch.float64)


def naive_softmax(scores: list[Scalar], right: list[bool], known: list[bool]) -> Scalar | None:
    """-1/|P| Σ log softmax over the known ones, None without a positive."""
    positives = [s for s, r, k in zip(scores, right, known) if r and k]
    if not positives:
        return None
    normaliser = torch.stack([s for s, k in zip(scores, known) if k]).logsumexp(0)
    return average([normaliser - s for s in positives])


def naive_unicl(batch: LossInput) -> Scalar:
    """Equation by equation: the bidirectional sums over each image's and each text's positives."""
    scores = [[score(batch, image, text) for text in batch.text_TD] for image in batch.image_BD]
    right, known = batch.right_BT.tolist(), batch.known_BT.tolist()
    rows = [naive_softmax(*row) for row in zip(scores, right, known)]
    columns = [naive_softmax(*map(list, column)) for column in zip(zip(*scores), zip(*right), zip(*known))]
    return (average([r for r in rows if r is not None]) + average([c for c in columns if c is not None])) / 2


matrices = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda bt: st.lists(
        st.lists(st.sampled_from(["right", "wrong", "unknown"]), min_size=bt[1], max_size=bt[1]),
        min_size=bt[0],
        max_size=bt[0],
    )
)


@settings(deadline=None, max_examples=60)
@given(matrices, st.floats(1, 100), st.sampled_from([None, -3.0]), st.integers(0, 99))
def test_unicl_equals_the_papers_sum(truth: list[list[str]], scale: float, bias: float | None, seed: int) -> None:
    texts = [f"text {i}" for i in range(len(truth[0]))]
    whole = Whole([-1] * len(truth), [texts] * len(truth), scale=scale, bias=bias, seed=seed)
    right = torch.tensor([[cell == "right" for cell in row] for row in truth])
    known = torch.tensor([[cell != "unknown" for cell in row] for row in truth])

    def given_truth(loss: Callable[[LossInput], Scalar]) -> Callable[[LossInput], Scalar]:
        return lambda batch: loss(replace(batch, right_BT=right, known_BT=known)) + 0 * batch.image_BD.sum()

    compare(whole, given_truth(UniCl()), given_truth(naive_unicl))


@pytest.mark.parametrize("bias", [None, -3.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_unicl_on_a_mixed_batch(bias: float | None, seed: int) -> None:
    whole = make_mixed_batch(seed, bias)
    batch = whole.take()
    assert not batch.known_BT.all() and (batch.right_BT.sum(1) > 1).any()
    compare(whole, UniCl(), naive_unicl)


@pytest.mark.parametrize("bias", [None, -3.0])
def test_clip_is_open_clips(bias: float | None) -> None:
    compare(
        make_mixed_batch(bias=bias),
        Clip(),
        lambda b: ClipLoss()(b.image_BD, b.text_TD[b.text_BK[:, 0]], b.logit_scale, b.logit_bias),
    )


def test_siglip_is_open_clips() -> None:
    compare(
        make_mixed_batch(bias=-4.0),
        SigLip(),
        lambda b: SigLipLoss()(b.image_BD, b.text_TD[b.text_BK[:, 0]], b.logit_scale, b.logit_bias),
    )


def test_siglip_brings_a_bias_for_models_without_one() -> None:
    loss = SigLip()
    assert float(loss.bias.detach()) == -10
    whole = make_mixed_batch()
    compare(
        whole,
        loss,
        lambda b: SigLipLoss()(b.image_BD, b.text_TD[b.text_BK[:, 0]], b.logit_scale, torch.tensor(-10.0)),
    )
    loss(whole.take()).backward()
    assert loss.bias.grad is not None and float(loss.bias.grad) != 0
    other = SigLip(bias=3.0)
    other(make_mixed_batch(bias=-4.0).take()).backward()
    assert other.bias.grad is None  # the model's own is used


def test_unicl_equals_clip_without_shared_texts() -> None:
    names = ["Parus major", "Apis mellifera", "Bombus hortorum"]
    whole = Whole([NODES[name] for name in names], [[name] for name in names])
    compare(whole, UniCl(), Clip())


def test_clip_uses_the_first_of_several_texts_of_an_image() -> None:
    whole = make_mixed_batch()
    only_first = replace(whole.take(), text_BK=whole.take().text_BK[:, :1])
    torch.testing.assert_close(Clip()(whole.take()), Clip()(only_first))
    assert not torch.equal(Clip()(whole.take()), Clip()(replace(whole.take(), text_BK=whole.take().text_BK.flip(1))))


def test_a_text_that_applies_to_two_images_is_a_negative_of_neither() -> None:
    """A perfect model of two species with two images each: at its least value, no gradient."""
    names = ["Parus major", "Parus major", "Apis mellifera", "Apis mellifera"]
    whole = Whole([NODES[name] for name in names], [[name] for name in names], scale=100.0, width=2)
    with torch.no_grad():
        whole.parameters["images"].copy_(torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]))
        whole.parameters["texts"].copy_(torch.eye(2))
    found = differentiate(whole, UniCl())
    assert float(found["loss"]) == pytest.approx(math.log(2) / 2, abs=1e-6)  # images have one text, texts two images
    assert float(found["images"].abs().max()) < 1e-4
    assert float(differentiate(whole, Clip())["loss"]) == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_large_scales_and_unknown_rows_stay_finite(dtype: torch.dtype) -> None:
    logits = (1e4 * torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=dtype)).requires_grad_()
    known = torch.tensor([[True] * 4, [False] * 4, [True, False, True, True]])
    right = torch.tensor([[True, False, True, False], [True] * 4, [False, True, False, False]])
    values, counted = compute_contrast(logits, right, known)
    values.sum().backward()
    assert counted.tolist() == [True, False, False] and values[1:].tolist() == [0, 0]
    assert torch.isfinite(values).all() and logits.grad is not None and torch.isfinite(logits.grad).all()
    assert not logits.grad[1:].any()


@pytest.mark.parametrize("name", [name for name in CASES if "idle" not in name and "simclr" not in name])
def test_nothing_to_contrast_is_zero(name: str) -> None:
    """One image with its one text; a second one without any label."""
    loss = prepare(CASES[name].loss())
    if "siglip" in name:
        return  # a sigmoid of one pair is above zero
    whole = Whole([NODES["Parus major"]], [["Parus major"] * 2], bias=CASES[name].batch().bias)
    found = differentiate(whole, loss)
    assert all(torch.isfinite(value).all() for value in found.values())
    assert found["loss"] == 0 and not found["images"].any()


def naive_aspects(logits: list[list[float]], truth: list[list[str]], aspect: list[int]) -> float:
    terms = []
    images, texts = range(len(truth)), range(len(aspect))
    for i in images:
        for t in texts:
            if aspect[t] < 0 or truth[i][t] != "right":
                continue
            same = [u for u in texts if aspect[u] == aspect[t]]
            texts_against = [u for u in same if truth[i][u] == "wrong"]
            images_against = [j for j in images if truth[j][t] == "wrong" and any(truth[j][u] == "right" for u in same)]
            for wrong in ([logits[i][u] for u in texts_against], [logits[j][t] for j in images_against]):
                own = math.exp(logits[i][t])
                terms.append(-math.log(own / (own + sum(map(math.exp, wrong)))))
    return sum(terms) / len(terms) if terms else 0.0


@settings(deadline=None, max_examples=60)
@given(matrices, st.data())
def test_aspects_are_the_formula(truth: list[list[str]], data: st.DataObject) -> None:
    b, t = len(truth), len(truth[0])
    aspect = data.draw(st.lists(st.integers(-1, 2), min_size=t, max_size=t))
    logits = data.draw(st.lists(st.lists(st.floats(-20, 20), min_size=t, max_size=t), min_size=b, max_size=b))
    logits_BT = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    right = torch.tensor([[cell == "right" for cell in row] for row in truth])
    known = torch.tensor([[cell != "unknown" for cell in row] for row in truth])
    value = compute_aspect_loss(logits_BT, right, torch.tensor(aspect), known)
    value.backward()
    assert float(value.detach()) == pytest.approx(naive_aspects(logits, truth, aspect), rel=1e-9, abs=1e-9)
    assert logits_BT.grad is not None and torch.isfinite(logits_BT.grad).all()


def test_applicable_texts_do_not_compete_and_other_aspects_are_independent() -> None:
    """Two crowns and a bill; the image has the first crown and that bill. Only the second crown can be too near."""
    right, aspect = torch.tensor([[True, False, True], [False, True, True]]), torch.tensor([0, 0, 1])
    far = compute_aspect_loss(torch.tensor([[90.0, -90.0, -90.0], [-90.0, 90.0, 90.0]]), right, aspect)
    near = compute_aspect_loss(torch.tensor([[90.0, 90.0, -90.0], [-90.0, 90.0, 90.0]]), right, aspect)
    assert float(far) == 0 and float(near) > 0.1


def test_aspects_are_added_by_weight_and_need_none() -> None:
    whole = make_mixed_batch()
    batch = whole.take()
    logits = batch.logit_scale * batch.image_BD @ batch.text_TD.T
    aspects = compute_aspect_loss(logits, batch.right_BT, batch.aspect_T, batch.known_BT)
    assert aspects > 0
    torch.testing.assert_close(UniCl(aspects=2.0)(batch), UniCl()(batch) + 2 * aspects)
    none = replace(batch, aspect_T=torch.full_like(batch.aspect_T, -1))
    torch.testing.assert_close(UniCl(aspects=2.0)(none), UniCl()(none))

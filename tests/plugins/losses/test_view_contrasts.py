"""simclr and declip against loops over views, images and texts, in values and gradients."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from open_clip.loss import ClipLoss

from bioclip_x.errors import TrainingError
from bioclip_x.records.training import LossInput
from bioclip_x.training.compute.world import World
from bioclip_x_plugins.losses.declip import DeClip, find_neighbours
from bioclip_x_plugins.losses.simclr import BatchStandardisation, SimClr
from plugins.losses.batches import Whole, make_mixed_batch
from plugins.losses.cases import prepare
from plugins.losses.test_contrastive import average, compare


def naive_nt_xent(views: list[torch.Tensor], temperature: float) -> torch.Tensor:
    """SimCLR's algorithm 1: 2B rows, each against its other view among all others."""
    rows = torch.cat(views)
    count = len(views[0])
    terms = []
    for i in range(2 * count):
        scores = {k: rows[i] @ rows[k] / temperature for k in range(2 * count) if k != i}
        terms.append(torch.stack([*scores.values()]).logsumexp(0) - scores[(i + count) % (2 * count)])
    return average(terms)


def project(loss: SimClr, x_BD: torch.Tensor) -> torch.Tensor:
    """The projection head by torch's own batch normalisation."""
    for linear, norm in zip(loss.head.linear, loss.head.norm):
        assert isinstance(norm, BatchStandardisation)
        x_BD = F.batch_norm(linear(x_BD), None, None, norm.weight, norm.bias, training=True).relu()
    return F.normalize(loss.head.linear[-1](x_BD), dim=-1)


@pytest.mark.parametrize("temperature", [0.1, 1.5])
def test_simclr_is_nt_xent_of_projected_views(temperature: float) -> None:
    loss = prepare(SimClr(temperature=temperature, width=8, output_dim=4))
    compare(
        make_mixed_batch(),
        loss,
        lambda batch: naive_nt_xent([project(loss, view) for view in batch.views], temperature),
    )


def test_simclr_of_one_image_is_zero() -> None:
    loss = prepare(SimClr(width=8, output_dim=4))
    assert float(loss(Whole([-1], [["a text"]]).take()).detach()) == 0


def test_standardisation_is_batch_normalisation() -> None:
    norm = BatchStandardisation(3).double()
    x = 5 + 3 * torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(norm(x, World()), F.batch_norm(x, None, None, training=True))


def naive_declip(batch: LossInput, queue: list[tuple[int, torch.Tensor]]) -> dict[str, torch.Tensor]:
    clip = ClipLoss()
    views = [batch.image_BD, F.normalize(batch.views[0], dim=-1)]
    texts = [batch.text_BK[:, 0].tolist(), batch.text_BK[:, 1].tolist()]
    pairs = [(1, 0), (0, 1), (1, 1)]
    view_terms = [clip(views[v], batch.text_TD[texts[t]], batch.logit_scale) for v, t in pairs]
    neighbour_terms = []
    for view in views:
        for drawn in texts:
            kept, neighbours = [], []
            for i, text in enumerate(drawn):
                others = [one for other, one in queue if other != int(batch.text_id_T[text])]
                if others:
                    kept.append(i)
                    neighbours.append(max(others, key=lambda one: float(one @ batch.text_TD[text].detach())))
            if kept:
                neighbour_terms.append(clip(view[kept], torch.stack(neighbours), batch.logit_scale))
            else:
                neighbour_terms.append(0 * view.sum())
    return {"views": 0.2 * average(view_terms), "neighbours": 0.3 * average(neighbour_terms)}


@pytest.mark.parametrize("size", [5, 1000])
def test_declip_step_by_step(size: int) -> None:
    """Four steps: without neighbours, then with those that earlier steps left; a short queue forgets the oldest."""
    loss = prepare(DeClip(neighbours_weight=0.3, queue=size))
    queue: list[tuple[int, torch.Tensor]] = []
    for step in range(4):
        whole = make_mixed_batch(seed=step)
        batch = whole.take()
        assert bool(naive_declip(batch, queue)["neighbours"]) == (step > 0)
        compare(whole, loss, partial(naive_declip, queue=queue))
        queue = [*queue, *zip(batch.text_id_T.tolist(), batch.text_TD.detach())][-size:]
        assert sorted(loss.queue_id_Q[loss.queue_id_Q >= 0].tolist()) == sorted(text_id for text_id, _ in queue)


def test_declip_names_its_parts_and_needs_two_texts() -> None:
    loss = prepare(DeClip(queue=8))
    batch = make_mixed_batch().take()
    assert list(loss(batch)) == ["views", "neighbours"]
    with pytest.raises(TrainingError, match="texts_per_picture to 2"):
        loss(replace(batch, text_BK=batch.text_BK[:, :1]))


def test_a_text_is_not_its_own_neighbour() -> None:
    queue = torch.eye(3)
    text = torch.tensor([[0.9, 0.43589, 0.0], [0.9, 0.43589, 0.0], [0.0, 0.0, 1.0]])
    place, has_one = find_neighbours(text, torch.tensor([7, 8, 9]), queue, torch.tensor([7, 5, -1]))
    assert place[:2].tolist() == [1, 0] and has_one.tolist() == [True, True, True]
    _, has_one = find_neighbours(text, torch.tensor([7, 8, 9]), queue, torch.tensor([7, -1, -1]))
    assert has_one.tolist() == [False, True, True]

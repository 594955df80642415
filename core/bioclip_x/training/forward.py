"""From a batch to the inputs of the towers, and from embeddings to losses.

Legend: B images, V images and their further views, T distinct texts of a batch, D embedding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from torch import nn

from bioclip_x.faults import naming
from bioclip_x.hooks.components import TrainableEncoder
from bioclip_x.records.training import LossInput, TreeTensors
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.training.class_bank import ClassBank
from bioclip_x.training.compute.precision import Precision, open_autocast
from bioclip_x.training.compute.step import Inputs
from bioclip_x.training.compute.towers import Embedded
from bioclip_x.training.compute.world import World
from bioclip_x.training.data.augment import join_factors, to_input
from bioclip_x.training.data.batch import Batch
from bioclip_x.training.loss_terms import LossSum
from bioclip_x.training.truth import Truth


@dataclass(frozen=True, slots=True)
class Forward:
    """The computations before and after the towers. bank: None if no loss needs it."""

    encoder: TrainableEncoder
    losses: LossSum
    taxonomy: Taxonomy
    tree: TreeTensors
    truth: Truth
    bank: ClassBank | None
    world: World
    precision: Precision

    @contextmanager
    def open(self, step: int) -> Iterator[None]:
        """Opens the context of the towers' passes: their floating-point format, and whose fault an error is."""
        with (
            open_autocast(self.precision, self.encoder.device),
            naming(self.encoder, "forward", f"step {step + 1}"),
        ):
            yield

    def make_inputs(self, batch: Batch) -> Inputs:
        """Joins and normalises the pixels of images and views."""
        pixels = torch.cat([batch.pixels_BHW3, *batch.views])
        factors = join_factors((batch.factors_B3, *batch.view_factors), len(batch.node_B))
        pixels_V3HW = to_input(pixels, factors, self.encoder.mean, self.encoder.std)
        return Inputs(pixels_V3HW, batch.tokens_TL if self.losses.needs_texts else None)

    def compute_losses(self, embedded: Embedded, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        """Computes the losses by name, scalars, in float32: logits reach 100, where bf16 has a resolution of 0.5."""
        assert embedded.image_BD is not None
        raw_VD, second_VD = embedded.image_BD, None
        if self.losses.has_projector:
            raw_VD, second_VD = raw_VD.tensor_split(2, dim=1)
        image_raw_BD, *views = torch.split(raw_VD, len(batch.node_B))
        text_TD = image_raw_BD[:0] if embedded.text_TD is None else F.normalize(embedded.text_TD, dim=-1)
        right_BT, known_BT = self.truth.match(batch.node_B, batch.own_id_BO, batch.text_id_T)
        given = LossInput(
            image_BD=F.normalize(image_raw_BD, dim=-1),
            image_raw_BD=image_raw_BD,
            text_TD=text_TD,
            text_BK=batch.text_BK,
            node_B=batch.node_B,
            text_id_T=batch.text_id_T,
            text_node_T=batch.text_node_T,
            right_BT=right_BT,
            known_BT=known_BT,
            own_id_BO=batch.own_id_BO,
            aspect_T=batch.aspect_T,
            source_B=batch.source_B,
            logit_scale=embedded.scale,
            logit_bias=embedded.bias,
            taxonomy=self.taxonomy,
            tree=self.tree,
            matcher=self.truth,
            world=self.world,
            views=tuple(views),
            step=step,
            bank=self.bank,
        )
        losses: dict[str, torch.Tensor] = self.losses(given, second_VD)
        return losses

    def embed_texts(self, towers: nn.Module, texts: Sequence[str], step: int) -> torch.Tensor:
        """Returns unit embeddings: [len(texts), D]."""
        with self.open(step):
            embedded: Embedded = towers(None, self.encoder.tokenize(texts))
        assert embedded.text_TD is not None
        return F.normalize(embedded.text_TD, dim=-1)


def move(batch: Batch, device: torch.device) -> Batch:
    """Copies a batch to a device, but for its tokens: the text tower moves them, once it has shortened them."""

    def copy(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(copy(one) for one in value)
        return value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value

    moved = {field.name: copy(getattr(batch, field.name)) for field in fields(batch)}
    return Batch(**moved | {"tokens_TL": batch.tokens_TL})

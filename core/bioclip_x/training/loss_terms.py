"""The weighted sum of losses that a run minimises.

Legend: B images, V images and their further views, T distinct texts, D embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from torch import nn

from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import LossCapabilities, get_capabilities
from bioclip_x.hooks.components import Loss
from bioclip_x.hooks.returned import check_loss
from bioclip_x.records.training import LossInput


@dataclass(frozen=True, slots=True)
class Term:
    """One loss of the sum.

    name: in logs, unique. sources: numbers of the data sets whose images it sees; None for all.
    projector: whether it takes embeddings by the second projector. learning_rate: of its own parameters; None for the run's.
    """

    name: str
    loss: Loss
    weight: float = 1.0
    sources: tuple[int, ...] | None = None
    projector: bool = False
    learning_rate: float | None = None

    @property
    def capabilities(self) -> LossCapabilities:
        return get_capabilities(self.loss, LossCapabilities)


class LossSum(nn.Module):
    """Computes the terms of a run's loss. Its parameters and buffers are those of the losses that are torch modules."""

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__()
        self.terms = tuple(terms)
        self.parts = nn.ModuleDict(
            {term.name.replace(".", "_"): term.loss for term in terms if isinstance(term.loss, nn.Module)}
        )

    @property
    def needs_texts(self) -> bool:
        return any(term.capabilities.needs_texts for term in self.terms)

    @property
    def needs_bank(self) -> bool:
        return any(term.capabilities.needs_bank for term in self.terms)

    @property
    def views(self) -> int:
        """The number of further views of each image that the losses use."""
        return max((term.capabilities.views for term in self.terms), default=0)

    @property
    def has_projector(self) -> bool:
        return any(term.projector for term in self.terms)

    def forward(self, given: LossInput, second_VD: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Returns the weighted parts of the loss by name, scalars.

        second_VD: the unnormalised embeddings of images and views by the second projector.
        """
        losses: dict[str, torch.Tensor] = {}
        for term in self.terms:
            own = given if not term.projector or second_VD is None else _use_embeddings(given, second_VD)
            own = own if term.sources is None else _select_images(own, term.sources)
            with naming(term.loss, "__call__", f"step {given.step + 1}"):
                value = term.loss(own)
            parts = check_loss(term.loss, value, f"step {given.step + 1}")
            losses |= {f"{term.name}/{part}" if part else term.name: term.weight * one for part, one in parts.items()}
        return losses


def _use_embeddings(given: LossInput, raw_VD: torch.Tensor) -> LossInput:
    """Replaces the embeddings of images and views by others."""
    image_raw_BD, *views = torch.split(raw_VD, len(given.node_B))
    return replace(given, image_BD=F.normalize(image_raw_BD, dim=-1), image_raw_BD=image_raw_BD, views=tuple(views))


def _select_images(given: LossInput, sources: Sequence[int]) -> LossInput:
    """Keeps the images of some data sets and the texts drawn for them."""
    rows = torch.isin(given.source_B, torch.tensor(sources, device=given.source_B.device)).nonzero().flatten()
    texts, text_BK = torch.unique(given.text_BK[rows], return_inverse=True)
    return replace(
        given,
        image_BD=given.image_BD[rows],
        image_raw_BD=given.image_raw_BD[rows],
        text_TD=given.text_TD[texts] if len(given.text_TD) else given.text_TD,
        text_BK=text_BK,
        node_B=given.node_B[rows],
        text_id_T=given.text_id_T[texts],
        text_node_T=given.text_node_T[texts],
        right_BT=given.right_BT[rows][:, texts],
        known_BT=given.known_BT[rows][:, texts],
        own_id_BO=given.own_id_BO[rows],
        aspect_T=given.aspect_T[texts],
        source_B=given.source_B[rows],
        views=tuple(view[rows] for view in given.views),
    )

"""SimCLR's contrast of two views of each image, beside a contrast with texts: SLIP (Mu et al. 2021, arXiv 2112.12750).

Legend: B images of this process, M of all processes, D embedding, H hidden width, P projection.
"""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, normalize

from bioclip_x.plugin import LossCapabilities, LossInput, Processes, Taxonomy
from bioclip_x_plugins.losses.contrast import LOWEST, locate_own


def compute_nt_xent_values(
    anchor_BP: torch.Tensor, anchor_MP: torch.Tensor, other_MP: torch.Tensor, own_B: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Computes NT-Xent of one view of each image (Chen et al. 2020, arXiv 2002.05709, equation 1).

    Of anchor i: -log( exp(a_i·b_i/τ) / ( Σ_j exp(a_i·b_j/τ) + Σ_{j≠i} exp(a_i·a_j/τ) ) ), where a and b are the two views.

    anchor_BP: a, of this process's images; anchor_MP, other_MP: a and b, of all images; rows L2-normalised. own_B: int64, the
    rows of this process's images among all. temperature: τ.

    Returns [B]. SimCLR's loss is their mean over images, with a and b and with b and a.
    """
    other_BM = anchor_BP @ other_MP.T / temperature
    same_view_BM = (anchor_BP @ anchor_MP.T / temperature).scatter(1, own_B[:, None], LOWEST)
    return cross_entropy(torch.cat([other_BM, same_view_BM], dim=1), own_B, reduction="none")


class BatchStandardisation(torch.nn.Module):
    """Batch normalisation over the images of all processes, without running statistics, which only inference needs.

    (torch's SyncBatchNorm refuses CPUs, and with unsynchronised statistics the loss would depend on the number of processes.)
    """

    def __init__(self, width: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))
        self.bias = torch.nn.Parameter(torch.zeros(width))
        self.epsilon = epsilon

    def forward(self, x_BH: torch.Tensor, world: Processes) -> torch.Tensor:
        """Standardises each column over the rows of all processes, and rescales it."""
        count = world.sum(torch.tensor(len(x_BH), device=x_BH.device)).clamp(min=1)
        centred_BH = x_BH - world.gather(x_BH.sum(dim=0, keepdim=True)).sum(dim=0) / count
        variance_H = world.gather(centred_BH.square().sum(dim=0, keepdim=True)).sum(dim=0) / count
        return centred_BH * (variance_H + self.epsilon).rsqrt() * self.weight + self.bias


class ProjectionHead(torch.nn.Module):
    """SLIP's projection head: three linear layers, the first two with batch normalisation and ReLU."""

    def __init__(self, embed_dim: int, width: int, output_dim: int) -> None:
        super().__init__()
        self.linear = torch.nn.ModuleList(
            torch.nn.Linear(*sizes) for sizes in ((embed_dim, width), (width, width), (width, output_dim))
        )
        self.norm = torch.nn.ModuleList(BatchStandardisation(width) for _ in range(2))

    def forward(self, x_BD: torch.Tensor, world: Processes) -> torch.Tensor:
        """Returns the projections of raw embeddings: [B, P], rows L2-normalised."""
        for linear, norm in zip(self.linear, self.norm):
            x_BD = norm(linear(x_BD), world).relu()
        return normalize(self.linear[-1](x_BD), dim=-1)


class SimClr(torch.nn.Module):
    """SimCLR's loss between two further views of each image, through a projection head of its own.

    SLIP is this beside `clip`. The head stands on the image embedding before normalisation; SLIP's stands on the tower's
    features before their projection to the embedding.

    temperature: τ. width, output_dim: of the projection head (SLIP's 4096 and 256).
    """

    capabilities = LossCapabilities(needs_prepare=True, needs_texts=False, views=2)
    head: ProjectionHead

    def __init__(self, *, temperature: float = 0.1, width: int = 4096, output_dim: int = 256) -> None:
        super().__init__()
        self.temperature, self.width, self.output_dim = temperature, width, output_dim

    def prepare(self, taxonomy: Taxonomy, embed_dim: int, n_classes: int) -> None:
        self.head = ProjectionHead(embed_dim, self.width, self.output_dim)

    def forward(self, batch: LossInput) -> torch.Tensor:
        one_BP, other_BP = (self.head(view_BD, batch.world) for view_BD in batch.views[:2])
        one_MP, other_MP = batch.world.gather_ragged(one_BP), batch.world.gather_ragged(other_BP)
        own_B = locate_own(batch)
        one_B = compute_nt_xent_values(one_BP, one_MP, other_MP, own_B, self.temperature)
        other_B = compute_nt_xent_values(other_BP, other_MP, one_MP, own_B, self.temperature)
        return (batch.mean(one_B) + batch.mean(other_B)) / 2

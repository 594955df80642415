"""HiMulConE: supervised contrast at each rank with the hierarchical constraint (Zhang et al. 2022, arXiv 2204.13207).

Follows the published code (salesforce/hierarchicalContrastiveLearning, `HMLC`, loss "hmce" with `layer_penalty=exp`), which
states the constraint for the means of levels; the paper's equation 7 states it pair by pair.

Legend: B images of this process, M of all processes, D embedding, R ranks from the top down, N nodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from bioclip_x.plugin import LossCapabilities, LossInput, Taxonomy
from bioclip_x_plugins.losses.contrast import average_by_level, compute_contrast, locate_own
from bioclip_x_plugins.losses.ranks import choose_ranks, find_taxon_at_ranks


def choose_representatives(taxon_RM: torch.Tensor, n_nodes: int) -> torch.Tensor:
    """Chooses the images that take part at each rank: of the images that share a taxon at the next rank below, the first.

    taxon_RM: int64, the taxon of each image at each rank, ranks from the top down, -1 for none.

    Returns bool [R, M]: all images at the lowest rank; at others, those that took part below and are the first of their taxon
    there, or have none there.
    """
    place_M = torch.arange(taxon_RM.shape[1], device=taxon_RM.device)
    is_chosen_M = torch.ones_like(place_M, dtype=torch.bool)
    chosen = [is_chosen_M]
    for taxon_M in taxon_RM[1:].flip(0):
        is_labelled_M = (taxon_M >= 0) & is_chosen_M
        first_N = torch.full((n_nodes + 1,), len(place_M), device=place_M.device)
        first_N.scatter_reduce_(0, torch.where(is_labelled_M, taxon_M, n_nodes), place_M, "amin")
        is_chosen_M = is_chosen_M & (~is_labelled_M | (first_N[taxon_M] == place_M))
        chosen.append(is_chosen_M)
    return torch.stack(chosen[::-1])


def contrast_images_at_ranks(
    logits_BM: torch.Tensor, taxon_RM: torch.Tensor, takes_part_RM: torch.Tensor, own_B: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes the supervised contrastive loss of images at each rank (Khosla et al. 2020, arXiv 2004.11362, equation 2).

    Of image i at rank r: -1/|P| Σ_{p∈P} log( exp z_ip / Σ_{a≠i} exp z_ia ), over the images a that take part at r and have a
    taxon there; P are those with i's taxon.

    logits_BM: I·Iᵀ/τ of this process's images with all. taxon_RM, takes_part_RM: of all images. own_B: int64, the rows of this
    process's images among all.

    Returns the values, [R, B], and which of them count, bool [R, B].
    """
    is_other_BM = torch.ones_like(logits_BM, dtype=torch.bool).scatter_(1, own_B[:, None], False)
    values, counted = [], []
    for taxon_M, takes_part_M in zip(taxon_RM, takes_part_RM & (taxon_RM >= 0)):
        same_BM = taxon_M[own_B][:, None] == taxon_M
        value_B, counted_B = compute_contrast(logits_BM, same_BM, is_other_BM & takes_part_M)
        values.append(value_B)
        counted.append(counted_B & takes_part_M[own_B])
    return torch.stack(values), torch.stack(counted)


def constrain_levels(part_R: torch.Tensor, mean_R: torch.Tensor, present_R: torch.Tensor) -> torch.Tensor:
    """Computes 1/R · Σ_l exp(1/l) · max(L_l, L_{l-1}, …, L_1), levels l counted from the lowest rank up, 1 to R.

    A pair that is farther apart in the tree never has the smaller loss. part_R: this process's parts of the levels' losses L,
    ranks from the top down. mean_R: L. present_R: bool, False for levels without a pair, which are left out.

    Returns a scalar, this process's part.
    """
    total = worst_part = 0 * part_R.sum()  # keeps the graph where no level has a pair
    worst = mean_R.new_full((), -torch.inf)
    for level, (part, mean, is_present) in enumerate(zip(part_R.flip(0), mean_R.flip(0), present_R.flip(0)), start=1):
        is_worse = is_present & (mean > worst)
        worst_part, worst = torch.where(is_worse, part, worst_part), torch.where(is_worse, mean, worst)
        total = total + torch.where(is_present, math.exp(1 / level) * worst_part, 0)
    return total / len(part_R)


class HiMulCon(torch.nn.Module):
    """HiMulConE on image embeddings; beside a contrast with texts, or for an image tower alone.

    ranks: names of ranks; None for all with at least two taxa. temperature: τ (the published code's 0.07; not the logit scale,
    which belongs to the contrast with texts).
    """

    capabilities = LossCapabilities(needs_prepare=True, needs_texts=False)
    taxon_RN: torch.Tensor

    def __init__(self, *, ranks: Sequence[str] | None = None, temperature: float = 0.07) -> None:
        super().__init__()
        self.ranks, self.temperature = ranks, temperature

    def prepare(self, taxonomy: Taxonomy, embed_dim: int, n_classes: int) -> None:
        taxon_RN, _ = find_taxon_at_ranks(taxonomy, choose_ranks(taxonomy, self.ranks))
        self.register_buffer("taxon_RN", taxon_RN, persistent=False)

    def forward(self, batch: LossInput) -> torch.Tensor:
        gathered = batch.gathered
        taxon_RM = self.taxon_RN[:, gathered.node_M].masked_fill(gathered.node_M < 0, -1)
        takes_part_RM = choose_representatives(taxon_RM, self.taxon_RN.shape[1])
        logits_BM = batch.image_BD @ gathered.image_MD.T / self.temperature
        values_RB, counted_RB = contrast_images_at_ranks(logits_BM, taxon_RM, takes_part_RM, locate_own(batch))
        return constrain_levels(*average_by_level(values_RB, counted_RB, batch.world))

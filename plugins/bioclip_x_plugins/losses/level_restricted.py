"""Level-restricted contrast: the names of each rank compete among themselves only (Tao et al. 2026, arXiv 2606.21838).

In one softmax over the names of all ranks, an image's genus would be a negative of its species' name. Here each rank has a
softmax of its own, and all ranks weigh the same, as in the paper's group-balanced objective.

Legend: B images and T distinct texts of this process, M and S of all processes, D embedding, R ranks, N nodes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bioclip_x.plugin import LossCapabilities, LossInput, Taxonomy
from bioclip_x_plugins.losses.contrast import average_by_level, compute_contrast
from bioclip_x_plugins.losses.ranks import choose_ranks, find_taxon_at_ranks


def contrast_images_by_rank(
    logits_BS: torch.Tensor, taxon_RB: torch.Tensor, taxon_S: torch.Tensor, rank_S: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes `compute_contrast` from images to the texts of each rank.

    logits_BS: scale and bias applied. taxon_RB: int64, the taxon of each image at each rank, -1 for none. taxon_S: int64, the
    taxon that each text is about. rank_S: int64, its rank, an index into R, -1 for texts that take no part.

    Returns the values, [R, B], and which of them count, bool [R, B]: of images that have a taxon of the rank and a text about it.
    """
    values, counted = [], []
    for rank, taxon_B in enumerate(taxon_RB):
        texts = (rank_S == rank).nonzero().flatten()
        if not len(texts):
            values.append(logits_BS.new_zeros(len(logits_BS)))
            counted.append(torch.zeros_like(taxon_B, dtype=torch.bool))
            continue
        value_B, counted_B = compute_contrast(logits_BS[:, texts], taxon_B[:, None] == taxon_S[texts])
        values.append(value_B)
        counted.append(counted_B)
    return torch.stack(values), torch.stack(counted)


def contrast_texts_by_rank(
    logits_TM: torch.Tensor, taxon_RM: torch.Tensor, taxon_T: torch.Tensor, rank_T: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes `compute_contrast` from texts to the images that have a taxon of the text's rank.

    The arguments are those of `contrast_images_by_rank`.

    Returns the values, [R, T], and which of them count, bool [R, T]: of a text that is about an image's taxon, at its rank.
    """
    taxon_TM = taxon_RM[rank_T.clamp(min=0)]
    value_T, counted_T = compute_contrast(logits_TM, taxon_TM == taxon_T[:, None], taxon_TM >= 0)
    is_rank_RT = torch.arange(len(taxon_RM), device=rank_T.device)[:, None] == rank_T
    return value_T.expand(len(taxon_RM), -1), counted_T & is_rank_RT


class LevelRestricted(torch.nn.Module):
    """The mean over ranks of UniCL's loss among the images and the names of that rank.

    Computes 1/|R'| · Σ_{r∈R'} ½ · ( mean_i [ -1/|P_r(i)| Σ_{k∈P_r(i)} log softmax_{j∈T_r}(z_ij)_k ] + the same from texts to
    images ), where T_r are the texts about taxa of rank r, P_r(i) those about image i's taxon at r, and R' the ranks of which
    the batch has a text that is about an image's taxon. An image without a taxon at r (labelled above it, or a hole) takes no
    part in r.

    ranks: names of ranks; None for all with at least two taxa. Only ranks whose texts are drawn count.
    """

    capabilities = LossCapabilities(needs_prepare=True)
    taxon_RN: torch.Tensor
    own_rank_N: torch.Tensor

    def __init__(self, *, ranks: Sequence[str] | None = None) -> None:
        super().__init__()
        self.ranks = ranks

    def prepare(self, taxonomy: Taxonomy, embed_dim: int, n_classes: int) -> None:
        taxon_RN, own_rank_N = find_taxon_at_ranks(taxonomy, choose_ranks(taxonomy, self.ranks))
        self.register_buffer("taxon_RN", taxon_RN, persistent=False)
        self.register_buffer("own_rank_N", own_rank_N, persistent=False)

    def forward(self, batch: LossInput) -> torch.Tensor:
        gathered, bias = batch.gathered, 0 if batch.logit_bias is None else batch.logit_bias
        logits_BS = batch.logit_scale * batch.image_BD @ gathered.text_SD.T + bias
        logits_TM = batch.logit_scale * batch.text_TD @ gathered.image_MD.T + bias
        taxon_S, rank_S = self._find_subjects(gathered.text_node_S, gathered.first_S)
        taxon_T, rank_T = self._find_subjects(batch.text_node_T, gathered.own_first_T)
        by_image = contrast_images_by_rank(logits_BS, self._find_taxa(batch.node_B), taxon_S, rank_S)
        by_text = contrast_texts_by_rank(logits_TM, self._find_taxa(gathered.node_M), taxon_T, rank_T)
        image_R, _, present_R = average_by_level(*by_image, batch.world)
        text_R, _, _ = average_by_level(*by_text, batch.world)
        return (image_R + text_R).sum() / (2 * present_R.sum().clamp(min=1))

    def _find_taxa(self, node_Q: torch.Tensor) -> torch.Tensor:
        """Returns the taxa of nodes at each rank, int64 [R, Q], -1 for none and for no node."""
        return self.taxon_RN[:, node_Q].masked_fill(node_Q < 0, -1)

    def _find_subjects(self, node_T: torch.Tensor, first_T: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the taxon that each text is about and its rank; rank -1 for texts about none, and for repeated texts."""
        rank_T = self.own_rank_N[node_T].masked_fill((node_T < 0) | ~first_T, -1)
        return self.taxon_RN[rank_T, node_T], rank_T

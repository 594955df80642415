"""DeCLIP's supervision by further views and by nearest neighbours (Li et al. 2021, arXiv 2110.05208).

Legend: B images and T distinct texts of this process, M and S of all processes, Q texts in the queue, D embedding.
"""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from bioclip_x.plugin import LossCapabilities, LossInput, Taxonomy, TrainingError
from bioclip_x_plugins.losses.clip import compute_clip_values
from bioclip_x_plugins.losses.contrast import LOWEST, compute_contrast, gather_drawn_texts, locate_own


def find_neighbours(
    text_TD: torch.Tensor, text_id_T: torch.Tensor, queue_QD: torch.Tensor, queue_id_Q: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds each text's nearest other text in the queue, by cosine similarity (the first of equally near ones).

    text_TD, queue_QD: rows L2-normalised. text_id_T, queue_id_Q: int64, equal for equal texts; -1 for empty places. The paper's
    captions are unique; here names return, and their own older embeddings would always be the nearest.

    Returns the neighbours' rows, int64 [T], and whether there is any other text, bool [T].
    """
    is_other_TQ = (queue_id_Q >= 0) & (queue_id_Q != text_id_T[:, None])
    similarity_TQ = (text_TD @ queue_QD.T).masked_fill(~is_other_TQ, LOWEST)
    return similarity_TQ.argmax(dim=1), is_other_TQ.any(dim=1)


def compute_neighbour_values(
    query_BD: torch.Tensor,
    key_MD: torch.Tensor,
    own_B: torch.Tensor,
    has_neighbour_M: torch.Tensor,
    logit_scale: torch.Tensor,
    logit_bias: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes `compute_clip_values` among the images whose text has a neighbour, bool [M].

    Returns the values, [B], and which of them count, bool [B].
    """
    logits_BM = logit_scale * query_BD @ key_MD.T
    if logit_bias is not None:
        logits_BM = logits_BM + logit_bias
    is_own_BM = torch.zeros_like(logits_BM, dtype=torch.bool).scatter_(1, own_B[:, None], True)
    return compute_contrast(logits_BM, is_own_BM, has_neighbour_M.expand_as(is_own_BM))


class DeClip(torch.nn.Module):
    """DeCLIP's multi-view and nearest-neighbour terms; beside `clip`, which is its term of the original pair.

    With I, Ĩ an image and its further view, T, T̃ the first two texts drawn for it, N(T) the nearest other text of earlier
    batches (without gradient), and InfoNCE CLIP's symmetric loss:

        views      = 1/3 · [ InfoNCE(Ĩ, T) + InfoNCE(I, T̃) + InfoNCE(Ĩ, T̃) ]
        neighbours = 1/4 · [ InfoNCE(I, N(T)) + InfoNCE(Ĩ, N(T)) + InfoNCE(I, N(T̃)) + InfoNCE(Ĩ, N(T̃)) ]

    The paper's text view is an edited caption; here it is another text about the same image.

    views_weight, neighbours_weight: the paper's β and γ. queue: how many texts of earlier batches are kept, the newest.
    """

    capabilities = LossCapabilities(needs_prepare=True, views=1)
    queue_QD: torch.Tensor
    queue_id_Q: torch.Tensor
    next_place: torch.Tensor

    def __init__(self, *, views_weight: float = 0.2, neighbours_weight: float = 0.2, queue: int = 65536) -> None:
        super().__init__()
        self.views_weight, self.neighbours_weight, self.queue = views_weight, neighbours_weight, queue

    def prepare(self, taxonomy: Taxonomy, embed_dim: int, n_classes: int) -> None:
        # In the module's state, so that a resumed run has the same neighbours.
        self.register_buffer("queue_QD", torch.zeros(self.queue, embed_dim))
        self.register_buffer("queue_id_Q", torch.full((self.queue,), -1))
        self.register_buffer("next_place", torch.tensor(0))

    def forward(self, batch: LossInput) -> dict[str, torch.Tensor]:
        if batch.text_BK.shape[1] < 2:
            raise TrainingError("loss: declip contrasts two texts of each image; set texts_per_picture to 2 or more")
        view_BD = normalize(batch.views[0], dim=-1)
        images = [(batch.image_BD, batch.gathered.image_MD), (view_BD, batch.world.gather_ragged(view_BD))]
        texts_MD = [gather_drawn_texts(batch, draw) for draw in (0, 1)]
        pairs = [(image, text_MD) for text_MD in texts_MD for image in images]
        views = [self._contrast_views(batch, *image, text_MD) for image, text_MD in pairs[1:]]
        found = [self._gather_neighbours(batch, draw) for draw in (0, 1)]
        neighbours = [self._contrast_neighbours(batch, *image, *one) for one in found for image in images]
        self._remember(batch)
        return {
            "views": self.views_weight * torch.stack(views).mean(),
            "neighbours": self.neighbours_weight * torch.stack(neighbours).mean(),
        }

    def _contrast_views(
        self, batch: LossInput, image_BD: torch.Tensor, image_MD: torch.Tensor, text_MD: torch.Tensor
    ) -> torch.Tensor:
        own_B, scale, bias = locate_own(batch), batch.logit_scale, batch.logit_bias
        by_image_B = compute_clip_values(image_BD, text_MD, own_B, scale, bias)
        by_text_B = compute_clip_values(text_MD[own_B], image_MD, own_B, scale, bias)
        return (batch.mean(by_image_B) + batch.mean(by_text_B)) / 2

    def _contrast_neighbours(
        self,
        batch: LossInput,
        image_BD: torch.Tensor,
        image_MD: torch.Tensor,
        text_MD: torch.Tensor,
        has_one_M: torch.Tensor,
    ) -> torch.Tensor:
        own_B, scale, bias = locate_own(batch), batch.logit_scale, batch.logit_bias
        by_image = compute_neighbour_values(image_BD, text_MD, own_B, has_one_M, scale, bias)
        by_text = compute_neighbour_values(text_MD[own_B], image_MD, own_B, has_one_M, scale, bias)
        return (batch.mean(*by_image) + batch.mean(*by_text)) / 2

    @torch.no_grad()
    def _gather_neighbours(self, batch: LossInput, draw: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the neighbour of each image's text, [M, D], and whether it has one, bool [M]; the queue is the same on all
        processes."""
        text_B = batch.text_BK[:, draw]
        text_BD = batch.text_TD[text_B].to(self.queue_QD)
        place_B, has_one_B = find_neighbours(text_BD, batch.text_id_T[text_B], self.queue_QD, self.queue_id_Q)
        place_M = batch.world.gather_ragged(place_B.masked_fill(~has_one_B, -1))
        return self.queue_QD[place_M].to(batch.image_BD), place_M >= 0

    @torch.no_grad()
    def _remember(self, batch: LossInput) -> None:
        """Puts the batch's distinct texts into the queue, in place of the oldest."""
        first_S = batch.gathered.first_S
        text_ND = batch.gathered.text_SD[first_S][-self.queue :]
        place_N = (self.next_place + torch.arange(len(text_ND), device=text_ND.device)) % self.queue
        self.queue_QD[place_N] = text_ND.to(self.queue_QD)
        self.queue_id_Q[place_N] = batch.gathered.text_id_S[first_S][-self.queue :]
        self.next_place.copy_((self.next_place + len(text_ND)) % self.queue)

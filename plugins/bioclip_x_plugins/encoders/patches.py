"""What each patch of an image contributes to its embedding, for vision transformers.

The state of a token after the last block is a sum: what it began as, what its MLPs wrote, and what attention carried to it,
which is itself a sum over the tokens that it was carried from. So the pooled state is a sum too, and with the statistics of
the last norm at hand each term goes on to the embedding by itself (Gandelsman, Efros & Steinhardt, "Interpreting CLIP's image
representation via text-based decomposition", ICLR 2024, arXiv 2310.05916, for towers that take the class token).

A patch's part is what attention carried from it to the tokens that are pooled, in all blocks. Where the patches' own tokens
are pooled, by average, what they began as and what their MLPs wrote is theirs as well, and what is left (biases, and what
was carried from the class token) is shared out evenly: the parts then sum to the embedding exactly. The last states alone
would sum to it too, but say less of where: attention has by then moved what was seen to other places.

Legend: B images, L tokens (p that are no patches first), n = h·w patches, J pooled tokens, H heads, d of a head, W the
tower's width, D embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import linear

from bioclip_x.plugin import PatchFeatures

CARRIED = "what attention carries from each patch to {}, in all layers (Gandelsman et al., ICLR 2024, arXiv 2310.05916)"
AVERAGE = CARRIED.format("the pooled ones") + ", and what its own token is; what is no patch's is shared out evenly"
CLASS_TOKEN = CARRIED.format("the class token")


@dataclass(frozen=True, slots=True)
class Block:
    """A block's attention. whole: the block itself, which takes the tokens' states [B, L, W] first."""

    whole: nn.Module
    norm: nn.Module
    qkv_weight: torch.Tensor
    qkv_bias: torch.Tensor | None
    heads: int
    out_weight: torch.Tensor
    scale: nn.Module


@dataclass(frozen=True, slots=True)
class PatchTower:
    """A vision transformer, as far as its patches matter.

    whole: pixels → embeddings. prefix: p. patch_size: (high, wide), in pixels.
    averages: whether the patches' tokens are pooled, by average; else the first token is.
    norm: the last; norm_first: whether tokens go through it before they are pooled. tail: linear layers after both.
    """

    whole: nn.Module
    blocks: tuple[Block, ...]
    prefix: int
    patch_size: tuple[int, int]
    averages: bool
    norm: nn.LayerNorm
    norm_first: bool
    tail: tuple[nn.Linear | nn.Parameter, ...]

    def encode(self, pixels_B3HW: torch.Tensor) -> PatchFeatures:
        """The parts of unit embeddings. pixels_B3HW: on the tower's device, in its precision."""
        states, embedding_BD = _run(self, pixels_B3HW)
        parts_BnD = _projected(self, _parts(self, states))
        if self.averages:
            parts_BnD = parts_BnD + (embedding_BD - parts_BnD.sum(1))[:, None] / parts_BnD.shape[1]
        parts_BnD = parts_BnD / embedding_BD.norm(dim=-1).clamp(min=1e-12)[:, None, None]
        high, wide = (side // patch for side, patch in zip(pixels_B3HW.shape[-2:], self.patch_size))
        method = AVERAGE if self.averages else CLASS_TOKEN
        parts_BhwD = parts_BnD.view(len(parts_BnD), high, wide, -1)
        return PatchFeatures(parts_BhwD.cpu(), method, is_exact=self.averages)


def _run(tower: PatchTower, pixels_B3HW: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The states [B, L, W] before each block and after the last, as the tower has them; the embedding, float32 [B, D]."""
    states: list[torch.Tensor] = []
    hooks = [block.whole.register_forward_pre_hook(lambda _, given: states.append(given[0])) for block in tower.blocks]
    hooks.append(tower.blocks[-1].whole.register_forward_hook(lambda _, given, found: states.append(found)))
    try:
        embedding = tower.whole(pixels_B3HW)
    finally:
        for hook in hooks:
            hook.remove()
    embedding_BD: torch.Tensor = (
        embedding[0] if isinstance(embedding, tuple) else embedding
    )  # open_clip's output_tokens
    return states, embedding_BD.float()


def _parts(tower: PatchTower, states: list[torch.Tensor]) -> torch.Tensor:
    """Of the pooled and normed state, before the norm's own scale and bias: float32 [B, n, W]."""
    last_BLW = states.pop().float()
    pooled = slice(tower.prefix, None) if tower.averages else slice(0, 1)
    gain_BJ = _gain(tower, last_BLW[:, pooled])
    own_BnW = gain_BJ[..., None] * last_BLW[:, pooled] if tower.averages else last_BLW.new_zeros(())
    carried_BnW = last_BLW.new_zeros(())
    for block, states_BLW in zip(tower.blocks, states, strict=True):
        from_BnW, to_BJW = _carried(block, states_BLW, pooled, gain_BJ, tower.prefix)
        carried_BnW = carried_BnW + from_BnW
        if tower.averages:
            own_BnW = own_BnW - to_BJW
    return carried_BnW + own_BnW


def _gain(tower: PatchTower, pooled_BJW: torch.Tensor) -> torch.Tensor:
    """[B, J]: the factor of each pooled token's state in the pooled and normed state, once it is centred."""
    normed = pooled_BJW if tower.norm_first else pooled_BJW.mean(1, keepdim=True)
    deviation_BJ = (normed.var(-1, unbiased=False) + tower.norm.eps).sqrt()
    return (1 / (pooled_BJW.shape[1] * deviation_BJ)).expand(pooled_BJW.shape[:2])


def _carried(
    block: Block, states_BLW: torch.Tensor, pooled: slice, gain_BJ: torch.Tensor, prefix: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a block's attention carries, times the gain of the token that it is carried to; its bias is left out.

    From each patch, to all pooled tokens: float32 [B, n, W]; and to each pooled token, from all: [B, J, W].
    """
    qkv_BLW = linear(block.norm(states_BLW), block.qkv_weight, block.qkv_bias).float().chunk(3, dim=-1)
    q_BHLd, k_BHLd, v_BHLd = (one.view(*one.shape[:2], block.heads, -1).transpose(1, 2) for one in qkv_BLW)
    attention_BHJL = (q_BHLd[:, :, pooled] @ k_BHLd.mT * q_BHLd.shape[-1] ** -0.5).softmax(-1)
    attention_BHJL = attention_BHJL * gain_BJ[:, None, :, None]
    from_BHnd = (attention_BHJL.sum(2)[..., None] * v_BHLd)[:, :, prefix:]
    to_BHJd = attention_BHJL @ v_BHLd
    from_BnW, to_BJW = (
        block.scale(linear(one.transpose(1, 2).flatten(2), block.out_weight.float())).float()
        for one in (from_BHnd, to_BHJd)
    )
    return from_BnW, to_BJW


def _projected(tower: PatchTower, parts_BnW: torch.Tensor) -> torch.Tensor:
    """Through what follows the pooling, without biases: [B, n, D]."""
    parts = parts_BnW - parts_BnW.mean(-1, keepdim=True)
    if tower.norm.weight is not None:
        parts = parts * tower.norm.weight.float()
    for step in tower.tail:
        parts = parts @ (step.weight.mT if isinstance(step, nn.Linear) else step).float()
    return parts

"""Decomposes image embeddings into the contributions of patches, for vision transformers.

The state of a token after the last block is a sum of its initial state, the outputs of its MLPs, and the outputs of
attention, which are sums over source tokens. The pooled state is therefore a sum as well, and given the statistics of the
last norm, each term maps linearly to the embedding (Gandelsman, Efros & Steinhardt, "Interpreting CLIP's image
representation via text-based decomposition", ICLR 2024, arXiv 2310.05916, for towers that pool the class token).

A patch's part is what attention carries from it to the pooled tokens, in all blocks. If the patches' tokens are pooled by
average, their initial states and MLP outputs are included, and the remainder (biases, and what attention carries from the
class token) is distributed evenly, so that the parts sum to the embedding exactly. The final states of the patch tokens would
also sum to it, but localise worse, since attention has moved information between tokens.

Legend: B images, L tokens (first p prefix tokens, which are not patches), n = h·w patches, J pooled tokens, H heads,
d dimension of a head, W the tower's width, D embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import get_ident

import torch
from torch import nn
from torch.nn.functional import linear

from bioclip_x.plugin import PatchFeatures

CARRIED = "what attention carries from each patch to {}, in all layers (Gandelsman et al., ICLR 2024, arXiv 2310.05916)"
AVERAGE = CARRIED.format("the pooled ones") + ", and its own token; the remainder is distributed evenly"
CLASS_TOKEN = CARRIED.format("the class token")


@dataclass(frozen=True, slots=True)
class Block:
    """The attention of a block. whole: the block, whose first argument is the tokens' states [B, L, W]."""

    whole: nn.Module
    norm: nn.Module
    qkv_weight: torch.Tensor
    qkv_bias: torch.Tensor | None
    heads: int
    out_weight: torch.Tensor
    scale: nn.Module


@dataclass(frozen=True, slots=True)
class PatchTower:
    """The parts of a vision transformer that the decomposition needs.

    whole: pixels → embeddings. prefix: p. patch_size: (height, width) in pixels.
    averages: whether the patches' tokens are pooled by average; otherwise the first token is the pooled state.
    norm: the last one; norm_first: whether it is applied before pooling. tail: linear layers after pooling and norm.
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
        """Computes the parts of unit embeddings. pixels_B3HW: on the tower's device, in its precision."""
        states, embedding_BD = _run_tower(self, pixels_B3HW)
        parts_BnD = _project(self, _compute_parts(self, states))
        if self.averages:
            parts_BnD = parts_BnD + (embedding_BD - parts_BnD.sum(1))[:, None] / parts_BnD.shape[1]
        parts_BnD = parts_BnD / embedding_BD.norm(dim=-1).clamp(min=1e-12)[:, None, None]
        rows, columns = (side // patch for side, patch in zip(pixels_B3HW.shape[-2:], self.patch_size))
        method = AVERAGE if self.averages else CLASS_TOKEN
        parts_BhwD = parts_BnD.view(len(parts_BnD), rows, columns, -1)
        return PatchFeatures(parts_BhwD.cpu(), method, is_exact=self.averages)


def _run_tower(tower: PatchTower, pixels_B3HW: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Returns the states [B, L, W] before each block and after the last, and the embedding, float32 [B, D]."""
    states: list[torch.Tensor] = []
    thread = get_ident()

    def note(state: torch.Tensor) -> None:
        if get_ident() == thread:  # other threads, which run the same tower meanwhile, call the hooks, too
            states.append(state)

    hooks = [block.whole.register_forward_pre_hook(lambda _, args: note(args[0])) for block in tower.blocks]
    hooks.append(tower.blocks[-1].whole.register_forward_hook(lambda _, args, output: note(output)))
    try:
        embedding = tower.whole(pixels_B3HW)
    finally:
        for hook in hooks:
            hook.remove()
    embedding_BD: torch.Tensor = (
        embedding[0] if isinstance(embedding, tuple) else embedding
    )  # open_clip's output_tokens
    return states, embedding_BD.float()


def _compute_parts(tower: PatchTower, states: list[torch.Tensor]) -> torch.Tensor:
    """Computes the parts of the pooled and normed state, before the norm's scale and bias: float32 [B, n, W]."""
    last_BLW = states.pop().float()
    pooled = slice(tower.prefix, None) if tower.averages else slice(0, 1)
    gain_BJ = _compute_gain(tower, last_BLW[:, pooled])
    own_BnW = gain_BJ[..., None] * last_BLW[:, pooled] if tower.averages else last_BLW.new_zeros(())
    carried_BnW = last_BLW.new_zeros(())
    for block, states_BLW in zip(tower.blocks, states, strict=True):
        from_BnW, to_BJW = _compute_carried(block, states_BLW, pooled, gain_BJ, tower.prefix)
        carried_BnW = carried_BnW + from_BnW
        if tower.averages:
            own_BnW = own_BnW - to_BJW
    return carried_BnW + own_BnW


def _compute_gain(tower: PatchTower, pooled_BJW: torch.Tensor) -> torch.Tensor:
    """Returns the factor of each pooled token's centred state in the pooled and normed state: [B, J]."""
    normed = pooled_BJW if tower.norm_first else pooled_BJW.mean(1, keepdim=True)
    deviation_BJ = (normed.var(-1, unbiased=False) + tower.norm.eps).sqrt()
    return (1 / (pooled_BJW.shape[1] * deviation_BJ)).expand(pooled_BJW.shape[:2])


def _compute_carried(
    block: Block, states_BLW: torch.Tensor, pooled: slice, gain_BJ: torch.Tensor, prefix: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes what a block's attention carries, without biases, times the gain of the destination token.

    Returns float32 [B, n, W], from each patch to all pooled tokens, and [B, J, W], from all tokens to each pooled token.
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


def _project(tower: PatchTower, parts_BnW: torch.Tensor) -> torch.Tensor:
    """Applies the norm's scale and the layers after pooling, without biases: [B, n, D]."""
    parts = parts_BnW - parts_BnW.mean(-1, keepdim=True)
    if tower.norm.weight is not None:
        parts = parts * tower.norm.weight.float()
    for step in tower.tail:
        parts = parts @ (step.weight.mT if isinstance(step, nn.Linear) else step).float()
    return parts

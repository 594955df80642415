"""Finds the vision towers that can be decomposed by patch: plain vision transformers of open_clip and timm."""

from __future__ import annotations

from typing import Any

from open_clip.timm_model import TimmModel
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import nn

from bioclip_x_plugins.encoders.patches import Block, PatchTower


def find_patch_tower(visual: nn.Module) -> PatchTower | str:
    """Returns the patch tower of an open_clip model's vision tower, or the reason why it has none, for users."""
    if isinstance(visual, VisionTransformer):
        return _make_open_clip_tower(visual)
    if isinstance(visual, TimmModel):
        return _make_timm_tower(visual)
    return f"its vision tower, a {type(visual).__name__}, has no patch tokens"


def _make_open_clip_tower(visual: VisionTransformer) -> PatchTower | str:
    if visual.attn_pool is not None or visual.pool_type not in ("avg", "tok"):
        return "its vision tower pools patch tokens by attention, not by average or by a class token"
    blocks = visual.transformer.resblocks
    if not all(type(block) is ResidualAttentionBlock for block in blocks):
        return "its vision tower has non-standard attention"
    return PatchTower(
        visual,
        tuple(_make_open_clip_block(block) for block in blocks),
        prefix=1,
        patch_size=visual.patch_size,
        averages=visual.pool_type == "avg",
        norm=visual.ln_post,
        norm_first=not visual.final_ln_after_pool,
        tail=(visual.proj,),
    )


def _make_open_clip_block(block: Any) -> Block:
    attention = block.attn
    return Block(
        block, block.ln_1, attention.in_proj_weight, attention.in_proj_bias, attention.num_heads,
        attention.out_proj.weight, block.ls_1,
    )  # fmt: skip


def _make_timm_tower(visual: TimmModel) -> PatchTower | str:
    from timm.models.vision_transformer import Attention, VisionTransformer  # type: ignore[attr-defined]
    from timm.models.vision_transformer import Block as TimmBlock

    trunk = visual.trunk
    if not isinstance(trunk, VisionTransformer):
        return f"its vision tower, timm's {type(trunk).__name__}, is not a plain vision transformer with patch tokens"
    if trunk.attn_pool is not None or trunk.global_pool not in ("avg", "token") or trunk.pool_include_prefix:
        return "its vision tower pools patch tokens by attention, not by average or by a class token"
    norms = [norm for norm in (trunk.norm, trunk.fc_norm) if not isinstance(norm, nn.Identity)]
    tail = [step for step in (trunk.head, *visual.head) if not isinstance(step, nn.Identity | nn.Dropout)]
    if (
        len(norms) != 1
        or not isinstance(norms[0], nn.LayerNorm)
        or not all(isinstance(step, nn.Linear) for step in tail)
    ):
        return "its vision tower does more with pooled patches than one norm and linear layers"
    if not all(type(block) is TimmBlock and _is_plain(block.attn, Attention) for block in trunk.blocks):
        return "its vision tower has non-standard attention"
    return PatchTower(
        visual,
        tuple(_make_timm_block(block) for block in trunk.blocks),
        prefix=trunk.num_prefix_tokens,
        patch_size=trunk.patch_embed.patch_size,
        averages=trunk.global_pool == "avg",
        norm=norms[0],
        norm_first=norms[0] is trunk.norm,
        tail=tuple(tail),
    )


def _is_plain(attention: Any, kind: type[nn.Module]) -> bool:
    """Returns whether attention has no norms of queries and keys, and none of the extensions in later versions of timm."""
    extras = [getattr(attention, name, None) for name in ("q_norm", "k_norm", "norm", "gate")]
    return type(attention) is kind and all(one is None or isinstance(one, nn.Identity) for one in extras)


def _make_timm_block(block: Any) -> Block:
    attention = block.attn
    return Block(
        block, block.norm1, attention.qkv.weight, attention.qkv.bias, attention.num_heads, attention.proj.weight, block.ls1
    )  # fmt: skip

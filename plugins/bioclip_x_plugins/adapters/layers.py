"""What adapters share: which layers of an open_clip model they adapt, and how a layer is replaced."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from torch import nn

Tower = Literal["image", "text"]


class LinearAttention(nn.Module):
    """An nn.MultiheadAttention for self-attention whose projections are linear layers, which adapters can replace.

    It has the same parameters and computes the same. Legend: N batch, L length, W width, H heads.
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        width = attention.embed_dim
        self.heads = attention.num_heads
        self.batch_first = attention.batch_first
        self.in_proj = nn.Linear(width, 3 * width, device="meta")
        own: Any = attention
        self.in_proj.weight, self.in_proj.bias = own.in_proj_weight, own.in_proj_bias
        self.out_proj: Any = attention.out_proj

    def forward(
        self,
        query: torch.Tensor,
        key: Any = None,
        value: Any = None,
        *,
        attn_mask: Any = None,
        need_weights: bool = False,
    ) -> tuple[torch.Tensor, None]:
        """As nn.MultiheadAttention without weights. key, value: must be `query`, and are not looked at."""
        x_NLW = query if self.batch_first else query.transpose(0, 1)
        query_NHLK, key_NHLK, value_NHLK = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.in_proj(x_NLW).chunk(3, dim=-1)
        )
        if attn_mask is not None and attn_mask.ndim == 3:
            attn_mask = attn_mask.unflatten(0, (-1, self.heads))
        out_NHLK = F.scaled_dot_product_attention(query_NHLK, key_NHLK, value_NHLK, attn_mask=attn_mask)
        out_NLW: torch.Tensor = self.out_proj(out_NHLK.transpose(1, 2).flatten(2))
        return out_NLW if self.batch_first else out_NLW.transpose(0, 1), None

    def close(self) -> nn.MultiheadAttention:
        """Returns the attention with these weights. Adapters are removed before."""
        width = self.in_proj.in_features
        attention: Any = nn.MultiheadAttention(width, self.heads, batch_first=self.batch_first, device="meta")
        attention.in_proj_weight, attention.in_proj_bias = self.in_proj.weight, self.in_proj.bias
        attention.out_proj = self.out_proj
        closed: nn.MultiheadAttention = attention.train(self.training)
        return closed


def open_attention(module: nn.Module) -> None:
    """Replaces the self-attention of open_clip's blocks by `LinearAttention`."""
    from open_clip.transformer import ResidualAttentionBlock

    for block in module.modules():
        if isinstance(block, ResidualAttentionBlock) and not hasattr(block, "ln_1_kv"):
            block.attn = LinearAttention(block.attn)


def close_attention(module: nn.Module) -> None:
    """Undoes `open_attention`."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LinearAttention):
                setattr(parent, name, child.close())


def list_layers(
    module: nn.Module, kinds: tuple[type[nn.Module], ...], towers: Collection[Tower]
) -> Iterator[tuple[str, nn.Module]]:
    """Yields the layers of these kinds in the towers, by name, whose `forward` the model calls.

    The layers within torch's own attention and within the attention pooling of open_clip's ResNets are left out, since their
    weights are read past `forward`.
    """
    from open_clip.modified_resnet import AttentionPool2d

    hidden = {
        id(layer)
        for owner in module.modules()
        if isinstance(owner, nn.MultiheadAttention | AttentionPool2d)
        for layer in owner.modules()
    }
    for name, layer in module.named_modules():
        tower: Tower = "image" if name.startswith("visual.") else "text"
        if isinstance(layer, kinds) and id(layer) not in hidden and tower in towers:
            yield name, layer


def freeze(module: nn.Module) -> None:
    """Locks all parameters but scalars (the logit scale and bias)."""
    for parameter in module.parameters():
        if parameter.numel() > 1:
            parameter.requires_grad_(False)


def replace_layer(module: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, layer)

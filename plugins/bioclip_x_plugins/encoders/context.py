"""Encodes texts without padding.

A causal text tower that pools at the end-of-text token does not depend on later positions, so a batch needs only as many
positions as its longest text: exact, and several times faster for short names. Towers that pool the last position (CoCa) or
attend in both directions keep their full context.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.func import functional_call


def encode_text(model: nn.Module, tokens_PL: torch.Tensor, *, cropped: bool = True) -> torch.Tensor:
    """Computes text embeddings [P, D], not normalised, differentiable, and equal to the padded ones up to rounding.

    model: an open_clip model. tokens_PL: int64 [P, L], padded to the model's context; on the CPU, so that the GPU is not
    waited for to know their length. Compiled models keep the full context, or they would be compiled for every length.
    """
    device = next(model.parameters()).device
    tower = find_croppable_tower(model) if cropped and not torch.compiler.is_compiling() else None
    if tower is None:
        return model.encode_text(tokens_PL.to(device, non_blocking=True))  # type: ignore[operator, no-any-return]
    length = int(take_end_of_text(tower, tokens_PL).max()) + 1
    tensors = {"positional_embedding": tower.positional_embedding[:length]}
    if tower.attn_mask is not None:
        tensors["attn_mask"] = tower.attn_mask[:length, :length]
    named = {f"tower.{name}": tensor for name, tensor in tensors.items()}
    embeddings_PD: torch.Tensor = functional_call(
        _TextOnly(tower), named, (tokens_PL[:, :length].to(device, non_blocking=True),)
    )
    return embeddings_PD


class _TextOnly(nn.Module):
    """Provides the `forward` that functional_call needs: the text side of a CLIP, or a text tower itself."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, tokens_PL: torch.Tensor) -> torch.Tensor:
        encode = getattr(self.tower, "encode_text", self.tower)
        embeddings: torch.Tensor = encode(tokens_PL)
        return embeddings


def find_croppable_tower(model: nn.Module) -> Any:
    """Returns the module with positional embedding and mask, if cropping is exact; else None."""
    tower = getattr(model, "text", model)
    pooling = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    causal = getattr(tower, "attn_mask", None) is not None
    exact = causal and pooling in ("argmax", "eos") and getattr(tower, "cls_emb", None) is None
    return tower if exact and isinstance(getattr(tower, "positional_embedding", None), torch.Tensor) else None


def take_end_of_text(tower: Any, tokens_PL: torch.Tensor) -> torch.Tensor:
    """Returns the position of the end-of-text token, int64 [P]: the largest token, or that of the configured id."""
    if getattr(tower, "text_pool_type", getattr(tower, "pool_type", None)) == "argmax":
        return tokens_PL.argmax(dim=-1)
    end: Any = getattr(tower, "text_eos_id", None) or getattr(tower, "eos_id", None)
    is_end_PL: torch.Tensor = tokens_PL == end
    return is_end_PL.int().argmax(dim=-1)

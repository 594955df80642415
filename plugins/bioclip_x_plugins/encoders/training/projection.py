"""A second image projector beside the model's own (BioCLIP 2: Gu et al. 2025, arXiv 2505.23883, which trains captioned pairs of
another domain through it). The projection is widened during training; the exported model has the first part alone.

Legend: D embedding, W the tower's width.
"""

from __future__ import annotations

from typing import Any

import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import nn

from bioclip_x.plugin import ModelError


def widen_projection(module: nn.Module, seed: int) -> dict[str, int]:
    """Doubles the image projection, so that image embeddings are [B, 2D]: the model's own D, then those of a new projector.

    The new projector is drawn from N(0, 1/W), as open_clip initialises projections; `seed` alone determines it.

    Returns the names of the widened parameters, with the dimension in which each is D of 2D.

    Raises ModelError for image towers without a linear projection.
    """
    visual: Any = module.visual
    owner = find_projection(visual)
    generator = torch.Generator().manual_seed(seed)
    before = {id(parameter): name for name, parameter in module.named_parameters()}
    widened = {}
    dimension = 1 if isinstance(owner, VisionTransformer) else 0
    for name in ("proj",) if isinstance(owner, VisionTransformer) else ("weight", "bias"):
        own = getattr(owner, name)
        if own is None:
            continue
        widened[before[id(own)]] = dimension
        width = own.shape[1 - dimension] if own.ndim == 2 else 0
        new = torch.randn(own.shape, generator=generator) * width**-0.5 if width else torch.zeros(own.shape)
        setattr(owner, name, nn.Parameter(torch.cat([own.detach(), new.to(own)], dimension)))
    if isinstance(owner, nn.Linear):
        owner.out_features *= 2
    return widened


def narrow_projection(weights: dict[str, torch.Tensor], widened: dict[str, int]) -> dict[str, torch.Tensor]:
    """Returns a state dict with the model's own projector alone. widened: as `widen_projection` returned it."""
    halves = {name: weights[name].narrow(dim, 0, weights[name].shape[dim] // 2) for name, dim in widened.items()}
    return {**weights, **halves}


def find_projection(visual: Any) -> Any:
    """Returns the module whose parameter is the image projection: a linear layer, or a vision transformer (`proj`).

    Raises ModelError if the tower has none.
    """
    if isinstance(visual, VisionTransformer) and visual.proj is not None:
        return visual
    if isinstance(visual, ModifiedResNet):
        return visual.attnpool.c_proj
    if isinstance(visual, TimmModel):
        heads = [one for one in visual.head.modules() if isinstance(one, nn.Linear)]
        last = heads[-1] if heads else visual.trunk.get_classifier()
        if isinstance(last, nn.Linear):
            return last
    raise ModelError(
        f"projector: the image tower {type(visual).__name__} has no linear projection to add a second one to"
    )

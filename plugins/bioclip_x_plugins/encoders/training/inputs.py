"""Smaller inputs in training: low resolution, patch dropout and shortened texts (CLIPA: Li et al. 2023, arXiv 2305.07017;
FLIP: Li et al. 2023, arXiv 2212.00794).

At another resolution, the position embeddings are interpolated in the forward pass; the parameter keeps its full size. So the
optimiser's state, the average of the weights and what wraps the model are the same at every resolution.

Legend: P texts, L tokens, W width.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from open_clip.hf_model import HFTextEncoder
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import PatchDropout, TextTransformer, VisionTransformer
from torch import nn
from torch.func import functional_call

from bioclip_x.plugin import ModelError
from bioclip_x_plugins.encoders.context import find_croppable_tower, take_end_of_text


def encode_image(module: nn.Module, pixels_B3HW: torch.Tensor) -> torch.Tensor:
    """Embeds images of any size that the tower's patches divide: [B, D], not normalised."""
    visual: Any = module.visual
    tensors = _resize_position_embeddings(visual, (pixels_B3HW.shape[-2], pixels_B3HW.shape[-1]))
    embeddings_BD: torch.Tensor = functional_call(visual, tensors, (pixels_B3HW,)) if tensors else visual(pixels_B3HW)
    return embeddings_BD


def check_image_size(module: nn.Module, size: tuple[int, int], *, saved: bool = False) -> None:
    """Raises ModelError if the image tower takes no images of this size (H, W).

    saved: also when it is loaded again, without the interpolation of `encode_image`.
    """
    visual: Any = module.visual
    if isinstance(visual, VisionTransformer) or (isinstance(visual, ModifiedResNet) and not saved):
        unit = tuple(visual.patch_size) if isinstance(visual, VisionTransformer) else (32, 32)
        if any(side % one for side, one in zip(size, unit)):
            raise ModelError(f"image_size: {_show(size)} is not a multiple of the tower's {_show(unit)} pixels")
    elif not (isinstance(visual, TimmModel) and _takes_other_sizes(visual, saved)):
        tower = getattr(visual, "trunk", visual)
        raise ModelError(f"image_size: the image tower {type(tower).__name__} cannot change to {_show(size)} pixels")


def _takes_other_sizes(visual: Any, saved: bool) -> bool:
    if _is_timm_vit(visual):
        return bool(visual.trunk.dynamic_img_size) or (not saved and visual.trunk.pos_embed is not None)
    # Convolutions take any size: no parameter depends on it.
    return not hasattr(visual.trunk, "patch_embed") and not hasattr(visual.head, "pool")


def _show(size: tuple[int, ...]) -> str:
    return "×".join(map(str, size))


def resize_image_tower(module: nn.Module, size: tuple[int, int]) -> None:
    """Changes the image size of a model for good, interpolating its position embeddings.

    open_clip's `force_image_size` does the same while it loads weights, but not for float16 ones on a CPU.

    Raises ModelError as `check_image_size(saved=True)`.
    """
    check_image_size(module, size, saved=True)
    visual: Any = module.visual
    if isinstance(visual, VisionTransformer):
        grid = (size[0] // visual.patch_size[0], size[1] // visual.patch_size[1])
        own = visual.positional_embedding
        resized = resize_grid(own.detach(), tuple(visual.grid_size), grid)
        visual.positional_embedding = nn.Parameter(resized, requires_grad=own.requires_grad)
        visual.grid_size = grid
    visual.image_size = size


def set_patch_dropout(module: nn.Module, fraction: float) -> None:
    """Sets the fraction of patches dropped in training. Raises ModelError for towers without patches."""
    visual: Any = module.visual
    if isinstance(visual, VisionTransformer):
        visual.patch_dropout = PatchDropout(fraction) if fraction else nn.Identity()
    elif isinstance(visual, TimmModel) and _is_timm_vit(visual):
        from timm.layers import PatchDropout as TimmPatchDropout  # type: ignore[attr-defined]

        prefix = visual.trunk.num_prefix_tokens
        visual.trunk.patch_drop = TimmPatchDropout(fraction, num_prefix_tokens=prefix) if fraction else nn.Identity()
    elif fraction:
        raise ModelError("patch_dropout: this image tower has no patch tokens to drop; leave it out")


def check_text_length(module: nn.Module) -> None:
    """Raises ModelError if the text tower needs its full context."""
    text = getattr(module, "text", module)
    bidirectional = isinstance(text, TextTransformer) and text.attn_mask is None and text.cls_emb is None
    if not (find_croppable_tower(module) is not None or isinstance(text, HFTextEncoder) or bidirectional):
        raise ModelError("text_length: this text tower needs its full context; leave it out")


def shorten_tokens(module: nn.Module, tokens_PL: torch.Tensor, length: int) -> torch.Tensor:
    """Crops tokens to `length` as tokenizers truncate: of a longer text, the end token takes the last place."""
    if tokens_PL.shape[1] <= length:
        return tokens_PL
    end_P = _find_end(module, tokens_PL)
    short_PL = tokens_PL[:, :length].clone()
    if end_P is not None:
        end_tokens_P = tokens_PL.gather(1, end_P[:, None])[:, 0]
        short_PL[:, -1] = torch.where(end_P >= length, end_tokens_P, short_PL[:, -1])
    return short_PL


def _find_end(module: nn.Module, tokens_PL: torch.Tensor) -> torch.Tensor | None:
    """Returns the position of each text's last token, int64 [P]; None if the tower does not look for it."""
    text: Any = getattr(module, "text", module)
    if isinstance(text, HFTextEncoder):
        is_text_PL: torch.Tensor = tokens_PL != text.config.pad_token_id
        return tokens_PL.shape[1] - 1 - is_text_PL.flip(1).int().argmax(dim=1)
    pooling = getattr(text, "text_pool_type", getattr(text, "pool_type", None))
    return take_end_of_text(text, tokens_PL) if pooling in ("argmax", "eos") else None


def _resize_position_embeddings(visual: Any, size: tuple[int, int]) -> dict[str, torch.Tensor]:
    """Returns the position embeddings for images of this size by name; empty if the tower's own fit."""
    if isinstance(visual, VisionTransformer):
        grid = (size[0] // visual.patch_size[0], size[1] // visual.patch_size[1])
        resized = resize_grid(visual.positional_embedding, tuple(visual.grid_size), grid)
        return {"positional_embedding": resized} if grid != tuple(visual.grid_size) else {}
    if isinstance(visual, ModifiedResNet):
        own = (visual.image_size // 32,) * 2
        grid = (size[0] // 32, size[1] // 32)
        resized = resize_grid(visual.attnpool.positional_embedding, own, grid)
        return {"attnpool.positional_embedding": resized} if grid != own else {}
    trunk = getattr(visual, "trunk", None)
    if trunk is None or not _is_timm_vit(visual) or trunk.pos_embed is None or trunk.dynamic_img_size:
        return {}
    grid = trunk.patch_embed.dynamic_feat_size(size)
    if grid == tuple(trunk.patch_embed.grid_size):
        return {}
    from timm.layers import resample_abs_pos_embed  # type: ignore[attr-defined]

    trunk.patch_embed.strict_img_size = False
    prefix = 0 if trunk.no_embed_class else trunk.num_prefix_tokens
    old = trunk.patch_embed.grid_size
    return {"trunk.pos_embed": resample_abs_pos_embed(trunk.pos_embed, list(grid), old, num_prefix_tokens=prefix)}


def resize_grid(embedding_LW: torch.Tensor, old: tuple[int, ...], new: tuple[int, ...]) -> torch.Tensor:
    """Interpolates position embeddings [1 + old, W] of a class token and a grid of patches to [1 + new, W], differentiably.

    Bicubic with antialiasing, as open_clip interpolates those of a checkpoint.
    """
    if old == new:
        return embedding_LW
    token_1W, grid_LW = embedding_LW[:1], embedding_LW[1:]
    grid_1WHW = grid_LW.reshape(1, *old, -1).permute(0, 3, 1, 2)
    grid_1WHW = F.interpolate(grid_1WHW, size=new, mode="bicubic", antialias=True, align_corners=False)
    return torch.cat([token_1W, grid_1WHW.permute(0, 2, 3, 1).reshape(new[0] * new[1], -1)])


def _is_timm_vit(visual: Any) -> bool:
    from timm.models import VisionTransformer as TimmVisionTransformer

    return isinstance(visual.trunk, TimmVisionTransformer)

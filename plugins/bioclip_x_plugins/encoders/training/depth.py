"""The depth of open_clip's towers: groups of parameters from input to output, and the blocks to shard or checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from open_clip.hf_model import HFTextEncoder
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import TextTransformer, VisionTransformer
from torch import nn

from bioclip_x.plugin import ModelError

Groups = list[list[str]]

_TEXT_STEM = ("token_embedding", "positional_embedding", "cls_emb")
_VIT_STEM = ("conv1", "class_embedding", "positional_embedding", "ln_pre")
_RESNET_STEM = ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3")
_RESNET_LAYERS = ("layer1", "layer2", "layer3", "layer4")


def group_by_depth(module: nn.Module) -> dict[str, Groups]:
    """Returns the parameters' names by tower ("image", "text") and depth, from the input to the output.

    The first group has the embeddings or the stem, the last one the projection, if the tower has one; norms and poolers
    after the blocks belong to the last block. This is open_clip's order (`lock_image_tower`, `lock_text_tower`). Every
    parameter of a tower is in one group; the logit scale and bias are in none.
    """
    return {"image": _group_image(module), "text": _group_text(module)}


def list_blocks(module: nn.Module) -> list[nn.Module]:
    """Returns the towers' blocks, those of the image tower first: the units that are sharded or checkpointed."""
    return [*_list_image_blocks(module.visual), *_list_text_blocks(_find_text(module))]


def set_gradient_checkpointing(module: nn.Module, enabled: bool) -> None:
    """Turns gradient checkpointing of both towers on or off. Raises ModelError for a tower that has none."""
    visual, text = _module(module, "visual"), _find_text(module)
    if isinstance(visual, VisionTransformer):
        visual.set_grad_checkpointing(enabled)
    elif isinstance(visual, TimmModel):
        try:
            visual.trunk.set_grad_checkpointing(enabled)
        except (AssertionError, NotImplementedError, AttributeError) as problem:
            _refuse_checkpointing(type(visual.trunk).__name__, problem)
    elif enabled:
        _refuse_checkpointing(type(visual).__name__, None)
    if isinstance(text, HFTextEncoder):
        if enabled:
            text.transformer.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        else:
            text.transformer.gradient_checkpointing_disable()
    else:
        _module(text, "transformer").grad_checkpointing = enabled


def _refuse_checkpointing(tower: str, problem: Exception | None) -> None:
    raise ModelError(f"gradient_checkpointing: open_clip has none for the tower {tower}; leave it out") from problem


def _module(module: nn.Module, name: str) -> Any:
    return getattr(module, name)


def _find_text(module: nn.Module) -> Any:
    """Returns the text tower: a module of its own, or the model whose attributes are the text tower's (open_clip's CLIP)."""
    return getattr(module, "text", module)


def _group_image(module: nn.Module) -> Groups:
    visual = _module(module, "visual")
    names = [name for name, _ in visual.named_parameters()]
    if isinstance(visual, VisionTransformer):
        blocks = _name_blocks("transformer.resblocks", len(visual.transformer.resblocks))
        groups = split(names, _VIT_STEM, blocks, ("proj",))
    elif isinstance(visual, ModifiedResNet):
        groups = split(names, _RESNET_STEM, _RESNET_LAYERS, ("attnpool",))
    elif isinstance(visual, TimmModel):
        groups = _group_timm(visual)
    else:
        raise ModelError(
            f"the layers of the vision tower {type(visual).__name__} are not known, so it trains as a whole"
        )
    return _add_prefix("visual.", groups)


def _group_text(module: nn.Module) -> Groups:
    text = _find_text(module)
    prefix = "text." if text is not module else ""
    names = [name for name, _ in text.named_parameters() if text is not module or _is_text(name)]
    if isinstance(text, HFTextEncoder):
        layers = _find_hf_layers(text)
        blocks = _name_blocks(layers, len(text.get_submodule(layers)))
        first = next(i for i, name in enumerate(names) if name.startswith(f"{layers}."))
        groups = split(names, names[:first], blocks, ("proj",))
    elif text is module or isinstance(text, TextTransformer):
        blocks = _name_blocks("transformer.resblocks", len(_module(text, "transformer").resblocks))
        groups = split(names, _TEXT_STEM, blocks, ("text_projection",))
    else:
        raise ModelError(f"the layers of the text tower {type(text).__name__} are not known, so it trains as a whole")
    return _add_prefix(prefix, groups)


def _is_text(name: str) -> bool:
    return not name.startswith(("visual.", "logit_scale", "logit_bias"))


def split(names: Sequence[str], stem: Sequence[str], blocks: Sequence[str], head: Sequence[str]) -> Groups:
    """Splits parameter names into stem, blocks and head, each given by prefixes; others join the last block. Groups without
    a parameter are left out.

    >>> split(["proj", "conv1.weight", "layers.0.bias", "layers.1.bias", "norm.bias"], ["conv1"], ["layers.0", "layers.1"],
    ...       ["proj"])
    [['conv1.weight'], ['layers.0.bias'], ['layers.1.bias', 'norm.bias'], ['proj']]
    """
    groups: Groups = [[] for _ in range(len(blocks) + 2)]
    prefixes = [stem, *([block] for block in blocks), head]
    for name in names:
        depths = (depth for depth, some in enumerate(prefixes) if any(f"{name}.".startswith(f"{one}.") for one in some))
        groups[next(depths, len(blocks))].append(name)
    return [group for group in groups if group]


def _group_timm(visual: Any) -> Groups:
    """Groups by timm's own `group_matcher`, as its layer decay does; open_clip's projection comes last."""
    from timm.models import group_parameters

    by_depth = group_parameters(visual.trunk, visual.trunk.group_matcher(coarse=False))
    head = [f"head.{name}" for name, _ in visual.head.named_parameters()]
    groups = [[f"trunk.{name}" for name in by_depth[depth]] for depth in sorted(by_depth)]
    return [*groups, head] if head else groups


def _find_hf_layers(text: Any) -> str:
    """Returns the name of the module list with a transformers model's layers."""
    layers = text.config.num_hidden_layers
    for name, module in text.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == layers:
            return str(name)
    raise ModelError(
        f"the layers of the text tower {type(text.transformer).__name__} are not known, so it trains as a whole"
    )


def _list_image_blocks(visual: Any) -> Iterable[nn.Module]:
    if isinstance(visual, VisionTransformer):
        return list(visual.transformer.resblocks)
    if isinstance(visual, ModifiedResNet):
        return [block for name in _RESNET_LAYERS for block in getattr(visual, name)]
    if isinstance(visual, TimmModel):
        names = ("blocks", "stages", "layers", *_RESNET_LAYERS)
        return [
            block for name in names if hasattr(visual.trunk, name) for block in _flatten(getattr(visual.trunk, name))
        ]
    return []


def _list_text_blocks(text: Any) -> Iterable[nn.Module]:
    if isinstance(text, HFTextEncoder):
        return list(text.get_submodule(_find_hf_layers(text)))
    return list(text.transformer.resblocks)


def _flatten(module: Any) -> Iterator[nn.Module]:
    """Yields the blocks in nested sequences and stages."""
    if isinstance(module, nn.Sequential | nn.ModuleList):
        for child in module:
            yield from _flatten(child)
    elif isinstance(getattr(module, "blocks", None), nn.Sequential | nn.ModuleList):
        yield from _flatten(module.blocks)
    elif next(module.parameters(), None) is not None:
        yield module


def _name_blocks(prefix: str, count: int) -> list[str]:
    return [f"{prefix}.{i}" for i in range(count)]


def _add_prefix(prefix: str, groups: Groups) -> Groups:
    return [[prefix + name for name in group] for group in groups]

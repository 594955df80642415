from __future__ import annotations

from typing import Any

import open_clip.factory
import open_clip.hf_model
import pytest
import torch
from torch import nn

from bioclip_x.plugin import ModelError
from bioclip_x_plugins.encoders.open_clip import OpenClip
from bioclip_x_plugins.encoders.trainable import TrainableOpenClip
from bioclip_x_plugins.encoders.training.depth import group_by_depth

from .conftest import RESNET, describe, describe_timm


def make(description: dict[str, Any]) -> TrainableOpenClip:
    return OpenClip().trainable(description, device="cpu")


def make_hf() -> nn.Module:
    """A model with a text tower of transformers, without its tokenizer, which is on the hub."""
    transformers = pytest.importorskip("transformers")
    model = make(describe(custom_text=True)).module
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(vocab_size=50, **sizes)
    model.text = open_clip.hf_model.HFTextEncoder("", output_dim=8, config=config, proj_type="linear")
    return model


@pytest.mark.parametrize(
    ("description", "image", "text"),
    [
        (describe(), 5, 4),  # stem, 3 blocks, projection; embeddings, 2 blocks, projection
        (describe(custom_text=True), 5, 4),
        (describe(RESNET), 6, 4),  # stem, 4 layers, attention pooling
    ],
)
def test_every_parameter_of_a_tower_is_in_one_group(description: dict[str, Any], image: int, text: int) -> None:
    module = make(description).module
    groups = group_by_depth(module)
    assert (len(groups["image"]), len(groups["text"])) == (image, text)
    check_complete(module, groups)


@pytest.mark.parametrize("name", ["test_vit3", "test_convnext", "test_resnet", "test_efficientnet"])
def test_towers_of_timm(name: str) -> None:
    encoder = make(describe_timm(name))
    groups = encoder.depth_groups()
    check_complete(encoder.module, groups)
    assert groups["image"][-1] == ["visual.head.proj.weight"]
    assert len(encoder.blocks()) > 2 + 2
    for block in encoder.blocks():
        names = {name for name, _ in block.named_parameters()}
        assert names and not isinstance(block, nn.Sequential)


def test_towers_of_transformers() -> None:
    module = make_hf()
    groups = group_by_depth(module)
    check_complete(module, groups)
    assert [len(groups["text"]), groups["text"][-1]] == [4, ["text.proj.weight"]]
    assert all(".embeddings." in name for name in groups["text"][0])
    assert all(".layer.1." in name or ".pooler." in name for name in groups["text"][2])


def check_complete(module: nn.Module, groups: dict[str, list[list[str]]]) -> None:
    grouped = [name for tower in groups.values() for group in tower for name in group]
    assert sorted([*grouped, "logit_scale"]) == sorted(name for name, _ in module.named_parameters())


@pytest.mark.parametrize("custom", [False, True])
def test_groups_are_those_that_open_clip_unlocks(custom: bool) -> None:
    """Its own locks, with n groups unlocked, as reference."""
    for count in range(1, 5):
        module: Any = make(describe(custom_text=custom)).module
        groups = group_by_depth(module)
        module.lock_image_tower(unlocked_groups=count)
        module.lock_text_tower(unlocked_layers=count)
        unlocked = {name for name, parameter in module.named_parameters() if parameter.requires_grad}
        expected = {name for tower in groups.values() for group in tower[-count:] for name in group}
        assert unlocked - {"logit_scale"} == expected, count


@pytest.mark.parametrize("description", [describe(), describe(custom_text=True)])
def test_checkpointing_changes_no_gradient(description: dict[str, Any]) -> None:
    encoder = make(description)
    encoder.module.double()
    pixels = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    tokens = encoder.tokenize(["Parus major", "Parus"])

    def compute() -> list[torch.Tensor]:
        loss = (encoder.forward_image(pixels) @ encoder.forward_text(tokens).T).sum()
        return [
            one
            for one in torch.autograd.grad(loss, list(encoder.module.parameters()), allow_unused=True)
            if one is not None
        ]

    plain = compute()
    encoder.set_gradient_checkpointing(True)
    calls = count_calls(encoder.blocks())
    torch.testing.assert_close(compute(), plain)
    assert calls == [2] * 5  # each block again in the backward pass
    encoder.set_gradient_checkpointing(False)
    compute()
    assert calls == [3] * 5


def count_calls(blocks: list[nn.Module]) -> list[int]:
    calls = [0] * len(blocks)
    for i, block in enumerate(blocks):

        def add(*_: Any, i: int = i) -> None:
            calls[i] += 1

        block.register_forward_pre_hook(add)
    return calls


def test_a_tower_without_checkpointing_is_an_error() -> None:
    encoder = make(describe(RESNET))
    with pytest.raises(ModelError, match="gradient_checkpointing: open_clip has none for the tower ModifiedResNet"):
        encoder.set_gradient_checkpointing(True)
    encoder.set_gradient_checkpointing(False)

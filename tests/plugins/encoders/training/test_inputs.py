from __future__ import annotations

from pathlib import Path
from typing import Any

import open_clip
import open_clip.model
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from bioclip_x.plugin import ModelError
from bioclip_x_plugins.encoders.open_clip import OpenClip
from bioclip_x_plugins.encoders.training.inputs import check_image_size, encode_image, shorten_tokens

from .conftest import RESNET, VIT, describe, describe_timm


def make(description: dict[str, Any], **options: Any) -> Any:
    return OpenClip().trainable(description, device="cpu", **options)


def test_another_resolution_equals_open_clips_own_resizing() -> None:
    """A model of 48 pixels into which open_clip loads the weights of one of 32, as `force_image_size` does."""
    small = make(describe()).module.eval()
    large = make(describe({**VIT, "image_size": 48})).module.eval()
    weights = dict(small.state_dict())
    open_clip.model.resize_pos_embed(weights, large)
    large.load_state_dict(weights)
    pixels = torch.randn(2, 3, 48, 48)
    torch.testing.assert_close(encode_image(small, pixels), large.encode_image(pixels))


def test_gradients_of_another_resolution_reach_the_position_embeddings() -> None:
    module = make(describe()).module
    encode_image(module, torch.randn(2, 3, 16, 16)).sum().backward()
    gradient = module.visual.positional_embedding.grad
    assert gradient.shape == (17, 16) and bool(gradient[1:].any(dim=1).all())


def test_timms_towers_interpolate_as_timm_does() -> None:
    """`set_input_size` resamples the position embeddings for good; here they are resampled on the way."""
    fixed = make(describe_timm("test_vit3", size=160)).module.eval()
    trunk = fixed.visual.trunk
    trunk.dynamic_img_size = False
    pixels = torch.randn(2, 3, 96, 96)
    if trunk.patch_embed.flatten is False:
        pytest.skip("this tower resamples by itself")
    found = encode_image(fixed, pixels)
    trunk.set_input_size((96, 96))
    torch.testing.assert_close(found, fixed.encode_image(pixels))


@pytest.mark.parametrize("name", ["test_vit", "test_resnet"])
def test_towers_that_take_any_size(name: str) -> None:
    module = make(describe_timm(name)).module.eval()
    check_image_size(module, (96, 96), saved=True)
    pixels = torch.randn(2, 3, 96, 96)
    torch.testing.assert_close(encode_image(module, pixels), module.encode_image(pixels))


def test_a_resnet_takes_other_sizes_in_training() -> None:
    module = make(describe(RESNET)).module.eval()
    assert encode_image(module, torch.randn(2, 3, 96, 96)).shape == (2, 8)
    check_image_size(module, (96, 96))
    with pytest.raises(ModelError, match="image_size: the image tower ModifiedResNet cannot change to 96×96"):
        check_image_size(module, (96, 96), saved=True)
    with pytest.raises(ModelError, match="image_size: 80×80 is not a multiple of the tower's 32×32 pixels"):
        check_image_size(module, (80, 80))


def test_an_existing_model_at_another_size_loads_at_that_size(tmp_path: Path) -> None:
    make(describe()).save(tmp_path / "small", {})
    larger = make(f"local-dir:{tmp_path / 'small'}", image_size=48)
    assert larger.image_size == (48, 48)
    assert larger.module.visual.positional_embedding.shape == (37, 16)
    larger.save(tmp_path / "larger", {})
    loaded = OpenClip().load(f"local-dir:{tmp_path / 'larger'}", device="cpu", precision="fp32")
    pixels = torch.randn(2, 3, 48, 48)
    expected = F.normalize(larger.module.half().float().eval().encode_image(pixels), dim=-1)
    torch.testing.assert_close(loaded.encode_images(pixels).embeddings_BD, expected.detach())


def test_a_new_model_at_another_size() -> None:
    assert make(describe(), image_size=16).module.visual.positional_embedding.shape == (5, 16)


@pytest.mark.parametrize("description", [describe(), describe_timm("test_vit3")])
def test_patch_dropout_keeps_its_share_in_training_alone(description: dict[str, Any]) -> None:
    encoder = make(description)
    encoder.set_patch_dropout(0.5)
    size = encoder.image_size[0]
    lengths: list[int] = []
    encoder.blocks()[0].register_forward_pre_hook(lambda _, args: lengths.append(args[0].shape[1]))
    encoder.module.train()
    encoder.forward_image(torch.randn(2, 3, size, size))
    encoder.module.eval()
    encoder.forward_image(torch.randn(2, 3, size, size))
    encoder.module.train()
    encoder.set_patch_dropout(0)
    encoder.forward_image(torch.randn(2, 3, size, size))
    dropped, whole, off = lengths
    prefix = 1 if size == 32 else encoder.module.visual.trunk.num_prefix_tokens
    assert whole == off == dropped + (whole - prefix) // 2


def test_patch_dropout_needs_patches() -> None:
    encoder = make(describe(RESNET))
    encoder.set_patch_dropout(0)
    with pytest.raises(ModelError, match="patch_dropout: this image tower has no patch tokens"):
        encoder.set_patch_dropout(0.5)


@pytest.mark.parametrize("custom", [False, True])
def test_shortened_texts_are_those_of_the_tokenizer(custom: bool) -> None:
    """The same tokens that the tokenizer makes for a context of 6, and the embeddings of a tower of 6 positions."""
    encoder = make(describe(custom_text=custom))
    texts = ["Parus major", "a photo of Cyanistes caeruleus, a bird of the family of tits"]
    expected = torch.as_tensor(encoder.tokenizer(texts, context_length=6))
    assert torch.equal(shorten_tokens(encoder.module, encoder.tokenize(texts), 6), expected)
    whole = encoder.forward_text(encoder.tokenize(texts))
    encoder.set_text_length(6)
    short = encoder.forward_text(encoder.tokenize(texts))
    encoder.set_text_length(None)
    torch.testing.assert_close(short, encoder.forward_text(expected))
    torch.testing.assert_close(short[0], whole[0])
    assert not torch.allclose(short[1], whole[1])


def test_shortened_tokens_of_a_transformers_tower_keep_their_end() -> None:
    from .test_depth import make_hf

    module: Any = make_hf()  # pads with 0
    tokens = torch.tensor([[2, 7, 3, 0, 0, 0], [2, 7, 8, 9, 4, 3]])
    assert shorten_tokens(module, tokens, 4).tolist() == [[2, 7, 3, 0], [2, 7, 8, 3]]
    assert module.text(shorten_tokens(module, tokens, 4)).shape == (2, 8)


def test_towers_that_need_their_whole_context() -> None:
    encoder = make(
        describe(text={"context_length": 24, "width": 16, "heads": 2, "layers": 1, "embed_cls": True}, custom_text=True)
    )
    with pytest.raises(ModelError, match="text_length: this text tower needs its full context"):
        encoder.set_text_length(6)
    encoder.set_text_length(24)

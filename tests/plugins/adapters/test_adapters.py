"""Adapters: what is trained, and that the merged model is an ordinary one which computes the same."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from bioclip_x.plugin import TrainingError
from bioclip_x_plugins.adapters.layers import LinearAttention, close_attention, open_attention
from bioclip_x_plugins.adapters.lora import Lora
from bioclip_x_plugins.adapters.prompts import Prompts
from bioclip_x_plugins.adapters.ssf import Ssf
from bioclip_x_plugins.encoders.open_clip import OpenClip

TEXT: dict[str, Any] = {"context_length": 24, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
VIT: dict[str, Any] = {"image_size": 32, "layers": 2, "width": 16, "patch_size": 8, "head_width": 8}
RESNET: dict[str, Any] = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 4, "head_width": 16}
TIMM = {"image_size": 160, "timm_model_name": "test_vit3", "timm_pool": "", "timm_proj": "linear"}
TEXTS = ["Parus major", "a photo of Cyanistes caeruleus"]


def make(vision: dict[str, Any] = VIT, **more: Any) -> Any:
    preprocess = {"size": vision["image_size"], "mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}
    description = {"embed_dim": 8, "vision_cfg": vision, "text_cfg": TEXT, "preprocess": preprocess, **more}
    encoder = OpenClip().trainable(description, device="cpu")
    encoder.module.double().eval()
    for name, parameter in encoder.module.named_parameters():
        if name.endswith("bn3.weight"):  # 0 at first, which would hide the layers before it
            nn.init.ones_(parameter)
    return encoder


def compute(encoder: Any) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    pixels = torch.randn(3, 3, *encoder.image_size, dtype=torch.float64)
    return encoder.forward_image(pixels), encoder.forward_text(encoder.tokenize(TEXTS))


def disturb(module: nn.Module) -> None:
    """Gives trained parameters other values, as training does."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad and parameter.numel() > 1:
                parameter.add_(0.3 * torch.randn_like(parameter))


ADAPTERS: dict[str, Any] = {"lora": Lora, "ssf": Ssf, "prompts": lambda: Prompts(length=3)}
MODELS = {"CLIP": lambda: make(), "text tower apart": lambda: make(custom_text=True), "ResNet": lambda: make(RESNET)}


def skip_without(name: str) -> None:
    if name == "lora":
        pytest.importorskip("peft")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ADAPTERS)
def test_the_merged_model_has_the_original_structure_and_computes_the_same(name: str, model: str) -> None:
    skip_without(name)
    encoder, adapter = MODELS[model](), ADAPTERS[name]()
    before = compute(encoder)
    shapes = {key: tensor.shape for key, tensor in encoder.module.state_dict().items()}
    order = [key for key, _ in encoder.module.named_parameters()]
    adapter.apply(encoder)
    disturb(encoder.module)
    adapted = compute(encoder)
    assert not torch.allclose(adapted[1], before[1], atol=1e-3)
    adapter.merge(encoder)
    assert {key: tensor.shape for key, tensor in encoder.module.state_dict().items()} == shapes
    assert [key for key, _ in encoder.module.named_parameters()] == order
    torch.testing.assert_close(compute(encoder), adapted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["lora", "ssf"])
@pytest.mark.parametrize("model", MODELS)
def test_before_training_the_adapted_model_is_the_model(name: str, model: str) -> None:
    skip_without(name)
    encoder = MODELS[model]()
    before = compute(encoder)
    ADAPTERS[name]().apply(encoder)
    torch.testing.assert_close(compute(encoder), before, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ADAPTERS)
def test_only_the_adapter_and_scalars_are_trained_and_every_parameter_of_it_has_a_gradient(
    name: str, model: str
) -> None:
    skip_without(name)
    encoder = MODELS[model]()
    weights = {id(one) for one in encoder.module.parameters()}
    ADAPTERS[name]().apply(encoder)
    disturb(encoder.module)
    image, text = compute(encoder)
    ((image**2).sum() + (text**2).sum() + encoder.logit_scale).backward()
    trained = {key: one for key, one in encoder.module.named_parameters() if one.requires_grad}
    assert [key for key, one in trained.items() if id(one) in weights] == ["logit_scale"]
    assert all(one.grad is not None and bool(one.grad.any()) for one in trained.values())
    assert len(trained) > 1


def test_scale_and_shift_by_hand() -> None:
    """γ · (W x + b) + β, of a linear layer, a layer norm and a convolution."""
    from bioclip_x_plugins.adapters.ssf import ScaleShift

    for base, x in (
        (nn.Linear(3, 2).double(), torch.randn(4, 3, dtype=torch.float64)),
        (nn.LayerNorm(3).double(), torch.randn(4, 3, dtype=torch.float64)),
        (nn.Conv2d(3, 2, 2).double(), torch.randn(4, 3, 5, 5, dtype=torch.float64)),
        (nn.Linear(3, 2, bias=False).double(), torch.randn(4, 3, dtype=torch.float64)),
    ):
        layer = ScaleShift(copy.deepcopy(base).requires_grad_(False))
        disturb(layer)
        gain, shift = layer.scale.detach(), 0 if layer.shift is None else layer.shift.detach()
        out = base(x).detach()
        expected = (out.movedim(1, -1) * gain + shift).movedim(-1, 1) if out.ndim == 4 else out * gain + shift
        torch.testing.assert_close(layer(x).detach(), expected)
        torch.testing.assert_close(layer.fold()(x).detach(), expected)


def test_lora_by_hand() -> None:
    """W' = W + B A · alpha / r, for the attention's input projection, which torch keeps as one matrix."""
    pytest.importorskip("peft")
    encoder = make()
    before = encoder.module.visual.transformer.resblocks[0].attn.in_proj_weight.detach().clone()
    lora = Lora(r=2, alpha=6, towers=["image"])
    lora.apply(encoder)
    assert not any("lora" in key and not key.startswith("visual.") for key, _ in encoder.module.named_parameters())
    disturb(encoder.module)
    layer = encoder.module.visual.transformer.resblocks[0].attn.in_proj
    product = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    assert layer.lora_A["default"].weight.shape == (2, 16)
    lora.merge(encoder)
    after = encoder.module.visual.transformer.resblocks[0].attn.in_proj_weight.detach()
    torch.testing.assert_close(after, before + 3 * product.detach())


def test_frozen_weights_keep_every_bit_in_forward_passes() -> None:
    pytest.importorskip("peft")
    encoder = make()
    before = copy.deepcopy(encoder.module.state_dict())
    Lora().apply(encoder)
    disturb(encoder.module)
    for _ in range(3):
        compute(encoder)
    frozen = [one for one in encoder.module.parameters() if not one.requires_grad]
    weights = [one for key, one in before.items() if key != "logit_scale"]
    assert len(frozen) == len(weights)
    assert all(any(torch.equal(one, two) for two in weights) for one in frozen)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("mask", [None, 2, 3])
def test_attention_of_linear_layers_is_torchs(batch_first: bool, mask: int | None) -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=batch_first).double()
    x = torch.randn((3, 5, 8) if batch_first else (5, 3, 8), dtype=torch.float64)
    masks = {None: None, 2: torch.full((5, 5), -torch.inf).triu(1).double(), 3: torch.randn(6, 5, 5).double()}
    expected = attention(x, x, x, attn_mask=masks[mask], need_weights=False)[0]
    opened = LinearAttention(attention)
    torch.testing.assert_close(opened(x, x, x, attn_mask=masks[mask], need_weights=False)[0], expected)
    closed = opened.close()
    torch.testing.assert_close(closed(x, x, x, attn_mask=masks[mask], need_weights=False)[0], expected)
    assert [key for key, _ in closed.named_parameters()] == [key for key, _ in attention.named_parameters()]


def test_opening_and_closing_leaves_the_parameters() -> None:
    module = make().module
    before = dict(module.named_parameters())
    open_attention(module)
    close_attention(module)
    after = dict(module.named_parameters())
    assert list(after) == list(before) and all(after[key] is before[key] for key in before)


def test_layers_of_timm_are_adapted() -> None:
    pytest.importorskip("timm")
    encoder = make(TIMM, custom_text=True)
    Ssf(towers=["image"]).apply(encoder)
    names = {key for key, one in encoder.module.named_parameters() if one.requires_grad}
    assert "visual.trunk.blocks.0.attn.qkv.scale" in names and "visual.trunk.blocks.0.norm1.shift" in names
    assert not any(key.startswith("text.") for key in names)


def test_depth_groups_include_the_adapters() -> None:
    pytest.importorskip("peft")
    encoder = make()
    Lora().apply(encoder)
    groups = encoder.depth_groups()
    assert any(key.endswith("lora_A.default.weight") for key in groups["image"][1])
    assert all(".resblocks.0." in key for key in groups["image"][1])


def test_learned_prompts_load_as_an_ordinary_model(tmp_path: Path) -> None:
    """The exported model embeds a text as the adapted one did, without being told of the prefix."""
    encoder, adapter = make(), Prompts(length=3)
    adapter.apply(encoder)
    encoder.module.float()
    disturb(encoder.module)
    adapted = F.normalize(encoder.forward_text(encoder.tokenize(TEXTS)), dim=-1).detach()
    assert encoder.count_tokens(["Parus"])[0] == 3 + len(encoder.tokenizer.encode("Parus")) + 2
    adapter.merge(encoder)
    encoder.save(tmp_path, {})
    loaded = OpenClip().load(f"local-dir:{tmp_path}", device="cpu", precision="fp32")
    torch.testing.assert_close(loaded.encode_texts(TEXTS), adapted, rtol=1e-2, atol=2e-3)  # saved in half precision
    assert loaded.count_tokens(["Parus"]) == encoder.count_tokens(["Parus"])


def test_prompts_start_from_given_words() -> None:
    plain, encoder = make(), make()
    Prompts(length=4, words="a photo of a").apply(encoder)
    expected = plain.forward_text(plain.tokenize([f"a photo of a {text}" for text in TEXTS]))
    torch.testing.assert_close(encoder.forward_text(encoder.tokenize(TEXTS)), expected)
    with pytest.raises(TrainingError, match="prompts: words: 'a photo' are 2 tokens, but length is 4"):
        Prompts(length=4, words="a photo").apply(make())


def test_other_texts_keep_their_embeddings() -> None:
    encoder = make()
    Prompts(length=3).apply(encoder)
    disturb(encoder.module)
    tokens = torch.as_tensor(encoder.tokenizer(TEXTS))
    torch.testing.assert_close(encoder.forward_text(tokens), make().forward_text(tokens))


def test_rare_words_are_one_token_each() -> None:
    encoder = make()
    words = encoder.rare_words(16)
    assert len(set(words)) == 16
    assert encoder.count_tokens([" ".join(words)]) == [16 + 2]
    assert encoder.tokenize([" ".join(words)])[0, 1:17].min() > 48000

"""Parts by patch, compared with the tower and with a loop over heads, tokens and blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import open_clip.model
import pytest
import torch
from tests.helpers import TINY
from torch.utils.hooks import RemovableHandle

from bioclip_x_plugins.encoders.patches import PatchTower
from bioclip_x_plugins.encoders.towers import find_patch_tower

TOWERS: dict[str, dict[str, Any]] = {
    "average": {"pool_type": "avg"},
    "average, norm after": {"pool_type": "avg", "final_ln_after_pool": True},
    "average, layer scale": {"pool_type": "avg", "ls_init_value": 0.3},
    "class token": {"pool_type": "tok"},
    "class token, layer scale": {"pool_type": "tok", "ls_init_value": 0.3},
}
TEXT = {"context_length": 8, "vocab_size": 16, "width": 32, "heads": 2, "layers": 1}
TIMM = {"timm_model_name": "vit_tiny_patch16_224", "timm_model_pretrained": False, "image_size": 224}


def clip(vision: dict[str, Any]) -> Any:
    """A model with random weights, norms and biases among them (fresh ones have none to speak of)."""
    torch.manual_seed(0)
    model = open_clip.model.CLIP(32, vision, TEXT).eval()
    for weight in model.visual.parameters():
        if weight.ndim == 1 and weight.requires_grad:
            weight.data += 0.2 * torch.randn_like(weight)
    return model


def tower_of(model: Any) -> PatchTower:
    tower = find_patch_tower(model.visual)
    assert isinstance(tower, PatchTower), tower
    return tower


def pixels(size: int = 32) -> torch.Tensor:
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))


def naive_parts(visual: Any, pixels_B3HW: torch.Tensor) -> torch.Tensor:
    """[n, D] of the first image: what each patch brings to the embedding, biases and the class token left out, in a loop."""
    patches_1nD = visual.conv1(pixels_B3HW).flatten(2).transpose(1, 2)[:1]
    tokens_1nD = torch.cat([visual.class_embedding[None, None], patches_1nD], dim=1) + visual.positional_embedding
    states = [visual.ln_pre(tokens_1nD)[0].double()]
    visual = visual.double()
    for block in visual.transformer.resblocks:
        states.append(block(states[-1][None])[0])
    last, n = states[-1], len(states[-1]) - 1
    pooled = {j: 1 / n for j in range(1, n + 1)} if visual.pool_type == "avg" else {0: 1.0}
    mean = sum(weight * last[j] for j, weight in pooled.items())
    norm, parts = visual.ln_post, torch.zeros(n, last.shape[1], dtype=torch.double)

    def gain(j: int) -> float:
        of = mean if visual.final_ln_after_pool else last[j]
        return pooled[j] / float((((of - of.mean()) ** 2).mean() + norm.eps).sqrt())

    for block, before in zip(visual.transformer.resblocks, states):
        width, heads = before.shape[1], block.attn.num_heads
        size = width // heads
        normed = block.ln_1(before)
        q, k, v = (normed @ block.attn.in_proj_weight.T + block.attn.in_proj_bias).split(width, dim=1)
        for head in range(heads):
            at = slice(head * size, (head + 1) * size)
            out = block.attn.out_proj.weight[:, at]
            for j in pooled:
                weights = torch.softmax(torch.stack([q[j, at] @ k[i, at] for i in range(n + 1)]) / size**0.5, 0)
                for i in range(n + 1):
                    carried = gain(j) * block.ls_1(out @ (weights[i] * v[i, at]))
                    if i > 0:
                        parts[i - 1] += carried
                    if j > 0:
                        parts[j - 1] -= carried
    for j in pooled:
        if j > 0:
            parts[j - 1] += gain(j) * last[j]
    return ((parts - parts.mean(1, keepdim=True)) * norm.weight) @ visual.proj


@pytest.mark.parametrize("name", [name for name in TOWERS if name.startswith("average")])
def test_parts_sum_to_the_unit_embedding_where_the_tower_averages(name: str) -> None:
    model = clip(TINY["vision_cfg"] | TOWERS[name])
    with torch.inference_mode():
        patches = tower_of(model).encode(pixels())
        embedding_BD = model.encode_image(pixels(), normalize=True)
    assert patches.is_exact
    assert patches.parts_BhwD.shape == (3, 4, 4, 32)
    assert patches.parts_BhwD.dtype == torch.float32
    torch.testing.assert_close(patches.parts_BhwD.sum((1, 2)), embedding_BD, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", TOWERS)
def test_parts_equal_a_loop_over_heads_and_tokens(name: str) -> None:
    model = clip(TINY["vision_cfg"] | TOWERS[name])
    with torch.inference_mode():
        patches = tower_of(model).encode(pixels())
        embedding_D = model.encode_image(pixels())[0]
        naive_nD = naive_parts(model.visual, pixels()) / embedding_D.norm()
    if patches.is_exact:  # then what is no patch's is in all of them, evenly
        naive_nD = naive_nD + (embedding_D / embedding_D.norm() - naive_nD.sum(0)) / len(naive_nD)
    torch.testing.assert_close(patches.parts_BhwD[0].flatten(0, 1).double(), naive_nD, atol=1e-5, rtol=0)


def test_parts_of_a_class_token_are_reported_as_inexact() -> None:
    patches = tower_of(clip(TINY["vision_cfg"] | TOWERS["class token"])).encode(pixels())
    assert not patches.is_exact
    assert "class token" in patches.method
    assert "2310.05916" in patches.method


def test_patches_contribute_nothing_to_a_class_token_without_attention_values() -> None:
    """Its attention has values of nothing but zeros: it depends on no patch, and no patch is told to have a part."""
    model = clip(TINY["vision_cfg"] | {"pool_type": "tok", "layers": 1})
    attention = model.visual.transformer.resblocks[0].attn
    torch.nn.init.zeros_(attention.in_proj_weight[64:])
    torch.nn.init.zeros_(attention.in_proj_bias[64:])
    assert not tower_of(model).encode(pixels()).parts_BhwD.any()


def test_threads_do_not_take_one_anothers_states() -> None:
    """The page asks for several heat maps at once, while photos are named."""
    tower = tower_of(clip(TINY["vision_cfg"] | TOWERS["average"]))
    inputs = [torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in range(60)]
    with torch.no_grad():
        expected = [tower.encode(one).parts_BhwD for one in inputs]

        def encode(one: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                tower.whole(one)  # as for an image that is named
                return tower.encode(one).parts_BhwD

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(encode, inputs))
    for one, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(one, wanted)


def test_hooks_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    called = Counter[str]()

    def counted(name: str) -> Callable[..., RemovableHandle]:
        register = getattr(torch.nn.Module, name)

        def registered(module: torch.nn.Module, hook: Callable[..., None]) -> RemovableHandle:
            def hook_and_count(*given: Any) -> None:
                called[name] += 1
                hook(*given)

            return register(module, hook_and_count)

        return registered

    for name in ("register_forward_pre_hook", "register_forward_hook"):
        monkeypatch.setattr(torch.nn.Module, name, counted(name))
    model = clip(TINY["vision_cfg"])
    tower_of(model).encode(pixels())
    before = called.copy()
    model.visual(pixels())
    assert called == before and set(called) == {"register_forward_pre_hook", "register_forward_hook"}


@pytest.mark.parametrize(("pool", "projection"), [("avg", "linear"), ("avg", ""), ("token", "linear")])
def test_plain_transformers_of_timm_are_decomposed(pool: str, projection: str) -> None:
    pytest.importorskip("timm")
    model = clip(TIMM | {"timm_pool": pool, "timm_proj": projection})
    with torch.inference_mode():
        patches = tower_of(model).encode(pixels(224)[:1])
        embedding_BD = model.encode_image(pixels(224)[:1], normalize=True)
    assert patches.parts_BhwD.shape == (1, 14, 14, 32)
    assert patches.is_exact == (pool == "avg")
    difference = (patches.parts_BhwD.sum((1, 2)) - embedding_BD).abs().max()
    assert (difference < 1e-5) == patches.is_exact


def test_parts_are_equal_for_timm_and_open_clip_layouts() -> None:
    """The same weights in both: only what a class token reads, which is not evened out."""
    timm = pytest.importorskip("timm")
    ours = clip({"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16, "no_ln_pre": True})
    theirs = clip(TIMM | {"timm_pool": "token", "timm_proj": "linear"})
    theirs.visual.trunk = timm.models.vision_transformer.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2, num_classes=0, global_pool="token"
    ).eval()
    theirs.visual.head.proj = torch.nn.Linear(32, 32, bias=False)
    _same_weights(ours.visual, theirs.visual)
    a, b = (tower_of(model).encode(pixels()).parts_BhwD for model in (ours, theirs))
    torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


@torch.no_grad()
def _same_weights(ours: Any, theirs: Any) -> None:
    trunk = theirs.trunk
    trunk.patch_embed.proj.weight.copy_(ours.conv1.weight)
    trunk.patch_embed.proj.bias.zero_()
    trunk.cls_token.copy_(ours.class_embedding)
    trunk.pos_embed.copy_(ours.positional_embedding)
    for mine, block in zip(ours.transformer.resblocks, trunk.blocks, strict=True):
        pairs = [(mine.ln_1, block.norm1), (mine.ln_2, block.norm2), (mine.attn.out_proj, block.attn.proj),
                 (mine.mlp.c_fc, block.mlp.fc1), (mine.mlp.c_proj, block.mlp.fc2)]  # fmt: skip
        for one, other in pairs:
            other.weight.copy_(one.weight)
            other.bias.copy_(one.bias)
        block.attn.qkv.weight.copy_(mine.attn.in_proj_weight)
        block.attn.qkv.bias.copy_(mine.attn.in_proj_bias)
        for one in (block.norm1, block.norm2):
            one.eps = mine.ln_1.eps
    trunk.norm.weight.copy_(ours.ln_post.weight)
    trunk.norm.bias.copy_(ours.ln_post.bias)
    trunk.norm.eps = ours.ln_post.eps
    theirs.head.proj.weight.copy_(ours.proj.T)


@pytest.mark.parametrize(
    ("vision", "reason"),
    [
        ({"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}, "ModifiedResNet, has no patch tokens"),
        (TIMM | {"timm_model_name": "convnext_atto", "timm_pool": "avg", "timm_proj": "linear"}, "ConvNeXt"),
        (TIMM | {"timm_pool": "avg", "timm_proj": "mlp"}, "linear layers"),
        (
            TINY["vision_cfg"] | {"attentional_pool": True, "attn_pooler_queries": 4, "attn_pooler_heads": 2},
            "by attention",
        ),
        (TINY["vision_cfg"] | {"block_type": "custom", "qk_norm": True}, "has non-standard attention"),
    ],
)
def test_the_reason_why_a_tower_cannot_be_decomposed(vision: dict[str, Any], reason: str) -> None:
    found = find_patch_tower(clip(vision).visual)
    assert isinstance(found, str)
    assert reason in found

from __future__ import annotations

import copy
from typing import Any

import open_clip
import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP

from bioclip_x_plugins.encoders.context import encode_text
from helpers import TINY

TEXTS = ["a", "a photo of a blue tit.", "a photo of Animalia Chordata Aves Passeriformes Paridae Cyanistes caeruleus."]


def config(**text: Any) -> dict[str, Any]:
    changed = copy.deepcopy(TINY)
    changed["text_cfg"].update(text)
    return changed


def tokens() -> torch.Tensor:
    return open_clip.tokenizer.SimpleTokenizer()(TEXTS)


@pytest.mark.parametrize("kind", [CLIP, CustomTextCLIP])
@pytest.mark.parametrize("text", [{}, {"pool_type": "eos", "eos_id": 49407}])
def test_cropped_equals_padded_gradients_too(kind: type[torch.nn.Module], text: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = kind(**config(**text))
    lengths = []
    hook = model.get_submodule(
        "text.transformer" if kind is CustomTextCLIP else "transformer"
    ).register_forward_pre_hook(lambda module, args: lengths.append(args[0].shape[1]))
    padded, cropped = encode_text(model, tokens(), cropped=False), encode_text(model, tokens())
    hook.remove()
    torch.testing.assert_close(cropped, padded, atol=1e-5, rtol=0)
    assert lengths[0] == 77 and lengths[1] < 35
    parameter = next(p for name, p in model.named_parameters() if name.endswith("token_embedding.weight"))
    [wanted] = torch.autograd.grad(padded.square().sum(), parameter, retain_graph=True)
    [got] = torch.autograd.grad(cropped.square().sum(), parameter)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("text", [{"pool_type": "last"}, {"no_causal_mask": True}, {"embed_cls": True}])
def test_towers_that_depend_on_padding_keep_it(text: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = CustomTextCLIP(**config(**text))
    torch.testing.assert_close(encode_text(model, tokens()), model.encode_text(tokens()), atol=0, rtol=0)

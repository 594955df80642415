from __future__ import annotations

from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from open_clip.model import CLIP, CustomTextCLIP

from bioclip_x_plugins.encoders.prefixes import build_trees, encode_sharing
from helpers import TINY

TEXTS = [
    "a photo of Animalia Chordata Aves Passeriformes Paridae Cyanistes caeruleus.",
    "a",
    "a photo of Animalia Chordata Aves Passeriformes Paridae Parus major.",
    "a photo of Animalia Chordata Aves Passeriformes Turdidae Turdus merula.",
    "a",  # the same again
    "a photo",  # the beginning of another, but for its end
    "word " * 100,  # longer than the context: cut
    "",
]


@pytest.mark.parametrize("kind", [CLIP, CustomTextCLIP])
@pytest.mark.parametrize(
    "text",
    [
        {},
        {"pool_type": "eos", "eos_id": 49407},
        {"proj_type": "none", "width": 32},
        {"proj_bias": True},
        {"block_type": "custom", "qk_norm": True},
    ],
)
@pytest.mark.parametrize("most_nodes", [16, 512])
def test_shared_encoding_equals_separate_encoding(
    kind: type[torch.nn.Module], text: dict[str, Any], most_nodes: int
) -> None:
    torch.manual_seed(0)
    model: Any = kind(**TINY | {"text_cfg": TINY["text_cfg"] | text}).eval()
    tokens_PL = open_clip.tokenizer.SimpleTokenizer()(TEXTS)
    with torch.inference_mode():
        wanted = torch.cat([model.encode_text(tokens_PL[i : i + 1]) for i in range(len(TEXTS))])
        got = encode_sharing(model, tokens_PL, most_nodes)
    assert got is not None
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("text", [{"pool_type": "last"}, {"no_causal_mask": True}, {"embed_cls": True}])
def test_towers_that_need_the_full_context_are_not_shared(text: dict[str, Any]) -> None:
    model = CustomTextCLIP(**TINY | {"text_cfg": TINY["text_cfg"] | text})
    assert encode_sharing(model, open_clip.tokenizer.SimpleTokenizer()(TEXTS)) is None


Texts = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6).map(tuple), min_size=1, max_size=20)


@given(Texts, st.integers(1, 30))
def test_a_tree_contains_its_texts_and_each_prefix_once(texts: list[tuple[int, ...]], most_nodes: int) -> None:
    found = list(build_trees(texts, most_nodes))
    assert sorted(np.concatenate([tree.text_P for tree in found])) == list(range(len(texts)))
    for tree in found:
        held = [texts[i] for i in tree.text_P]
        for text, end in zip(held, tree.end_P):
            seen = np.flatnonzero(tree.sees_TT[end])
            assert tuple(tree.token_T[seen]) == text and list(tree.depth_T[seen]) == list(range(len(text)))
        assert len(tree.token_T) == len({text[:n] for text in held for n in range(1, len(text) + 1)})
        assert len(tree.token_T) <= most_nodes or len(set(held)) == 1

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from open_clip.transformer import QuickGELU

from bioclip_x_plugins.encoders.activation import wants_quick_gelu
from bioclip_x_plugins.encoders.open_clip import OpenClip
from helpers import TINY, write_model


@pytest.mark.parametrize(
    ("architecture", "tag", "wanted"),
    [
        ("ViT-B-16", "openai", True),
        ("ViT-B-16", "metaclip-400m", True),
        ("ViT-B-16-quickgelu", "openai", True),
        ("ViT-B-16", "laion2b_s34b_b88k", False),
        ("ViT-B-16", "random", False),
        ("unicorn", "openai", False),
    ],
)
def test_which_weights_want_quick_gelu(architecture: str, tag: str, wanted: bool) -> None:
    assert wants_quick_gelu(architecture, tag) is wanted


def about(module: torch.nn.Module) -> tuple[int, int]:
    kinds = [type(one) for one in module.modules()]
    return kinds.count(QuickGELU), kinds.count(torch.nn.GELU)


@pytest.mark.parametrize("quick", [True, False])
def test_the_activation_of_a_tag_is_kept_in_the_saved_model(
    quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An architecture and a tag of open_clip's own, whose weights are here."""
    weights = write_model(tmp_path / "weights") / "open_clip_model.safetensors"
    tag: dict[str, Any] = {"file": str(weights), "mean": (0.5,) * 3, "std": (0.5,) * 3, "quick_gelu": quick}
    for module in (open_clip, open_clip.factory):
        known = module.get_model_config, module.get_pretrained_cfg
        monkeypatch.setattr(
            module, "get_model_config", lambda name, of=known[0]: copy.deepcopy(TINY) if name == "Tiny" else of(name)
        )
        monkeypatch.setattr(
            module, "get_pretrained_cfg", lambda name, one, of=known[1]: tag if name == "Tiny" else of(name, one)
        )
    encoder = OpenClip().trainable("Tiny/here", device="cpu")
    assert about(encoder.module) == ((4, 0) if quick else (0, 4))
    encoder.save(tmp_path / "model", {})
    config = json.loads((tmp_path / "model" / "open_clip_config.json").read_text("utf-8"))
    assert config["model_cfg"].get("quick_gelu", False) is quick
    again = OpenClip().trainable(f"local-dir:{tmp_path / 'model'}", device="cpu")
    assert about(again.module) == about(encoder.module)

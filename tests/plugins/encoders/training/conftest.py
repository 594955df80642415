from __future__ import annotations

from typing import Any

import pytest

TEXT: dict[str, Any] = {"context_length": 24, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
VIT: dict[str, Any] = {"image_size": 32, "layers": 3, "width": 16, "patch_size": 8, "head_width": 8}
RESNET: dict[str, Any] = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 4, "head_width": 16}
PREPROCESS = {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}


def describe(vision: dict[str, Any] = VIT, text: dict[str, Any] = TEXT, **more: Any) -> dict[str, Any]:
    """The description of a new model."""
    size = vision.get("image_size", 32)
    return {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text, "preprocess": {**PREPROCESS, "size": size}, **more}


def describe_timm(name: str = "test_vit3", size: int = 160, **vision: Any) -> dict[str, Any]:
    pytest.importorskip("timm")
    more = {"timm_pool": "", "timm_proj": "linear", "timm_model_pretrained": False, **vision}
    return describe({"image_size": size, "timm_model_name": name, **more}, custom_text=True)

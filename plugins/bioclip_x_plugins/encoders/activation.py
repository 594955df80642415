"""Determines the activation function that a set of weights was trained with."""

from __future__ import annotations

import open_clip


def wants_quick_gelu(architecture: str, tag: str) -> bool:
    """Returns whether open_clip's weights `tag` were trained with QuickGELU, x·sigmoid(1.702·x).

    Pass the result to open_clip as `force_quick_gelu`: by default it uses the architecture's activation, plain GELU for
    ViT-B-16, and only warns if the weights (openai, metaclip, dfn, …) were trained with the other.
    """
    return bool(open_clip.get_pretrained_cfg(architecture, tag).get("quick_gelu", False))

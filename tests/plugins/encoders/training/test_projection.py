from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x.plugin import ModelError
from bioclip_x_plugins.encoders.open_clip import OpenClip

from .conftest import RESNET, describe, describe_timm


def make(description: dict[str, Any], seed: int = 1) -> Any:
    return OpenClip().trainable(description, device="cpu", seed=seed)


TOWERS = {
    "vit": describe(),
    "resnet": describe(RESNET),
    "timm, a projection of open_clip": describe_timm(),
    "timm, its own head": describe_timm(timm_proj="", timm_pool="avg"),
}


@pytest.mark.parametrize("tower", TOWERS)
def test_the_first_half_is_the_model_and_the_export_has_only_it(tower: str, tmp_path: Path) -> None:
    plain, encoder = make(TOWERS[tower]), make(TOWERS[tower])
    encoder.add_projector()
    plain.module.eval(), encoder.module.eval()
    pixels = torch.randn(4, 3, *encoder.image_size)
    both = encoder.forward_image(pixels)
    assert both.shape == (4, 16)
    torch.testing.assert_close(both[:, :8], plain.forward_image(pixels))
    assert not torch.allclose(both[:, 8:], both[:, :8], atol=1e-3)
    plain.save(tmp_path / "plain", {})
    encoder.save(tmp_path / "encoder", {})
    name = "open_clip_model.safetensors"
    assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "encoder" / name).read_bytes()


def test_the_new_half_is_drawn_as_open_clip_draws_and_depends_on_the_seed_alone() -> None:
    encoders = [make(describe(), seed) for seed in (3, 3, 4)]
    for encoder in encoders:
        torch.randn(5)
        encoder.add_projector()
    first, same, other = (encoder.module.visual.proj.detach()[:, 8:] for encoder in encoders)
    assert torch.equal(first, same) and not torch.equal(first, other)
    assert float(first.std()) == pytest.approx(16**-0.5, rel=0.2)


def test_names_and_order_of_parameters_stay() -> None:
    encoder = make(describe())
    before = [name for name, _ in encoder.module.named_parameters()]
    encoder.add_projector()
    assert [name for name, _ in encoder.module.named_parameters()] == before


def test_a_tower_without_a_linear_projection_is_an_error() -> None:
    with pytest.raises(ModelError, match="projector: the image tower TimmModel has no linear projection"):
        make(describe_timm(timm_proj="none", timm_pool="avg")).add_projector()

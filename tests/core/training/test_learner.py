"""A step of every contrastive loss: in chunks and over processes as at once, in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x.hooks.registry import create_registry
from bioclip_x.training.components import fill_in_defaults, make_parts
from bioclip_x.training.compute.world import World
from bioclip_x.training.config import read_config
from bioclip_x.training.data.sources import make_loader
from bioclip_x.training.learner import Learner
from processes import run_in_processes

LOSSES: dict[str, dict[str, Any]] = {
    "clip": {},
    "siglip": {},
    "unicl": {},
    "level-restricted": {"text_ranks": ["genus", "species"]},
    "himulcon": {},
    "simclr": {},
    "declip": {"texts_per_picture": 2},
}


def compute_gradients(world: World, file: Path, fields: dict[str, Any], accumulate: int) -> dict[str, torch.Tensor]:
    """The gradients of all parameters, of towers and losses, for the first batch, and the mean of the loss's parts."""
    registry = create_registry()
    config = fill_in_defaults(read_config(file, {**fields, "accumulate": accumulate, "workers": 0}), registry)
    parts = make_parts(config, registry)
    parts.encoder.module.double()
    parts.loss.double()
    # Pixels are float32.
    parts.encoder.module.visual.register_forward_pre_hook(lambda module, given: tuple(x.double() for x in given))
    learner = Learner(config, parts, world, "fp32", 10)
    learner.start(0)
    learner.prepare(0)
    loader = make_loader(config, parts, world, lambda step: learner.find_input_size(step).image_size)
    losses = learner.compute_gradients(next(loader.batches(1)), 0)
    world.average_gradients(parts.loss)
    modules = {"encoder": parts.encoder.module, "losses": parts.loss}
    gradients = {
        f"{name}.{parameter_name}": torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
        for name, module in modules.items()
        for parameter_name, parameter in module.named_parameters()
    }
    return gradients | {"loss": world.sum(torch.stack(list(losses.values())).sum()) / world.size}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("size", "accumulate"), [(1, 3), (2, 2)])
def test_chunks_and_processes_give_the_gradients_of_the_whole_batch(
    config_file: Path, loss: str, size: int, accumulate: int
) -> None:
    fields = {"loss": loss, **LOSSES[loss]}
    expected = compute_gradients(World(), config_file, fields, 1)
    found = (
        [compute_gradients(World(), config_file, fields, accumulate)]
        if size == 1
        else run_in_processes(compute_gradients, size, config_file, fields, accumulate)
    )
    for gradients in found:
        assert gradients.keys() == expected.keys()
        for name, gradient in expected.items():
            torch.testing.assert_close(gradients[name], gradient, atol=1e-6, rtol=1e-6, msg=name)


def test_parameters_of_losses_depend_on_the_seed_alone(config_file: Path) -> None:
    """Or a run that is killed before its first checkpoint would be another run when it is started again."""

    def make(seed: int, state: int) -> list[torch.Tensor]:
        torch.manual_seed(state)
        registry = create_registry()
        parts = make_parts(
            fill_in_defaults(read_config(config_file, {"loss": "simclr", "seed": seed}), registry), registry
        )
        return [parameter.detach() for parameter in parts.loss.parameters()]

    first, again, other = make(1, 10), make(1, 11), make(2, 10)
    assert first and all(torch.equal(a, b) for a, b in zip(first, again))
    assert any(not torch.equal(a, b) for a, b in zip(first, other))

"""The losses and batches that are computed over processes, and how."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from bioclip_x.records.training import LossInput
from bioclip_x.training.compute.world import World
from bioclip_x_plugins.losses.clip import Clip
from bioclip_x_plugins.losses.declip import DeClip
from bioclip_x_plugins.losses.himulcon import HiMulCon
from bioclip_x_plugins.losses.level_restricted import LevelRestricted
from bioclip_x_plugins.losses.siglip import SigLip
from bioclip_x_plugins.losses.simclr import SimClr
from bioclip_x_plugins.losses.unicl import UniCl
from plugins.losses.batches import TREE, Whole, make_mixed_batch

Results = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Case:
    """A loss and a batch.

    steps: how often it is computed, for losses that keep a state. has_idle: the first process has no image, as when a loss is
    bound to a data set that is rare in the batch.
    """

    loss: Callable[[], Any]
    batch: Callable[[], Whole] = make_mixed_batch
    steps: int = 1
    has_idle: bool = False


def make_unlabelled_batch() -> Whole:
    texts = ["bill: black", "bill: red", "bill: black", "tail: long", "tail: short"]
    return Whole([-1] * 5, [[text, text] for text in texts], [[text] for text in texts])


CASES = {
    "clip": Case(Clip),
    "clip with bias": Case(Clip, lambda: make_mixed_batch(bias=-2.0)),
    "siglip": Case(SigLip, lambda: make_mixed_batch(bias=-2.0)),
    "siglip, own bias": Case(SigLip),
    "unicl": Case(UniCl),
    "unicl with bias": Case(UniCl, lambda: make_mixed_batch(bias=-2.0)),
    "unicl, aspects": Case(lambda: UniCl(aspects=0.5)),
    "unicl, unlabelled": Case(lambda: UniCl(aspects=0.5), make_unlabelled_batch),
    "level-restricted": Case(LevelRestricted),
    "level-restricted, two ranks": Case(lambda: LevelRestricted(ranks=["species", "genus"])),
    "level-restricted, unlabelled": Case(LevelRestricted, make_unlabelled_batch),
    "himulcon": Case(HiMulCon),
    "himulcon, unlabelled": Case(HiMulCon, make_unlabelled_batch),
    "simclr": Case(lambda: SimClr(width=8, output_dim=4)),
    "declip": Case(lambda: DeClip(queue=12), steps=3),
}
CASES |= {
    f"{name}, idle process": replace(CASES[name], has_idle=True)
    for name in ("clip", "siglip", "unicl, aspects", "level-restricted", "himulcon", "simclr", "declip")
}


def prepare(loss: Any) -> Any:
    """Prepares a loss; its parameters are the same whenever it is."""
    if isinstance(loss, torch.nn.Module):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            if hasattr(loss, "prepare"):
                loss.prepare(TREE, 6, TREE.n_classes)
        loss.double()
    return loss


def add_up(value: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor:
    return torch.stack([*value.values()]).sum() if isinstance(value, Mapping) else value


def split_rows(count: int, size: int, has_idle: bool = False) -> list[range]:
    """Splits a batch unevenly; with an idle process, the first has none."""
    if has_idle:
        return [range(0), *split_rows(count, size - 1)]
    ends = [0, *(round(count * (i + 1) / size + (size - 1 - i) / 2) for i in range(size - 1)), count]
    return [range(start, stop) for start, stop in itertools.pairwise(ends)]


def run_case(case: Case, rows: range | None = None, world: World | None = None) -> Results:
    """Returns the loss of the whole batch and the gradients of all parameters, averaged over the processes."""
    world = world or World()
    loss = prepare(case.loss())
    whole = case.batch()
    for _ in range(case.steps):
        batch: LossInput = whole.take(rows, world)
        value = add_up(loss(batch))
    value.backward()
    found = {"loss": world.sum(value) / world.size}
    parameters = dict(whole.parameters)
    if isinstance(loss, torch.nn.Module):
        parameters |= {f"loss {name}": parameter for name, parameter in loss.named_parameters()}
    for name, parameter in parameters.items():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        found[name] = world.sum(gradient) / world.size
    return found

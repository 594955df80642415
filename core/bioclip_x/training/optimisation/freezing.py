"""Which parameters are trained, and when: locked towers (LiT: Zhai et al. 2022, arXiv 2111.07991), all but the last groups, and a
linear probe before fine-tuning (LP-FT: Kumar et al. 2022, arXiv 2202.10054)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import nn

from bioclip_x.errors import TrainingError
from bioclip_x.training.optimisation.groups import DepthGroups


def find_locked(depth_groups: DepthGroups, trained_groups: Mapping[str, int | None]) -> frozenset[str]:
    """Returns the names of the parameters that are never trained: all but the last n groups of each tower.

    trained_groups: tower → n; None trains all.

    Raises TrainingError for more groups than a tower has.
    """
    locked: set[str] = set()
    for tower, count in trained_groups.items():
        if count is None:
            continue
        groups = depth_groups[tower]
        if count > len(groups):
            raise TrainingError(
                f"lock: {tower}_groups: {count}, but the {tower} tower has {len(groups)}; null trains all"
            )
        locked.update(name for group in groups[: len(groups) - count] for name in group)
    return frozenset(locked)


def find_projections(module: nn.Module, depth_groups: DepthGroups) -> frozenset[str]:
    """Returns the names in the last group of each tower, and those in no group (the logit scale)."""
    below = {name for groups in depth_groups.values() for group in groups[:-1] for name in group}
    return frozenset(name for name, _ in module.named_parameters() if name not in below)


def find_locked_towers(module: nn.Module, depth_groups: DepthGroups) -> frozenset[str]:
    """Returns the towers of which no parameter is trained at present."""
    named = dict(module.named_parameters())
    return frozenset(
        tower
        for tower, groups in depth_groups.items()
        if not any(named[name].requires_grad for group in groups for name in group)
    )


def lock(module: nn.Module, names: Collection[str]) -> None:
    """Locks parameters; others are left as they are."""
    for name, parameter in module.named_parameters():
        if name in names:
            parameter.requires_grad_(False)


def set_modes(module: nn.Module) -> bool | None:
    """Puts a module in training mode, except for submodules whose parameters are all locked: in evaluation mode, batch norms
    keep their statistics and nothing is dropped.

    Returns whether any parameter is trained; None for a module without parameters, which is in the mode of what it is part of.
    """
    states = [set_modes(child) for child in module.children()]
    states += [parameter.requires_grad for parameter in module.parameters(recurse=False)]
    known = [state for state in states if state is not None]
    if known and not any(known):
        module.eval()
        return False
    module.training = True
    return True if known else None


class Probe:
    """The linear probe at the beginning of a run: of the parameters that the run trains, only some are.

    steps: its length. kept: the names of those that are trained from the first step on. Made after locks and adapters.
    """

    def __init__(self, module: nn.Module, kept: Collection[str], steps: int) -> None:
        self._steps = steps
        self._waiting = [one for name, one in module.named_parameters() if one.requires_grad and name not in kept]

    def apply(self, step: int) -> None:
        """Locks or unlocks the parameters as they are at a step. step: completed steps."""
        for parameter in self._waiting:
            parameter.requires_grad_(step >= self._steps)

    def ends_at(self, step: int) -> bool:
        return 0 < self._steps == step

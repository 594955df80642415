from __future__ import annotations

import pytest
import torch
from torch import nn

from bioclip_x.errors import TrainingError
from bioclip_x.training.optimisation.freezing import (
    Probe,
    find_locked,
    find_locked_towers,
    find_projections,
    lock,
    set_modes,
)

GROUPS = {"image": [["a"], ["b", "c"], ["d"]], "text": [["e"], ["f"]]}


def make_module(*names: str) -> nn.Module:
    module = nn.Module()
    for name in names:
        module.register_parameter(name, nn.Parameter(torch.zeros(2)))
    return module


def get_trained(module: nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(
    ("image", "text", "locked", "towers"),
    [
        (None, None, set(), set()),
        (0, None, {"a", "b", "c", "d"}, {"image"}),
        (None, 1, {"e"}, set()),
        (2, 2, {"a"}, set()),
        (3, 0, {"e", "f"}, {"text"}),
    ],
)
def test_all_but_the_last_groups_are_locked(
    image: int | None, text: int | None, locked: set[str], towers: set[str]
) -> None:
    module = make_module(*"abcdefs")
    lock(module, find_locked(GROUPS, {"image": image, "text": text}))
    assert get_trained(module) == set("abcdefs") - locked
    assert find_locked_towers(module, GROUPS) == towers


def test_more_groups_than_there_are() -> None:
    with pytest.raises(TrainingError, match="lock: image_groups: 4, but the image tower has 3; null trains all"):
        find_locked(GROUPS, {"image": 4})


def test_a_probe_waits_with_all_but_the_projections() -> None:
    module = make_module(*"abcdefs")
    lock(module, {"a", "d"})
    probe = Probe(module, find_projections(module, GROUPS), 2)
    trained = []
    for step in range(4):
        probe.apply(step)
        trained.append(get_trained(module))
    assert trained == [{"f", "s"}, {"f", "s"}, set("bcefs"), set("bcefs")]
    assert [probe.ends_at(step) for step in range(4)] == [False, False, True, False]
    assert not Probe(module, (), 0).ends_at(0)


def test_locked_parts_are_in_evaluation_mode_and_keep_their_statistics() -> None:
    locked = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    partly = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    module = nn.ModuleDict({"locked": locked, "partly": partly, "rest": nn.Dropout(0.5)})
    locked.requires_grad_(False)
    partly[1].requires_grad_(False)
    module.eval()
    set_modes(module)
    assert [one.training for one in (locked, *locked)] == [False] * 4
    assert [one.training for one in (module, partly, partly[0], partly[1], partly[2], module["rest"])] == [
        True, True, True, False, True, True,
    ]  # fmt: skip
    partly[1](locked(torch.randn(4, 3)))
    for norm in (locked[1], partly[1]):
        assert int(norm.num_batches_tracked) == 0 and not norm.running_mean.any()
    locked.requires_grad_(True)
    set_modes(module)
    assert all(one.training for one in module.modules() if one is not partly[1])

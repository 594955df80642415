from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from bioclip_x.training.optimisation.groups import (
    Part,
    make_optimizer,
    make_parameter_groups,
    set_learning_rates,
    split_by_depth,
)


def make_parameters(**shapes: tuple[int, ...]) -> dict[str, nn.Parameter]:
    return {name: nn.Parameter(torch.ones(shape)) for name, shape in shapes.items()}


def show(groups: list[dict[str, Any]], named: dict[str, nn.Parameter]) -> dict[str, list[str]]:
    names = {id(parameter): name for name, parameter in named.items()}
    return {group["name"]: [names[id(one)] for one in group["params"]] for group in groups}


def test_only_matrices_that_require_gradients_decay() -> None:
    named = make_parameters(weight=(3, 2), locked=(3, 2), bias=(2,), scale=())
    named["locked"].requires_grad_(False)
    groups = make_parameter_groups([Part("all", named, 0.1)], 0.2)
    assert show(groups, named) == {"all, decay": ["weight"], "all, no decay": ["bias"], "all, scalars": ["scale"]}
    assert [group["weight_decay"] for group in groups] == [0.2, 0, 0]


def test_layer_decay_by_hand() -> None:
    """Three groups of images, two of texts: 1, ½, ¼ of the rate from the output backwards; the scale has the whole."""
    named = make_parameters(stem=(2, 2), block=(2, 2), head=(2, 2), words=(2, 2), text_head=(2,), logit_scale=())
    parts = split_by_depth(
        named, {"image": [["stem"], ["block"], ["head"]], "text": [["words"], ["text_head"]]}, 0.8, 0.5
    )
    groups = make_parameter_groups(parts, 0.1)
    peaks = {names[0]: group["peak"] for group, names in zip(groups, show(groups, named).values())}
    assert peaks == pytest.approx(
        {"stem": 0.2, "block": 0.4, "head": 0.8, "words": 0.4, "text_head": 0.8, "logit_scale": 0.8}
    )


def test_layer_decay_is_that_of_timm() -> None:
    timm_optim = pytest.importorskip("timm.optim")
    timm = pytest.importorskip("timm")
    model = timm.create_model("test_vit", num_classes=3)
    theirs = {
        id(parameter): group["lr_scale"]
        for group in timm_optim.param_groups_layer_decay(model, weight_decay=0.1, layer_decay=0.7)
        for parameter in group["params"]
    }
    from timm.models import group_parameters

    depths = group_parameters(model, model.group_matcher(coarse=False))
    groups = make_parameter_groups(
        split_by_depth(dict(model.named_parameters()), {"image": [depths[i] for i in sorted(depths)]}, 1.0, 0.7), 0.1
    )
    ours = {id(parameter): group["peak"] for group in groups for parameter in group["params"]}
    assert ours == pytest.approx(theirs)


def test_a_parameter_in_two_parts_is_optimised_once() -> None:
    named = make_parameters(weight=(2, 2))
    groups = make_parameter_groups([Part("encoder", named, 0.1), Part("loss", named, 0.5)], 0.0)
    assert [(group["name"], group["peak"]) for group in groups] == [("encoder, decay", 0.1)]


def test_a_step_moves_each_group_by_its_own_rate() -> None:
    """AdamW's first step, without decay, is the learning rate times the gradient's sign."""
    named, head = make_parameters(weight=(2, 2)), make_parameters(head=(2, 2))
    groups = make_parameter_groups([Part("encoder", named, 0.1), Part("loss", head, 0.4)], 0.0)
    optimizer = make_optimizer(groups, (0.9, 0.98), torch.device("cpu"))
    set_learning_rates(optimizer, 0.5)
    (named["weight"].sum() + head["head"].sum()).backward()
    optimizer.step()
    torch.testing.assert_close(named["weight"].detach(), torch.full((2, 2), 1 - 0.05))
    torch.testing.assert_close(head["head"].detach(), torch.full((2, 2), 1 - 0.2))

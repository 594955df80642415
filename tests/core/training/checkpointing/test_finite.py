from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from bioclip_x.training.checkpointing.finite import find_non_finite


def make_state() -> dict[str, Any]:
    return {
        "model": {"w": torch.ones(2, 3), "half": torch.ones(4, dtype=torch.float16), "empty": torch.zeros(0)},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.98)}]},
        "scaler": {"scale": 65536.0, "count": torch.tensor(7)},
    }


def test_finite_states_pass() -> None:
    assert find_non_finite(make_state()) is None
    assert find_non_finite({}) is None
    assert find_non_finite({"model": {"w": torch.full((3,), torch.finfo(torch.float32).max)}}) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_first_that_is_not_finite_is_named(value: float) -> None:
    state = make_state()
    state["scaler"]["scale"] = value
    assert find_non_finite(state) == "scaler.scale"
    state["optimizer"]["param_groups"][0]["betas"] = (0.9, value)
    assert find_non_finite(state) == "optimizer.param_groups.0.betas.1"
    state["model"]["half"][2] = value
    assert find_non_finite(state) == "model.half"
    state["model"]["w"][1, 1] = value
    assert find_non_finite(state) == "model.w"

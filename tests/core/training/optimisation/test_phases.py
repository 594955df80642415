from __future__ import annotations

from typing import Any

import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.training.config import TrainConfig, make_config
from bioclip_x.training.optimisation.phases import InputSize, find_input_size, split_at_phases


@pytest.fixture
def config(config_fields: dict[str, Any]) -> TrainConfig:
    phases = [
        {"until": 0.5, "image_size": 16, "patch_dropout": 0.5, "text_length": 8},
        {"until": 0.75, "image_size": 24},
    ]
    return make_config(config_fields | {"phases": phases, "patch_dropout": 0.1, "text_length": 20})


def test_each_step_has_the_size_of_its_phase_and_the_rest_that_of_the_run(config: TrainConfig) -> None:
    sizes = [find_input_size(config, (32, 32), step, 8) for step in range(8)]
    assert sizes[:4] == [InputSize((16, 16), 0.5, 8)] * 4
    assert sizes[4:6] == [InputSize((24, 24), 0.0, 20)] * 2
    assert sizes[6:] == [InputSize((32, 32), 0.1, 20)] * 2


@pytest.mark.parametrize(("first", "last"), [(0, 8), (3, 7), (4, 6), (5, 6), (6, 8)])
def test_parts_are_whole_and_of_one_size(config: TrainConfig, first: int, last: int) -> None:
    parts = list(split_at_phases(config, first, last, 8))
    assert [step for part in parts for step in range(*part)] == list(range(first, last))
    for part in parts:
        assert len({find_input_size(config, (32, 32), step, 8) for step in range(*part)}) == 1


def test_phases_end_one_after_another(config_fields: dict[str, Any]) -> None:
    with pytest.raises(
        TrainingError, match=r"phases: each must end later than the one before, got until: \[0.5, 0.5\]"
    ):
        make_config(config_fields | {"phases": [{"until": 0.5}, {"until": 0.5}]})

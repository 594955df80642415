from __future__ import annotations

from typing import Any

import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.training.config import TrainConfig, make_config
from bioclip_x.training.optimisation.phases import InputSize, find_input_size


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


def test_phases_end_one_after_another(config_fields: dict[str, Any]) -> None:
    with pytest.raises(
        TrainingError, match=r"phases: each must end later than the one before, got until: \[0.5, 0.5\]"
    ):
        make_config(config_fields | {"phases": [{"until": 0.5}, {"until": 0.5}]})

"""Two and three processes compute the loss and the gradients of one process with the whole batch."""

from __future__ import annotations

import pytest
import torch

from bioclip_x.training.compute.world import World
from plugins.losses.cases import CASES, Results, run_case, split_rows
from processes import run_in_processes


def run_cases(world: World) -> dict[str, Results]:
    """The losses and gradients of every case, with this process's part of each batch."""
    found = {}
    for name, case in CASES.items():
        rows = split_rows(len(case.batch().nodes), world.size, case.has_idle)[world.rank]
        found[name] = run_case(case, rows, world)
    return found


@pytest.fixture(scope="module", params=[2, 3])
def over_processes(request: pytest.FixtureRequest) -> list[dict[str, Results]]:
    """What each of the processes finds, for every case."""
    return run_in_processes(run_cases, request.param)


@pytest.mark.parametrize("name", CASES)
def test_processes_together_are_one(name: str, over_processes: list[dict[str, Results]]) -> None:
    alone = run_case(CASES[name])
    if "unlabelled" not in name:
        assert alone["images"].abs().sum() + alone["view 1"].abs().sum() > 1e-3
    for found in over_processes:
        torch.testing.assert_close(found[name], alone, rtol=1e-6, atol=1e-9)


def test_batches_are_split_unevenly_and_share_texts() -> None:
    whole = CASES["unicl"].batch()
    for size in (2, 3):
        batches = [whole.take(rows) for rows in split_rows(len(whole.nodes), size)]
        assert len({len(batch.node_B) for batch in batches}) > 1
        ids = [set(batch.text_id_T.tolist()) for batch in batches]
        assert len({*map(len, ids)}) > 1 and set.intersection(*ids[:2])

"""Two and three processes compute the loss and the gradients of one process with the whole batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from plugins.losses.cases import CASES, Results, run_case, split_rows

HERE = Path(__file__).parent


@pytest.fixture(scope="module", params=[2, 3])
def over_processes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Results]]:
    """What each of the processes finds, for every case."""
    size, folder = request.param, tmp_path_factory.mktemp("processes")
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(HERE / "process.py"), str(rank), str(size), str(folder / "meeting"), str(folder / "result")],
            env=environment,
        )
        for rank in range(size)
    ]
    try:
        assert [process.wait(120) for process in processes] == [0] * size
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [torch.load(folder / f"result.{rank}") for rank in range(size)]


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

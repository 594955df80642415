"""One of several processes that compute losses together: `python process.py RANK SIZE MEETING RESULT`.

Writes the losses, and the gradients as DDP averages them, of every case to RESULT.RANK.
"""

from __future__ import annotations

import sys

import torch
import torch.distributed as dist

from bioclip_x.training.world import World
from plugins.losses.cases import CASES, run_case, split_rows


def main(rank: int, size: int, meeting: str, result: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    world = World(rank, size)
    found = {}
    for name, case in CASES.items():
        rows = split_rows(len(case.batch().nodes), size, case.has_idle)[rank]
        found[name] = run_case(case, rows, world)
    torch.save(found, f"{result}.{rank}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])

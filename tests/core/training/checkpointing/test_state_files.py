from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.multiprocessing.spawn import spawn

from bioclip_x.errors import TrainingError
from bioclip_x.training.checkpointing import checkpoints
from bioclip_x.training.checkpointing.checkpoints import Place
from bioclip_x.training.checkpointing.finite import find_non_finite
from bioclip_x.training.checkpointing.nested import iterate_leaves
from bioclip_x.training.checkpointing.state_files import fill_in_shards, prime, read_rest, save_state
from processes import join


def make_parts(*, shard: bool) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Linear(7, 3))
    if shard:
        mesh = init_device_mesh("cpu", (dist.get_world_size(),))
        for layer in (*model, model):
            fully_shard(layer, mesh=mesh)
    return model, torch.optim.AdamW(model.parameters(), lr=0.1)


def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.full((4, 5), 0.1 * step + 0.1)).square().sum().backward()
        optimizer.step()


def get_states(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scaler": {}}


def check_equal(one: Any, other: Any) -> None:
    def whole(leaf: Any) -> Any:
        return leaf.full_tensor() if hasattr(leaf, "full_tensor") else leaf

    first, second = dict(iterate_leaves(one)), dict(iterate_leaves(other))
    assert first.keys() == second.keys()
    for name, leaf in first.items():
        same = torch.equal(whole(leaf), whole(second[name])) if isinstance(leaf, torch.Tensor) else leaf == second[name]
        assert same, name


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    model, optimizer = make_parts(shard=False)
    train(model, optimizer, 2)
    save_state(tmp_path / "state.pt", get_states(model, optimizer))
    rest = read_rest(tmp_path / "state.pt")
    check_equal(fill_in_shards(tmp_path / "state.pt", rest, get_states(model, optimizer)), get_states(model, optimizer))


def test_priming_an_optimiser_changes_no_parameter() -> None:
    model, optimizer = make_parts(shard=False)
    before = [p.clone() for p in model.parameters()]
    prime(optimizer)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters()))
    assert len(optimizer.state) == 4 and optimizer.param_groups[0]["lr"] == 0.1


def test_shards_are_saved_and_loaded_by_any_number_of_processes(tmp_path: Path) -> None:
    spawn(_save, (2, str(tmp_path)), nprocs=2)
    model, optimizer = make_parts(shard=False)
    train(model, optimizer, 2)
    expected = get_states(model, optimizer)
    path = checkpoints.find_newest(tmp_path)
    assert path.is_dir() and not [one.name for one in tmp_path.iterdir() if one.name.endswith(".tmp")]
    template = get_states(*make_parts(shard=False))
    prime(made := make_parts(shard=False)[1])
    template["optimizer"] = made.state_dict()
    loaded = checkpoints.load(path, template, fingerprint={"seed": 1}, epochs=1)
    assert loaded.place == Place(2)
    wanted = dict(iterate_leaves(expected))
    tensors = {name: one for name, one in iterate_leaves(loaded.states) if isinstance(one, torch.Tensor)}
    assert len(tensors) == 4 + 4 * 3
    assert all(torch.allclose(tensor, wanted[name]) for name, tensor in tensors.items())


def _save(rank: int, size: int, folder: str) -> None:
    with join(rank, size, folder):
        model, optimizer = make_parts(shard=True)
        train(model, optimizer, 2)
        states = get_states(model, optimizer)
        path = checkpoints.save(Path(folder), Place(2), states, fingerprint={"seed": 1}, epochs=1, keep=1)
        again, other = make_parts(shard=True)
        prime(other)
        loaded = checkpoints.load(path, get_states(again, other), fingerprint={"seed": 1}, epochs=1)
        again.load_state_dict(loaded.states["model"])
        other.load_state_dict(loaded.states["optimizer"])
        check_equal(get_states(again, other), states)
        _load_a_whole_file(folder, rank, states)
        with torch.no_grad():
            next(model.parameters()).to_local()[:1, :1] = float("nan") if rank else 1.0  # type: ignore[operator]
        assert find_non_finite(model.state_dict()) == "0.weight"
        with pytest.raises(TrainingError, match=r"model\.0\.weight is not finite"):
            checkpoints.save(Path(folder), Place(3), get_states(model, optimizer), fingerprint={}, epochs=1, keep=1)


def _load_a_whole_file(folder: str, rank: int, states: Any) -> None:
    """A run without shards is resumed with shards."""
    whole = {name: one.full_tensor() for name, one in states["model"].items()}
    file = Path(folder) / "whole.pt"
    save_state(file, {"model": whole})
    dist.barrier()
    loaded = fill_in_shards(file, read_rest(file), {"model": states["model"]})
    check_equal(loaded["model"], states["model"])
    assert all(type(one) is type(states["model"][name]) for name, one in loaded["model"].items())

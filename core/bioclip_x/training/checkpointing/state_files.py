"""Writes and reads the state of a run: one file, or a folder where tensors are sharded over processes (FSDP2).

Files are read without executing code: shards are safetensors, through torch.distributed.checkpoint, which can read them with
another number of processes; all else is a file that torch reads with `weights_only`.
"""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
import torch.distributed as dist

from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.io.storage.temporary import fill_folder
from bioclip_x.training.checkpointing.nested import iterate_leaves, replace_leaves

_REST: Final = "rest.pt"
_FILES: Final = "files"
"""Key of the checksums of the shards' files."""
_SHARD: Final = "sharded tensor "
"""Begins the text that stands for a sharded tensor in the file of the rest."""


def is_main() -> bool:
    """Whether this is the process that writes: the only one, or rank 0."""
    return not dist.is_available() or not dist.is_initialized() or dist.get_rank() == 0


def is_sharded(tensor: Any) -> bool:
    """Whether this is a tensor of torch.distributed.tensor, of which each process has a part."""
    if (
        not dist.is_available()
        or not isinstance(tensor, torch.Tensor)
        or type(tensor) in (torch.Tensor, torch.nn.Parameter)
    ):
        return False
    from torch.distributed.tensor import DTensor  # takes a while to import

    return isinstance(tensor, DTensor)


def has_shards(state: Mapping[str, Any]) -> bool:
    return any(is_sharded(one) for _, one in iterate_leaves(state))


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Writes nested mappings and sequences of tensors and plain values, atomically. Called by all processes.

    The main process writes a file; if there are sharded tensors, all write into a folder. Raises OSError, RuntimeError.
    """
    if not has_shards(state):
        if is_main():
            with open_replacement(path, "wb") as handle:
                torch.save(state, handle)
        return
    from torch.distributed.checkpoint import state_dict_saver
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter

    shards = {at: one for at, one in iterate_leaves(state) if is_sharded(one)}
    with _share_folder(path) as folder:
        state_dict_saver.save(shards, storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))
        if is_main():
            rest = replace_leaves(state, lambda at, one: _SHARD + at if at in shards else one)
            rest[_FILES] = _hash_files(folder)  # all processes have written theirs
            with open_replacement(folder / _REST, "wb") as handle:
                torch.save(rest, handle)


def read_rest(path: Path) -> dict[str, Any]:
    """Reads a state, on the CPU; a text stands for each sharded tensor, which `fill_in_shards` reads.

    Raises ValueError for a damaged file, by its checksums; and what torch raises for one that is none of its own.
    """
    file = path / _REST if path.is_dir() else path
    check_archive(file)
    rest: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    if path.is_dir() and isinstance(rest, dict):
        _check_files(path, rest.get(_FILES))
    return rest


def check_archive(file: Path) -> None:
    """Checks the CRC-32 that torch stores with each tensor, and reads without comparing. Raises ValueError, OSError."""
    if not file.is_file():  # a pipe would be waited for, and a device has no end
        raise ValueError("it is no regular file")
    try:
        with zipfile.ZipFile(file) as archive:
            if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                raise ValueError("it is packed, as torch packs nothing")
            damaged = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as problem:
        raise ValueError(f"it is cut, damaged or no checkpoint ({problem})") from None
    if damaged is not None:
        raise ValueError(f"it is damaged: the checksum of {damaged} is wrong")


def _hash_files(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of each file of a folder, by name."""
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        digest = hashlib.sha256()
        with file.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
        found[file.name] = digest.hexdigest()
    return found


def _check_files(folder: Path, files: Any) -> None:
    """Raises ValueError where shards are not those that were written. files: see `_hash_files`; None in older checkpoints."""
    if files is None:
        return
    found = _hash_files(folder)
    wanted = files if isinstance(files, dict) else {}
    if bad := sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name)):
        raise ValueError(f"it is damaged: {bad[0]} is missing, or its checksum is wrong")


def fill_in_shards(path: Path, rest: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    """Completes what `read_rest` returned. Called by all processes.

    template: as the state; each tensor is returned whole or sharded as it is there, whatever it is in the file. Into those
    of a folder its shards are loaded in place.
    """
    wanted = dict(iterate_leaves(template))
    stored = {at: wanted[at] for at, one in iterate_leaves(rest) if isinstance(one, str) and one.startswith(_SHARD)}
    if stored:
        from torch.distributed.checkpoint import state_dict_loader
        from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

        with warnings.catch_warnings():  # a single process is meant to read what several have written
            warnings.filterwarnings("ignore", "torch.distributed is disabled")
            state_dict_loader.load(stored, storage_reader=HuggingFaceStorageReader(str(path)))
    return dict(replace_leaves(rest, lambda at, one: stored[at] if at in stored else _shard_like(one, wanted.get(at))))


def prime(optimizer: torch.optim.Optimizer) -> None:
    """Creates the state of an optimiser that has taken no step, so that there are tensors to load shards into.

    By a step of length zero, which leaves the parameters as they are.
    """
    if optimizer.state:
        return
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    for group, rate in zip(optimizer.param_groups, rates):
        group["lr"] = rate


def _shard_like(value: Any, wanted: Any) -> Any:
    """Shards a whole tensor, which every process has, as another one is."""
    if not is_sharded(wanted) or is_sharded(value):
        return value
    from torch.distributed.tensor import distribute_tensor

    whole = value.to(wanted.device)
    return distribute_tensor(whole, wanted.device_mesh, wanted.placements, src_data_rank=None)


@contextmanager
def _share_folder(target: Path) -> Iterator[Path]:
    """Provides a temporary folder to all processes, which the main process moves to `target` when all have succeeded."""
    if not is_main():
        shared: list[Path | None] = [None]
        dist.broadcast_object_list(shared, src=0)
        assert shared[0] is not None
        yield shared[0]
        dist.barrier()  # all have written
        dist.barrier()  # it is moved
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with fill_folder(target) as folder:
        dist.broadcast_object_list([folder], src=0)
        yield folder
        dist.barrier()
    dist.barrier()

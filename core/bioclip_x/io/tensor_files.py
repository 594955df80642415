"""Reads files of tensors, which may come from anybody: safetensors only, whose headers are checked, and that run no code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bioclip_x.errors import BioclipXError


@contextmanager
def open_tensors(path: Path, error: type[BioclipXError] = BioclipXError) -> Iterator[Any]:
    """Opens a safetensors file, as safetensors' `safe_open` does with torch; its header, offsets and length are checked.

    Raises `error` naming the file if it is none, or damaged, also where that is found while it is read.
    """
    from safetensors import SafetensorError, safe_open  # imports torch

    if not path.is_file():  # a pipe would be waited for, and a device has no end
        what = (
            "it does not exist" if not path.exists() else "it is a folder" if path.is_dir() else "it is no regular file"
        )
        raise error(f"{path}: expected a file of tensors (safetensors): {what}")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (OSError, ValueError, SafetensorError) as problem:
        reason = str(problem).partition("\n")[0]
        raise error(f"{path} is not a file of tensors (safetensors), or it is damaged: {reason[:300]}") from None


def read_tensors(path: Path, error: type[BioclipXError] = BioclipXError) -> dict[str, Any]:
    """Returns all tensors of a safetensors file, on the CPU. Raises `error` as `open_tensors`."""
    with open_tensors(path, error) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - a file, not a dict

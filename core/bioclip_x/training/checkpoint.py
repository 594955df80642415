"""Checkpoints: written whole or not at all, read without running code, and refused where they belong to another run."""

from __future__ import annotations

import pickle
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch

from bioclip_x.errors import TrainingError
from bioclip_x.io.files import open_replacement

FORMAT: Final = 1
_NAME: Final = re.compile(r"checkpoint-(\d+)\.pt")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands. step: done in all. epoch: the one to go on with, from 0. epoch_step: steps of it done.
    epoch_loss: sum of their losses."""

    step: int = 0
    epoch: int = 0
    epoch_step: int = 0
    epoch_loss: float = 0.0


def check_writable(folder: Path) -> None:
    """Raises TrainingError where `folder` cannot be made or written in; leaves nothing behind."""
    try:
        nearest = next((place for place in (folder, *folder.parents) if place.exists()), folder)
        if nearest.is_dir():
            with tempfile.TemporaryFile(dir=nearest):
                return
        reason = f"{nearest} is no folder"
    except OSError as problem:
        reason = problem.strerror or str(problem)
    raise TrainingError(f"output: the folder {folder} cannot be written: {reason}; name another with --output")


def list_checkpoints(folder: Path) -> list[Path]:
    """The folder's checkpoints, oldest first."""
    found = [(int(match[1]), path) for path in folder.glob("checkpoint-*.pt") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def save(
    folder: Path, place: Place, states: Mapping[str, Any], *, fingerprints: Mapping[str, str], epochs: int, keep: int
) -> Path:
    """Writes one, and removes all but the newest `keep`. Raises TrainingError where the disk refuses."""
    path = folder / f"checkpoint-{place.step:07d}.pt"
    document = {
        "format": FORMAT,
        "place": asdict(place),
        "states": dict(states),
        "fingerprints": dict(fingerprints),
        "epochs": epochs,
    }
    try:
        with open_replacement(path, "wb") as handle:
            torch.save(document, handle)
    except (OSError, RuntimeError) as problem:
        # torch reports a full disk as a RuntimeError of its own, raised while it handles the one that says so.
        told = problem.__context__ if isinstance(problem.__context__, OSError) else problem
        raise TrainingError(f"{path} cannot be written: {told}; those before it are untouched") from problem
    for old in list_checkpoints(folder)[:-keep]:
        _remove(old)
    return path


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as problem:
        raise TrainingError(
            f"{path} cannot be removed: {problem.strerror or problem}; the newer ones are safe"
        ) from problem


def load_newest(folder: Path, *, fingerprints: Mapping[str, str], epochs: int) -> tuple[Place, dict[str, Any]]:
    """The newest checkpoint's place and states, on the CPU.

    Raises TrainingError where there is none, it cannot be read, or it belongs to a run of another configuration.
    """
    found = list_checkpoints(folder)
    if not found:
        raise TrainingError(f"{folder} holds no checkpoint to resume from; start without --resume")
    path = found[-1]
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise TrainingError(f"{path} cannot be read: {reason}; delete it to resume from the one before") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a checkpoint of this version of bioclip-x")
    _check(path, document, fingerprints, epochs)
    return Place(**document["place"]), document["states"]


def _check(path: Path, document: Mapping[str, Any], fingerprints: Mapping[str, str], epochs: int) -> None:
    stored = document["fingerprints"]
    for name in sorted(stored.keys() | fingerprints.keys()):
        if stored.get(name) != fingerprints.get(name):
            raise TrainingError(
                f"{path} was trained with another {name}: {stored.get(name)}, now {fingerprints.get(name)}. "
                "Set it back, or start a new run in another output folder"
            )
    if epochs < document["epochs"]:
        stored_epochs = document["epochs"]
        raise TrainingError(f"{path}: epochs was {stored_epochs}, now {epochs}; it can only be raised")

"""Checkpoints: written atomically, read without executing code, and refused if they belong to another run."""

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
from bioclip_x.io.replacement import open_replacement

FORMAT: Final = 1
_NAME: Final = re.compile(r"checkpoint-(\d+)\.pt")


@dataclass(frozen=True, slots=True)
class Place:
    """The progress of a run.

    step: completed steps in total. epoch: the current one, from 0. epoch_step: its completed steps. epoch_loss: the sum of
    their losses.
    """

    step: int = 0
    epoch: int = 0
    epoch_step: int = 0
    epoch_loss: float = 0.0


def check_writable(folder: Path) -> None:
    """Raises TrainingError if `folder` cannot be created or written to; leaves no files behind."""
    try:
        nearest = next((parent for parent in (folder, *folder.parents) if parent.exists()), folder)
        if nearest.is_dir():
            with tempfile.TemporaryFile(dir=nearest):
                return
        reason = f"{nearest} is not a folder"
    except OSError as problem:
        reason = problem.strerror or str(problem)
    raise TrainingError(f"output: the folder {folder} cannot be written: {reason}; name another with --output")


def list_checkpoints(folder: Path) -> list[Path]:
    """Returns the folder's checkpoints, oldest first."""
    paths = [(int(match[1]), path) for path in folder.glob("checkpoint-*.pt") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(paths)]


def save(
    folder: Path, place: Place, states: Mapping[str, Any], *, fingerprints: Mapping[str, str], epochs: int, keep: int
) -> Path:
    """Writes a checkpoint and removes all but the newest `keep`. Raises TrainingError for errors of the file system."""
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
        # torch reports a full disk as a RuntimeError, raised while it handles the informative OSError.
        cause = problem.__context__ if isinstance(problem.__context__, OSError) else problem
        raise TrainingError(f"{path} cannot be written: {cause}; earlier checkpoints are intact") from problem
    for old in list_checkpoints(folder)[:-keep]:
        _remove(old)
    return path


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as problem:
        raise TrainingError(
            f"{path} cannot be removed: {problem.strerror or problem}; newer checkpoints are intact"
        ) from problem


def load_newest(folder: Path, *, fingerprints: Mapping[str, str], epochs: int) -> tuple[Place, dict[str, Any]]:
    """Loads the newest checkpoint's progress and states, on the CPU.

    Raises TrainingError if there is none, it cannot be read, or it belongs to a run with another configuration.
    """
    paths = list_checkpoints(folder)
    if not paths:
        raise TrainingError(f"{folder} contains no checkpoint to resume from; start without --resume")
    path = paths[-1]
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as problem:
        if isinstance(problem, pickle.UnpicklingError):  # torch would advise to run its code
            reason = (
                "damaged, or it holds more than tensors and plain values, which are not read since that can run code"
            )
        else:
            reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise TrainingError(f"{path} cannot be read: {reason}; delete it to resume from the previous one") from None
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
                "Restore it, or start a new run in another output folder"
            )
    if epochs < document["epochs"]:
        stored_epochs = document["epochs"]
        raise TrainingError(f"{path}: epochs was {stored_epochs}, now {epochs}; it can only be increased")

"""Checkpoints: written atomically, never with a number that is not finite, and refused if they belong to another run."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch

from bioclip_x.errors import TrainingError
from bioclip_x.io.replacement import open_replacement
from bioclip_x.io.temporary import sweep
from bioclip_x.messages import list_some
from bioclip_x.training.checkpointing.fingerprints import list_differences
from bioclip_x.training.checkpointing.finite import check_finite
from bioclip_x.training.checkpointing.nested import iterate_leaves
from bioclip_x.training.checkpointing.state_files import fill_in_shards, has_shards, is_main, read_rest, save_state

FORMAT: Final = 2
BEST: Final = "checkpoint-best.json"
"""Names the best checkpoint of a run, which is kept besides the newest ones, and its metric."""
_NAME: Final = re.compile(r"checkpoint-(\d+)(\.pt)?")


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


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The content of a checkpoint. metrics: of the last validation before it."""

    place: Place
    states: dict[str, Any]
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class Best:
    """The best checkpoint of a run, and the metric that chose it."""

    checkpoint: Path
    metric: str
    value: float


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


def sweep_leftovers(folder: Path) -> None:
    """Deletes the unfinished files of runs that were killed from a run's folder."""
    for one in (folder, folder / "model"):
        sweep(one)


def list_checkpoints(folder: Path) -> list[Path]:
    """Returns the folder's checkpoints, oldest first."""
    paths = [(int(match[1]), path) for path in folder.glob("checkpoint-*") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(paths)]


def find_newest(folder: Path) -> Path:
    """Returns the newest checkpoint of a run. Raises TrainingError if there is none."""
    paths = list_checkpoints(folder)
    if not paths:
        raise TrainingError(
            f"{folder} contains no checkpoint to resume from; start without --resume, or with --resume auto"
        )
    return paths[-1]


def find_best(folder: Path) -> Path | None:
    """Returns the best checkpoint of a run, None without validation."""
    best = read_best(folder)
    return best.checkpoint if best else None


def read_best(folder: Path) -> Best | None:
    """Returns what is known of the best checkpoint of a run; None without validation, or if it is gone."""
    try:
        document = json.loads((folder / BEST).read_text("utf-8"))
        best = Best(folder / document["checkpoint"], document["metric"], document["value"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise TrainingError(f"{folder / BEST} cannot be read: {problem}; delete it") from None
    return best if _NAME.fullmatch(best.checkpoint.name) and best.checkpoint.exists() else None


def save(
    folder: Path,
    place: Place,
    states: Mapping[str, Any],
    *,
    fingerprint: Mapping[str, Any],
    epochs: int,
    keep: int,
    metrics: Mapping[str, float] | None = None,
) -> Path:
    """Writes a checkpoint and removes all but the newest `keep` and the best one. Called by all processes.

    states: name → state_dict of a part of the run. Raises TrainingError if a number is not finite, and then writes nothing;
    and for errors of the file system, which earlier checkpoints survive.
    """
    check_finite(states, place.step)
    document = {
        "format": FORMAT,
        "place": asdict(place),
        "states": dict(states),
        "fingerprint": json.dumps(fingerprint),
        "epochs": epochs,
        "metrics": dict(metrics or {}),
    }
    path = folder / f"checkpoint-{place.step:07d}{'' if has_shards(states) else '.pt'}"
    with _naming_problems(path, "written"):
        save_state(path, document)
    if is_main():
        for old in list_checkpoints(folder)[:-keep]:
            if old != find_best(folder):
                _remove(old)
    return path


def mark_best(path: Path, metric: str, value: float) -> None:
    """Names a checkpoint as the best of its run. Called by the main process. The former best goes with the next `save`."""
    file = path.with_name(BEST)
    with _naming_problems(file, "written"), open_replacement(file) as handle:
        json.dump({"checkpoint": path.name, "metric": metric, "value": value}, handle, indent=2)
        handle.write("\n")


def load(path: Path, template: Mapping[str, Any], *, fingerprint: Mapping[str, Any], epochs: int) -> Checkpoint:
    """Loads a checkpoint, on the CPU. Called by all processes.

    template: the states of the run at hand; a tensor that is sharded there is loaded sharded.
    Raises TrainingError if it cannot be read, or belongs to another run, and says in what this differs.
    """
    try:
        document = read_rest(path)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as problem:
        raise TrainingError(f"{path} cannot be read: {_explain(problem)}; {_name_remedy(path)}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a checkpoint of this version of bioclip-x")
    _check_run(path, document, fingerprint, epochs)
    _check_shapes(path, document["states"], template)
    try:
        states = fill_in_shards(path, document, {"states": template})["states"]
    except (OSError, RuntimeError, ValueError, KeyError) as problem:
        raise TrainingError(f"{path} cannot be read: {_explain(problem)}; {_name_remedy(path)}") from None
    return Checkpoint(Place(**document["place"]), states, document["metrics"])


def _check_run(path: Path, document: Mapping[str, Any], fingerprint: Mapping[str, Any], epochs: int) -> None:
    """Raises TrainingError with what differs between the run of a checkpoint and the run at hand."""
    differences = list(list_differences(json.loads(document["fingerprint"]), json.loads(json.dumps(fingerprint))))
    if differences:
        raise TrainingError(
            f"{path} belongs to another run: {list_some(differences)}. Restore it, or start a new run in another output folder"
        )
    if epochs < (before := document["epochs"]):
        raise TrainingError(f"{path}: epochs was {before}, now {epochs}; it can only be increased")


def _check_shapes(path: Path, states: Mapping[str, Any], template: Mapping[str, Any]) -> None:
    """Raises TrainingError if a checkpoint has other parts than the run at hand, or tensors of other shapes."""
    if states.keys() != template.keys():
        raise TrainingError(
            f"{path} has the state of {', '.join(states)}, but this run has that of {', '.join(template)}; start a new run "
            "in another output folder"
        )
    differences = []
    for part, wanted in template.items():
        stored, current = _list_shapes(states[part]), _list_shapes(wanted)
        if path.is_dir():  # its shards are compared as they are loaded
            current = {name: shape for name, shape in current.items() if name in stored}
        for name in dict.fromkeys((*current, *stored)) if current else ():  # an optimiser at its first step has none
            if stored.get(name) != current.get(name):
                differences.append(f"{part}.{name}: {stored.get(name, 'nothing')}, now {current.get(name, 'nothing')}")
    if differences:
        raise TrainingError(
            f"{path} is of another model: {list_some(differences)}; start a new run in another output folder"
        )


def _list_shapes(state: Any) -> dict[str, list[int]]:
    """Returns name → shape of the tensors of a state."""
    return {name: list(one.shape) for name, one in iterate_leaves(state) if isinstance(one, torch.Tensor)}


def _explain(problem: Exception) -> str:
    if isinstance(problem, pickle.UnpicklingError):  # torch would advise to run its code
        return "damaged, or it holds more than tensors and plain values, which are not read since that can run code"
    return str(problem).splitlines()[0] if str(problem) else type(problem).__name__


def _name_remedy(path: Path) -> str:
    earlier = [one for one in list_checkpoints(path.parent) if one < path]
    return (
        f"delete it to resume from {earlier[-1].name}"
        if earlier
        else "there is no earlier one: delete it to start again"
    )


@contextmanager
def _naming_problems(path: Path, done: str) -> Iterator[None]:
    """Turns errors of the file system into TrainingErrors."""
    try:
        yield
    except (OSError, RuntimeError) as problem:
        # torch reports a full disk as a RuntimeError, raised while it handles the informative OSError.
        cause = problem.__context__ if isinstance(problem.__context__, OSError) else problem
        raise TrainingError(f"{path} cannot be {done}: {cause}; earlier checkpoints are intact") from problem


def _remove(path: Path) -> None:
    with _naming_problems(path, "removed"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

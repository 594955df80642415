"""Checkpoints: written atomically, never with a number that is not finite, and refused if they belong to another run."""

from __future__ import annotations

import json
import math
import os
import pickle
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bioclip_x.errors import TrainingError
from bioclip_x.faults import summarise
from bioclip_x.io.files import read_yaml
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.io.storage.temporary import sweep
from bioclip_x.messages import list_some
from bioclip_x.training.checkpointing.fingerprints import list_differences
from bioclip_x.training.checkpointing.finite import check_finite, find_non_finite
from bioclip_x.training.checkpointing.nested import iterate_leaves
from bioclip_x.training.checkpointing.state_files import fill_in_shards, has_shards, is_main, read_rest, save_state
from bioclip_x.validation import find_first_error

FORMAT: Final = 2
BEST: Final = "checkpoint-best.json"
"""Names the best checkpoint of a run, which is kept besides the newest ones, and its metric."""
_NAME: Final = re.compile(r"checkpoint-([0-9]+)(\.pt)?")
_BEST_BYTES: Final = 1 << 20
_STRICT: Final = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_UNREADABLE: Final = (
    OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, pickle.UnpicklingError,
)  # fmt: skip
"""What reading a damaged file raises, of torch's, too."""


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
        folder.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as problem:  # a name with a NUL byte, or one that is too long
        reason = getattr(problem, "strerror", None) or str(problem)
        if not isinstance(problem, NotADirectoryError):
            raise TrainingError(
                f"output: the folder {str(folder)[:200]!r} cannot be: {reason}; name another with --output"
            ) from None
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
    file = folder / BEST
    if not os.path.lexists(file):
        return None
    try:
        if not file.is_file():
            raise TrainingError(f"{file}: expected a file")
        read = _Best.model_validate(read_yaml(file, TrainingError, most=_BEST_BYTES))
    except ValidationError as problem:
        raise TrainingError(f"{file}: {find_first_error(problem, _Best)}; delete it") from None
    except TrainingError as problem:
        raise TrainingError(f"{problem}; delete it") from None
    best = Best(folder / read.checkpoint, read.metric, read.value)
    return best if best.checkpoint.exists() else None


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


def read(path: Path) -> Document:
    """Reads what a checkpoint says, without what is sharded. Raises TrainingError for a damaged one, with a remedy."""
    try:
        return _read_document(path)
    except _UNREADABLE as problem:
        raise _make_error(path, problem) from None


def load(
    path: Path,
    template: Mapping[str, Any],
    *,
    fingerprint: Mapping[str, Any],
    epochs: int,
    steps_per_epoch: int | None = None,
    document: Document | None = None,
) -> Checkpoint:
    """Loads a checkpoint, on the CPU. Called by all processes.

    template: the states of the run at hand; a tensor that is sharded there is loaded sharded. steps_per_epoch: of the run at
    hand, by which its progress is checked. document: as `read` returns it, if the file has been read.
    Raises TrainingError if it cannot be read, or belongs to another run, and says in what this differs.
    """
    document = document or read(path)
    _check_run(path, json.loads(document.fingerprint), fingerprint)
    if epochs < document.epochs:
        raise TrainingError(f"{path}: epochs was {document.epochs}, now {epochs}; it can only be increased")
    place = document.place
    length = steps_per_epoch or 0
    if place.epoch > epochs or (length and place.step != place.epoch * length + place.epoch_step):
        raise _make_error(path, ValueError(f"step {place.step} is not in epoch {place.epoch} of {epochs}"))
    try:
        _check_shapes(path, document.states, template)
        if (name := find_non_finite(document.states)) is not None:
            raise ValueError(f"{name} is not finite")
        states = fill_in_shards(path, {"states": document.states}, {"states": template})["states"]
    except _UNREADABLE as problem:
        raise _make_error(path, problem) from None
    return Checkpoint(Place(**vars(place)), states, document.metrics)


def restore(path: Path, parts: Mapping[str, Any], states: Mapping[str, Any]) -> None:
    """Gives each part of a run its state. parts: name → object with `load_state_dict`.

    Raises TrainingError naming the part whose state it cannot take.
    """
    for name, part in parts.items():
        try:
            if isinstance(part, torch.optim.Optimizer):
                groups = [dict(group) for group in part.param_groups]
                _check_values(states[name])  # torch would convert them
                part.load_state_dict(states[name])
                _check_optimizer(part, groups)
            else:
                part.load_state_dict(states[name])
        except Exception as problem:  # torch and plugins check states, or fail on them, in ways of their own
            raise _make_error(path, ValueError(f"the state of {name}: {summarise(problem)}")) from None


def _check_values(state: Mapping[str, Any]) -> None:
    """Raises ValueError unless all values that an optimiser keeps of its parameters are tensors of floating point."""
    for name, value in iterate_leaves(state["state"]):
        if not isinstance(value, str) and (not isinstance(value, torch.Tensor) or not value.is_floating_point()):
            raise ValueError(f"{name}: expected a tensor of floating point, got {getattr(value, 'dtype', value)!r:.80}")


def _check_optimizer(optimizer: torch.optim.Optimizer, before: Sequence[Mapping[str, Any]]) -> None:
    """Raises ValueError for what is not of this run, and torch takes as it is. before: its groups, of this run."""
    if len({frozenset(state) for state in optimizer.state.values()}) > 1:
        raise ValueError("values are missing of some parameters")
    for group, own in zip(optimizer.param_groups, before):
        if not isinstance(rate := group.get("lr"), float) or not 0 <= rate < math.inf:
            raise ValueError(f"lr: expected a number from 0, got {rate!r:.80}")
        for key in ("betas", "eps", "weight_decay"):
            if group.get(key) != own.get(key):
                raise ValueError(f"{key}: {group.get(key)!r:.80}, now {own.get(key)!r}")
        for parameter in group["params"]:
            for key, value in optimizer.state.get(parameter, {}).items():
                if key != "step" and value.shape != parameter.shape:
                    raise ValueError(f"{key}: expected {list(parameter.shape)}, got {list(value.shape)}")


def _check_json(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("fingerprint: it is no JSON") from None
    return text


class _Place(BaseModel):
    """`Place`, as read from a file."""

    model_config = _STRICT

    step: int = Field(ge=1, lt=2**53)
    epoch: int = Field(ge=0, lt=2**53)
    epoch_step: int = Field(ge=0, lt=2**53)
    epoch_loss: float


class Document(BaseModel):
    """What `save` writes."""

    model_config = _STRICT

    format: Literal[2]
    place: _Place
    states: dict[str, Any]
    fingerprint: Annotated[str, AfterValidator(_check_json)]
    epochs: int = Field(ge=1)
    metrics: dict[str, float]
    files: Any = None


class _Best(BaseModel):
    """What `mark_best` writes."""

    model_config = _STRICT

    checkpoint: str = Field(pattern=f"^{_NAME.pattern}$")
    metric: str
    value: float


def _read_document(path: Path) -> Document:
    """Raises one of `_UNREADABLE`."""
    document = read_rest(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("it is not a checkpoint of this version of bioclip-x")
    try:
        return Document.model_validate(document)
    except ValidationError as problem:
        raise ValueError(str(find_first_error(problem, Document))) from None


def _make_error(path: Path, problem: Exception) -> TrainingError:
    return TrainingError(f"{path} cannot be read: {_explain(problem)}; {_name_remedy(path)}")


def _check_run(path: Path, before: Any, fingerprint: Mapping[str, Any]) -> None:
    """Raises TrainingError with what differs between the run of a checkpoint and the run at hand."""
    differences = list(list_differences(before, json.loads(json.dumps(fingerprint))))
    if differences:
        raise TrainingError(
            f"{path} belongs to another run: {list_some(differences)}. Restore it, or start a new run in another output folder"
        )


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
        if isinstance(wanted, Mapping) and states[part].keys() != wanted.keys():
            keys = sorted(map(str, states[part].keys() ^ wanted.keys()))
            differences += [
                f"{part}.{key}: not in both" for key in keys if not any(f"{part}.{key}" in one for one in differences)
            ]
    if differences:
        raise TrainingError(
            f"{path} is of another model: {list_some(differences)}; start a new run in another output folder"
        )


def _list_shapes(state: Any) -> dict[str, str]:
    """Returns name → shape of the tensors of a state, and their kind where that is another than floating point."""
    return {name: _describe(one) for name, one in iterate_leaves(state) if isinstance(one, torch.Tensor)}


def _describe(tensor: torch.Tensor) -> str:
    usual = tensor.is_floating_point() and tensor.layout == torch.strided and tensor.device.type != "meta"
    kind = "" if usual else f" {tensor.dtype} {tensor.layout}".replace("torch.", "").replace(" strided", "")
    return f"{list(tensor.shape)}{kind}{' without values' if tensor.device.type == 'meta' else ''}"


def _explain(problem: Exception) -> str:
    if isinstance(problem, RecursionError):
        return "it is nested too deep"
    if isinstance(problem, pickle.UnpicklingError):  # torch would advise to run its code
        return "damaged, or it holds more than tensors and plain values, which are not read since that can run code"
    return str(problem).splitlines()[0][:300] if str(problem) else type(problem).__name__


def _name_remedy(path: Path) -> str:
    """Names the checkpoints to delete, and the newest one before them that is whole."""
    all_ = list_checkpoints(path.parent)
    earlier = all_[: all_.index(path)] if path in all_ else []
    damaged = [path.name]
    for one in reversed(earlier):
        try:
            _read_document(one)
        except _UNREADABLE:
            damaged.append(one.name)
            continue
        return f"delete {'it' if len(damaged) == 1 else ' and '.join(damaged)} to resume from {one.name}"
    if len(damaged) > 1:
        return f"the earlier ones are damaged, too: delete {' and '.join(damaged)} to start again"
    return "there is no earlier one: delete it to start again"


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

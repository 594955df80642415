"""Model soups: one model whose weights are the mean of several (Wortsman et al. 2022, arXiv 2203.05482).

The ingredients are fine-tuned from the same model: the mean of unrelated weights is of no use, although it can be computed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from safetensors.torch import save

from bioclip_x.errors import TrainingError
from bioclip_x.io.files import read_yaml
from bioclip_x.io.paths import expand_home
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.io.tensor_files import open_tensors
from bioclip_x.limits import MODEL_DOCUMENT_BYTES

CARD: Final = "bioclip_x.json"
README: Final = "README.md"
_WEIGHTS: Final = ".safetensors"
_OWN: Final = (CARD, README, "training.json")
"""Files about one ingredient's training."""

T = TypeVar("T")


def choose_greedily(candidates: Sequence[T], score: Callable[[Sequence[T]], float]) -> list[T]:
    """Chooses the ingredients of a greedy soup: the best alone, and then, from the next best on, each with which the soup is
    at least as good as without it (algorithm 1 of the paper).

    score: of the soup of some candidates, higher is better.
    """
    alone = [score([one]) for one in candidates]
    order = sorted(range(len(candidates)), key=lambda i: -alone[i])
    chosen, best = [candidates[order[0]]], alone[order[0]]
    for i in order[1:]:
        value = score([*chosen, candidates[i]])
        if value >= best:
            chosen, best = [*chosen, candidates[i]], value
    return chosen


def find_model_folder(path: Path) -> Path:
    """Returns the folder of a model: the path itself, or that of a training run. Raises TrainingError if there is none."""
    place = expand_home(Path(str(path).removeprefix("local-dir:")), TrainingError).resolve()
    for folder in (place, place / "model"):
        if next(folder.glob(f"*{_WEIGHTS}"), None):
            return folder
    raise TrainingError(f"{path}: expected the folder of a model or of a training run, with weights as {_WEIGHTS}")


def check_ingredients(folders: Sequence[Path]) -> None:
    """Raises TrainingError unless the models have the same architecture, tokenizer and taxonomy."""
    first, *others = folders
    expected = _describe(first)
    for folder in others:
        found = _describe(folder)
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                raise TrainingError(
                    f"{folder}: its {name} differs from that of {first}; the models of a soup are trained from the same one, "
                    "with the same classes"
                )


def write_soup(folders: Sequence[Path], output: Path, about: Mapping[str, Any]) -> None:
    """Writes a model folder with the mean of the models' weights, each in the type that it has in the first one.

    Linear heads of losses are averaged, too; all other files are the first model's. about: how the soup was made, for its card.
    """
    first = folders[0]
    card = {name: value for name, value in _read_card(first).items() if name != "gate"}
    try:
        output.mkdir(parents=True, exist_ok=True)
        for file in _list_files(first):
            copy = output / file.relative_to(first)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        for file in _list_weights(first):
            name = file.relative_to(first)
            with open_tensors(file, TrainingError) as weights:
                metadata = weights.metadata()
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            with open_replacement(output / name, "wb") as handle:
                handle.write(save(dict(_average([folder / name for folder in folders])), metadata=metadata))
        document = {**card, "soup": {**about, "of": [describe_ingredient(folder) for folder in folders]}}
        with open_replacement(output / CARD) as handle:
            json.dump(document, handle, indent=2, ensure_ascii=False)
        with open_replacement(output / README) as handle:
            handle.write(_format_readme(document["soup"]))
    except OSError as problem:
        raise TrainingError(f"{output}: the soup cannot be written: {problem.strerror or problem}") from problem


def describe_ingredient(folder: Path) -> str:
    """Returns a name and hash of a model's weights, without its path."""
    digest = hashlib.sha256()
    for file in _list_weights(folder):
        with file.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    name = folder.parent.name if folder.name == "model" else folder.name
    return f"{name} (sha256:{digest.hexdigest()[:16]})"


def _average(files: Sequence[Path]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields the mean of each tensor over the files, in float64; of integers (counts of batches), the first file's."""
    with ExitStack() as stack:
        handles = [stack.enter_context(open_tensors(file, TrainingError)) for file in files]
        for name in handles[0].keys():  # noqa: SIM118 - a file, not a dict
            tensors = [handle.get_tensor(name) for handle in handles]
            for tensor, file in zip(tensors, files):
                if tensor.is_floating_point() and not tensor.isfinite().all():
                    raise TrainingError(f"{file}: {name} has NaN or infinity; leave this model out")
            if tensors[0].is_floating_point():
                yield name, torch.stack([tensor.double() for tensor in tensors]).mean(dim=0).to(tensors[0].dtype)
            else:
                yield name, tensors[0]


def _describe(folder: Path) -> dict[str, object]:
    """Returns what the models of a soup have in common, by name."""
    facts: dict[str, object] = {
        f"file {file.relative_to(folder)}": hashlib.sha256(file.read_bytes()).hexdigest()
        for file in _list_files(folder)
    }
    for file in _list_weights(folder):
        with open_tensors(file, TrainingError) as handle:
            for name in handle.keys():  # noqa: SIM118 - a file, not a dict
                part = handle.get_slice(name)
                facts[f"weight {name} in {file.relative_to(folder)}"] = tuple(part.get_shape()), "F" in part.get_dtype()
    return facts


def _list_weights(folder: Path) -> list[Path]:
    described = _read_card(folder).get("gate")  # statistics of one model's embeddings
    gate = described.get("file") if isinstance(described, dict) else None
    return sorted(file for file in folder.rglob(f"*{_WEIGHTS}") if file.name != gate)


def _list_files(folder: Path) -> list[Path]:
    """Returns the files that a soup has in common with its ingredients: configuration, tokenizer, taxonomy, texts."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return sorted(file for file in files if file.suffix != _WEIGHTS and file.name not in _OWN)


def _read_card(folder: Path) -> dict[str, Any]:
    file = folder / CARD
    if not file.is_file():
        return {}
    card = read_yaml(file, TrainingError, most=MODEL_DOCUMENT_BYTES)
    if not isinstance(card, dict):
        raise TrainingError(f"{file}: expected a mapping, got {type(card).__name__}")
    return dict(card)


def _format_readme(about: Mapping[str, Any]) -> str:
    lines = [f"- {one}" for one in about["of"]]
    facts = [f"{name}: {value}" for name, value in about.items() if name != "of"]
    return "\n".join(
        ["# A model soup", "", "Its weights are the mean of those of these models (Wortsman et al. 2022, arXiv 2203.05482):", "",
         *lines, "", *facts, ""]
    )  # fmt: skip

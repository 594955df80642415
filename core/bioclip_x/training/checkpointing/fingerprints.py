"""What a resumed run must have in common with the run that it resumes, and how the two differ.

A fingerprint is a nested mapping of plain values, stored in every checkpoint. Files are compared by what was read from them, not
by where they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from bioclip_x.hooks.components import Dataset, Kind
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import get_name, get_sample
from bioclip_x.progress import report_progress
from bioclip_x.training.config import CHANGEABLE, COMPARED_BY_CONTENT, TrainConfig

if TYPE_CHECKING:
    from bioclip_x.training.components import Parts

ABSENT: Final = "nothing"


def make_fingerprint(config: TrainConfig, parts: Parts, precision: str, registry: Registry) -> dict[str, Any]:
    """Returns what must be equal for a run to be resumed. Called before the model is changed: it hashes initial weights.

    precision: with "auto" resolved.
    """

    def describe(kind: Kind, one: Any) -> dict[str, Any]:
        """Describes a component with the numbers beside it, such as its share or weight."""
        beside = one.model_dump(mode="json", exclude={"component"})
        return {**describe_component(registry, kind, one.component), **beside}

    assert config.encoder is not None
    components = {"encoder", "adapter", "text", "data", "loss"}
    plain = config.model_dump(mode="json", exclude={*CHANGEABLE, *COMPARED_BY_CONTENT, *components})
    return plain | {
        "precision": precision,
        "encoder": describe_component(registry, "encoders", config.encoder),
        "model": _describe_model(config, parts.encoder.module),
        "adapter": config.adapter and describe_component(registry, "adapters", config.adapter),
        "taxonomy": {"classes": parts.taxonomy.n_classes, "tree": parts.taxonomy.fingerprint},
        "text": [
            {**describe("text_builders", text), "texts": _hash_all(kind.texts)}
            for text, kind in zip(config.text, parts.texts.kinds)
        ],
        "data": [
            {**describe("datasets", data), **describe_dataset(dataset)}
            for data, dataset in zip(config.data, parts.datasets)
        ],
        "loss": [describe("losses", term) for term in config.loss],
    }


def _describe_model(config: TrainConfig, module: torch.nn.Module) -> Any:
    """Returns the model's name or description; of a local folder, which may be moved, the hash of its weights."""
    if isinstance(config.model, str) and config.model.startswith("local-dir:"):
        return {"weights": hash_weights(module)}
    return config.model


def describe_component(registry: Registry, kind: Kind, ref: ComponentRef) -> dict[str, Any]:
    """Returns a component's name and options as plain values, defaults included, but none that is a path or None."""
    options = registry.options(kind, ref.name, ref.options)
    compared = {key: value for key, value in options.items() if value is not None and not isinstance(value, Path)}
    return {"name": ref.name, **json.loads(json.dumps(compared, default=str))}


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Hashes what a prepared data set says of its images, in order: where they are, their taxa, texts and aspects.

    The images themselves are not read. Paths and addresses count from the folder that all have in common, so that a data set
    may be moved.
    """
    names = [get_name(dataset, index) for index in range(len(dataset))]
    start, taxa = len(_find_common_folder(names)), set()
    digest = hashlib.sha256()
    for index, name in enumerate(names):
        sample = get_sample(dataset, index)
        place = name[start:].replace("\\", "/")
        digest.update(json.dumps([place, sample.node, sample.texts, sample.aspects]).encode())
        taxa.add(sample.node)
        if (index + 1) % 1000 == 0:
            report_progress("reading labels", index + 1, len(names))
    return {"images": len(names), "taxa": len(taxa - {-1}), "content": digest.hexdigest()[:16]}


def _find_common_folder(names: Sequence[str]) -> str:
    """Returns what all names begin with, up to a separator.

    >>> _find_common_folder(["data/birds/1.png", "data/birch/2.png"])
    'data/'
    """
    first, last = min(names), max(names)
    alike = next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), min(len(first), len(last)))
    return first[: max(first.rfind(separator, 0, alike) for separator in "/\\") + 1]


def hash_weights(module: torch.nn.Module) -> str:
    """Hashes the names and values of a module's state."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def list_differences(stored: Any, current: Any, path: str = "") -> Iterator[str]:
    """Yields "loss.name: 'clip', now 'unicl'" for each value that differs between two fingerprints."""
    if isinstance(stored, Mapping) and isinstance(current, Mapping):
        for key in dict.fromkeys((*stored, *current)):
            below = f"{path}.{key}" if path else str(key)
            yield from list_differences(stored.get(key, ABSENT), current.get(key, ABSENT), below)
    elif isinstance(stored, list | tuple) and isinstance(current, list | tuple) and len(stored) == len(current):
        for index, (old, new) in enumerate(zip(stored, current)):
            yield from list_differences(old, new, f"{path}[{index}]")
    elif stored != current:
        yield f"{path}: {_show(stored)}, now {_show(current)}"


def _show(value: Any) -> str:
    return value if value == ABSENT else json.dumps(value, ensure_ascii=False)


def _hash_all(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:16]

"""What a resumed run must have in common with the run that it resumes, and how the two differ.

A fingerprint is a nested mapping of plain values, stored in every checkpoint. Files are compared by what was read from them, not
by where they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from bioclip_x.components import Dataset, Kind
from bioclip_x.faults import naming
from bioclip_x.options import ComponentRef
from bioclip_x.registry import Registry
from bioclip_x.taxonomy import Taxonomy

ABSENT: Final = "nothing"


def describe_taxonomy(taxonomy: Taxonomy) -> dict[str, Any]:
    return {"classes": taxonomy.n_classes, "tree": taxonomy.fingerprint}


def describe_texts(texts: Sequence[Sequence[str]]) -> list[str]:
    """Hashes the texts of each kind, in class order."""
    return [_hash_all(kind) for kind in texts]


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
    with naming(dataset, "sample"):
        names = [dataset.name(index) for index in range(len(dataset))]
        start = len(_find_common_folder(names))
        rows = (_list_facts(dataset, index, name[start:]) for index, name in enumerate(names))
        return {"images": len(names), "content": _hash_all(json.dumps(row) for row in rows)}


def _list_facts(dataset: Dataset, index: int, name: str) -> list[Any]:
    sample = dataset.sample(index)
    return [name.replace("\\", "/"), sample.class_index, sample.texts, sample.aspects]


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


def _hash_all(texts: Iterator[str] | Sequence[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:16]

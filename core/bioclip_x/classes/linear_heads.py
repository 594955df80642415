"""Files of linear heads: a linear layer that classifies embedded images, with the lineages of its classes.

A safetensors file: `weight` float32 [C, D], `bias` float32 [C], `classes` uint8, UTF-8 text with one class a line, its lineage
as a JSON list of [rank, name] from the top down. Metadata: `bioclip_x_linear_head`, a JSON object with `version`, `fingerprint`
of the taxonomy that it was trained with, `normalised` (whether it takes embeddings of unit length) and `is_whole` (whether its
rows are that taxonomy's classes in order). One entry, since safetensors writes several in a random order.

Legend: C classes of the head, K classes of a taxonomy, D embedding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save as to_safetensors

from bioclip_x.errors import ScoresError
from bioclip_x.hooks.components import LinearHead
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.io.tensor_files import open_tensors
from bioclip_x.messages import list_some
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.tree import TAXON

ENTRY: Final = "bioclip_x_linear_head"
VERSION: Final = 1
_DESCRIBED: Final = {"version", "fingerprint", "normalised", "is_whole"}


@dataclass(frozen=True, eq=False)
class SavedHead:
    """A head as read from a file. weight_CD, bias_C: float32. lineages: C. fingerprint, is_whole, normalised: see above."""

    path: Path
    weight_CD: torch.Tensor
    bias_C: torch.Tensor
    lineages: tuple[str, ...]
    fingerprint: str
    is_whole: bool
    normalised: bool


def save_linear_head(path: Path, head: LinearHead, taxonomy: Taxonomy) -> None:
    """Writes a head; an existing file is replaced atomically. Raises OSError."""
    text = "\n".join(format_lineages(taxonomy, head.nodes_C.tolist()))
    tensors = {
        "weight": head.weight_CD.float().contiguous(),
        "bias": head.bias_C.float().contiguous(),
        "classes": torch.from_numpy(np.frombuffer(text.encode(), np.uint8).copy()),
    }
    about = {
        "version": VERSION,
        "fingerprint": taxonomy.fingerprint,
        "is_whole": np.array_equal(head.nodes_C, taxonomy.leaf_node_C),
        "normalised": head.normalised,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_replacement(path, "wb") as handle:
        handle.write(to_safetensors(tensors, {ENTRY: json.dumps(about)}))


def load_linear_head(path: Path) -> SavedHead:
    """Reads a head. Raises ScoresError if the file cannot be read, or is not a head's."""
    with open_tensors(path, ScoresError) as file:
        about = _parse((file.metadata() or {}).get(ENTRY, "{}"))
        tensors: dict[str, torch.Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    is_described = isinstance(about, dict) and about.get("version") == VERSION and about.keys() >= _DESCRIBED
    if not is_described or tensors.keys() != {"weight", "bias", "classes"}:
        raise ScoresError(
            f"{path} is not a linear head of this version, which `bioclip-x train` writes to model/heads/: its tensors are "
            f"{list_some(sorted(tensors), 3)}"
        )
    weight, bias = tensors["weight"], tensors["bias"]
    if not (weight.is_floating_point() and bias.is_floating_point()):
        raise ScoresError(f"{path}: expected weights and biases of floating point, got {weight.dtype} and {bias.dtype}")
    weight_CD, bias_C = weight.float(), bias.float()
    lineages = _read_lineages(tensors["classes"], path)
    if (
        weight_CD.ndim != 2
        or not weight_CD.shape[1]
        or bias_C.shape != (len(lineages),)
        or len(weight_CD) != len(lineages)
    ):
        raise ScoresError(
            f"{path}: expected weights [C, D], biases [C] and C classes, got {list(weight_CD.shape)}, {list(bias_C.shape)} and "
            f"{len(lineages)} classes"
        )
    if not (weight_CD.isfinite().all() and bias_C.isfinite().all()):
        raise ScoresError(f"{path}: a weight is not a finite number")
    return SavedHead(
        path, weight_CD, bias_C, lineages, about["fingerprint"], about["is_whole"] is True, about["normalised"] is True
    )


def _read_lineages(text: torch.Tensor, path: Path) -> tuple[str, ...]:
    """Returns the lineages of a file. Raises ScoresError unless each is a JSON list of pairs of a rank and a name."""
    try:
        lines = tuple(bytes(text.numpy()).decode().split("\n")) if text.dtype == torch.uint8 and text.ndim == 1 else ()
    except UnicodeDecodeError:
        lines = ()
    for line in lines or ("",):
        pairs = _parse(line)
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair) for pair in pairs
        ):
            raise ScoresError(f"{path}: expected its classes as lines of [[rank, name], ...], got {line[:80]!r}")
    return lines


def _parse(text: str) -> Any:
    """Parses JSON; returns None for what is none, or nested too deep."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def match_head(head: SavedHead, taxonomy: Taxonomy) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Returns the head's row of each class, int64 [K], -1 for a class without weights; and notes on such classes.

    Classes are matched by their whole lineage. Raises ScoresError if no class has weights.
    """
    if head.is_whole and head.fingerprint == taxonomy.fingerprint:
        return np.arange(taxonomy.n_classes), ()
    row_of = {lineage: row for row, lineage in enumerate(head.lineages)}
    lineages = format_lineages(taxonomy, taxonomy.leaf_node_C.tolist())
    row_K = np.array([row_of.get(lineage, -1) for lineage in lineages], np.int64)
    missing = np.flatnonzero(row_K < 0)
    if len(missing) == len(row_K):
        raise ScoresError(
            f"{head.path}: none of its {len(head.lineages)} classes ({_name_some(head.lineages)}) is a class of "
            f"{taxonomy.source or 'the taxonomy'} ({_name_some(lineages)}), compared by the whole lineage; use the taxonomy "
            "that it was trained with, or a part of it"
        )
    if not len(missing):
        return row_K, ()
    names = list_some([taxonomy.class_taxon(int(c)).name for c in missing[:4]], 3)
    note = f"{len(missing)} of {len(row_K)} classes have no weights in {head.path.name}, and no share: {names}"
    return row_K, (note,)


def format_lineages(taxonomy: Taxonomy, nodes: Iterable[int]) -> list[str]:
    """Returns the lineage of the taxon of each node as a JSON list of [rank, name], from the top down."""
    pairs_of: dict[int, str] = {0: ""}

    def join(node: int) -> str:
        owner = int(taxonomy.owner_N[node])
        if owner not in pairs_of:
            above = join(int(taxonomy.parent_N[owner]))
            pair = json.dumps([taxonomy.rank(owner), taxonomy.names[owner]], ensure_ascii=False)
            is_taxon = taxonomy.kind_N[owner] == TAXON
            pairs_of[owner] = (f"{above}, {pair}" if above else pair) if is_taxon else above
        return pairs_of[owner]

    return [f"[{join(node)}]" for node in nodes]


def _name_some(lineages: Iterable[str]) -> str:
    firsts = [lineage for lineage, _ in zip(lineages, range(3))]
    return ", ".join(pairs[-1][1] if (pairs := json.loads(lineage)) else "no name" for lineage in firsts)

"""Part of the classes: the recipe's subset, and of embeddings that are there for all classes those of the subset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bioclip_x.pipeline.lists import read_list
from bioclip_x.records import Prompt, TextBank
from bioclip_x.registry import Registry
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.subset import Subset, subset


def part_of(registry: Registry, terms: Sequence[str], taxonomy: Taxonomy) -> Subset:
    """The subset that terms (`class=Insecta`) describe; all of it, the very same, where there are none. Raises TaxonomyError."""
    if not terms:
        return Subset(taxonomy, np.arange(taxonomy.n_classes, dtype=np.int32), ())
    part = subset(taxonomy, terms, read=lambda path: read_list(registry, path))
    return replace(part, tree=replace(part.tree, notes=(*part.tree.notes, *part.notes)))


def part_of_bank(
    bank: TextBank, classes: npt.NDArray[np.int32], prompts: Callable[[npt.NDArray[np.int64]], Sequence[Prompt]]
) -> TextBank:
    """The rows of some classes, which are numbered anew from 0. One clade is a slice of the bank and needs no memory.

    classes: int32 [C'], each once. prompts: makes the prompts of given owners, int64 [P'] in the new numbers.
    """
    import torch

    new_C = np.full(bank.n_classes, -1, np.int64)
    new_C[classes] = np.arange(len(classes))
    rows = np.flatnonzero(new_C[bank.owner_P] >= 0)
    rows = rows[np.argsort(new_C[bank.owner_P[rows]], kind="stable")]
    is_one_piece = bool((np.diff(rows) == 1).all())
    chosen = slice(int(rows[0]), int(rows[-1]) + 1) if is_one_piece else torch.from_numpy(rows)
    owner_P = new_C[bank.owner_P[rows]]
    return replace(
        bank,
        prompts=prompts(owner_P),
        embeddings_PD=bank.embeddings_PD[chosen],
        half_PD=None if bank.half_PD is None else bank.half_PD[chosen],
        owner_P=owner_P,
        weight_P=bank.weight_P[rows],
        n_classes=len(classes),
        key=hashlib.sha256(bank.key.encode() + rows.tobytes()).hexdigest()[:32],
    )

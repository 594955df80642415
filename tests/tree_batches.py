"""Batches for the losses on trees: unit embeddings, labels and texts at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import normalize

from bioclip_x.records.training import LossInput
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.training.compute.world import World

LINEAGES = (
    "F,A,A one", "F,A,A two", "F,B,B one", "G,C,C one", "G,C,C two", "G,,G one", "H,D,",
)  # fmt: skip


def make_taxonomy() -> Taxonomy:
    """Seven classes in three families: one without a genus, one that is a genus."""
    builder = TaxonomyBuilder()
    for lineage in LINEAGES:
        names = zip(("family", "genus", "species"), lineage.split(","))
        builder.add_lineage([(rank, name) for rank, name in names if name])
    return builder.build()


def find(taxonomy: Taxonomy, name: str) -> int:
    return next(n for n in range(taxonomy.n_nodes) if taxonomy.names[n] == name)


@dataclass
class Bank:
    """Rows of classes from `first` on."""

    rows_cD: torch.Tensor
    first: int = 0

    def rows(self) -> torch.Tensor:
        return self.rows_cD


def draw_unit(rows: int, d: int, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(rows, d, generator=rng, dtype=torch.float64), dim=1)


def make_batch(
    taxonomy: Taxonomy,
    image_BD: torch.Tensor,
    node_B: torch.Tensor,
    text_TD: torch.Tensor | None = None,
    text_BK: torch.Tensor | None = None,
    *,
    bank: Any = None,
    world: Any = None,
    scale: torch.Tensor | None = None,
) -> LossInput:
    b, none = len(image_BD), torch.empty(0)
    return LossInput(
        image_BD=image_BD, image_raw_BD=image_BD, text_TD=image_BD[:0] if text_TD is None else text_TD,
        text_BK=torch.zeros(b, 1, dtype=torch.int64) if text_BK is None else text_BK, node_B=node_B, text_id_T=none,
        text_node_T=none, right_BT=none, known_BT=none, own_id_BO=none, aspect_T=none, source_B=none,
        logit_scale=torch.tensor(10.0, dtype=torch.float64) if scale is None else scale, logit_bias=None,
        taxonomy=taxonomy, tree=None, matcher=None, world=world or World(), bank=bank,  # type: ignore[arg-type]
    )  # fmt: skip

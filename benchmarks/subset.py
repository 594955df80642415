"""One class out of 867,455 names, tree and texts, against pybioclip's create_taxa_filter and apply_filter.

Both end with the names of the class and their embeddings (16 dimensions here, to spare pybioclip the memory), ready to be
scored.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from big_tree import tree
from figures import Agreement, Figure, Sides, Target, by_turns, seconds

from bioclip_x.records import TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.editing.subset import Subset, subset
from bioclip_x.text_bank.subset import select_bank_classes

ROUNDS = 3
DIM = 16


def measure(rounds: int) -> dict[str, Figure]:
    with TemporaryDirectory() as folder:
        taxonomy, rows = tree(Path(folder))
    texts_PD = torch.nn.functional.normalize(torch.randn(taxonomy.n_classes, DIM), dim=1)
    names = {name: rows_of for name, rows_of in _classes(taxonomy).items()}
    figures = {}
    for what, name in names.items():
        ours, peers = partial(_ours, taxonomy, texts_PD, name), partial(_peers, rows, texts_PD, name)
        difference = float((ours()[1].embeddings_PD - peers()).abs().max())
        sides = Sides("subset", "pybioclip", "s")
        samples = by_turns(partial(seconds, ours), partial(seconds, peers), rounds)
        figures[what] = Figure(sides, Target("at least", 100), samples, Agreement(difference))
    return figures


def _classes(taxonomy: Taxonomy) -> dict[str, str]:
    """The class of median size, by name."""
    nodes = taxonomy.rank_tables["class"]
    sizes = taxonomy.leaf_stop_N[nodes] - taxonomy.leaf_start_N[nodes]
    middle = int(np.argsort(sizes)[len(sizes) // 2])
    return {f"a class of {sizes[middle]:,} species": taxonomy.names[nodes[middle]]}


def _ours(taxonomy: Taxonomy, texts_PD: torch.Tensor, name: str) -> tuple[Subset, TextBank]:
    part = subset(taxonomy, [f"class={name}"])
    owner_P = np.arange(len(texts_PD))
    bank = TextBank((), texts_PD, owner_P, np.ones(len(texts_PD), np.float32), len(texts_PD), "mean", key="")
    return part, select_bank_classes(bank, part.classes, lambda owner: ())


def _peers(rows: list[Any], texts_PD: torch.Tensor, name: str) -> torch.Tensor:
    from bioclip.predict import Rank, TreeOfLifeClassifier

    peer = TreeOfLifeClassifier.__new__(TreeOfLifeClassifier)
    torch.nn.Module.__init__(peer)
    peer.txt_names, peer.txt_embeddings = rows, texts_PD.T
    peer.apply_filter(peer.create_taxa_filter(Rank.CLASS, [name]))
    found: torch.Tensor = peer.get_txt_embeddings().T
    return found

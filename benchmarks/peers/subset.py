"""Selecting one taxonomic class out of 867,455 names, tree and texts, compared with pybioclip.

pybioclip's functions are create_taxa_filter and apply_filter. Both end with the names in the class and their embeddings (16
dimensions, to limit pybioclip's memory), ready for scoring.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from big_tree import make_tree
from peers.figures import Agreement, Captions, Figure, Target, measure_alternately, seconds

from bioclip_x.records import TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.editing.subset import Subset, subset
from bioclip_x.text_bank.subset import select_bank_classes

ROUNDS = 3
DIM = 16


def measure(rounds: int) -> dict[str, Figure]:
    with TemporaryDirectory() as folder:
        taxonomy, rows = make_tree(Path(folder))
    texts_PD = torch.nn.functional.normalize(torch.randn(taxonomy.n_classes, DIM), dim=1)
    figures = {}
    for what, name in _find_median_class(taxonomy).items():
        run_project, run_peer = (
            partial(_select, taxonomy, texts_PD, name),
            partial(_select_with_peer, rows, texts_PD, name),
        )
        difference = float((run_project()[1].embeddings_PD - run_peer()).abs().max())
        captions = Captions("subset", "pybioclip", "s")
        samples = measure_alternately(partial(seconds, run_project), partial(seconds, run_peer), rounds)
        figures[what] = Figure(captions, Target("at least", 100), samples, Agreement(difference))
    return figures


def _find_median_class(taxonomy: Taxonomy) -> dict[str, str]:
    """Returns the taxonomic class of median size: description → name."""
    nodes = taxonomy.rank_tables["class"]
    sizes = taxonomy.leaf_stop_N[nodes] - taxonomy.leaf_start_N[nodes]
    middle = int(np.argsort(sizes)[len(sizes) // 2])
    return {f"a class of {sizes[middle]:,} species": taxonomy.names[nodes[middle]]}


def _select(taxonomy: Taxonomy, texts_PD: torch.Tensor, name: str) -> tuple[Subset, TextBank]:
    part = subset(taxonomy, [f"class={name}"])
    owner_P = np.arange(len(texts_PD))
    bank = TextBank((), texts_PD, owner_P, np.ones(len(texts_PD), np.float32), len(texts_PD), "mean", key="")
    return part, select_bank_classes(bank, part.classes, lambda owner: ())


def _select_with_peer(rows: list[Any], texts_PD: torch.Tensor, name: str) -> torch.Tensor:
    from bioclip.predict import Rank, TreeOfLifeClassifier

    peer = TreeOfLifeClassifier.__new__(TreeOfLifeClassifier)
    torch.nn.Module.__init__(peer)
    peer.txt_names, peer.txt_embeddings = rows, texts_PD.T
    peer.apply_filter(peer.create_taxa_filter(Rank.CLASS, [name]))
    embeddings_PD: torch.Tensor = peer.get_txt_embeddings().T
    return embeddings_PD

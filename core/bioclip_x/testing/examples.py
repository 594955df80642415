"""What the checks use components on: a small tree with all that trees may have."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention

from bioclip_x.records import Descriptor, DescriptorSet, ModelCard, Prompt, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import TaxonomyBuilder

RANKS = ("class", "order", "family", "genus", "species")
LINEAGES = (
    ("Aves", "Passeriformes", "Paridae", "Parus", "Parus major"),
    ("Aves", "Passeriformes", "Paridae", "Parus", ""),  # a class that has a class below it
    ("Aves", "Passeriformes", "Turdidae", "Turdus", "Turdus merula"),
    ("Aves", "Passeriformes", "Turdidae", "Turdus", "Turdus pilaris"),
    ("Aves", "", "", "Apus", "Apus apus"),  # a lineage with gaps
    ("Insecta", "Hymenoptera", "Apidae", "Apis", "Apis mellifera"),
    ("Insecta", "Hymenoptera", "Apidae", "", ""),  # a family as a class
)


@cache
def make_taxonomy() -> Taxonomy:
    """Seven classes of four ranks: with gaps, and with classes that have classes below them."""
    builder = TaxonomyBuilder()
    for lineage in LINEAGES:
        builder.add_lineage(list(zip(RANKS, lineage)))
    return builder.build()


D = 8
"""Dimension of the example's embeddings."""


@cache
def make_bank(pooling: str = "mean") -> TextBank:
    """Two prompts of each class, with random unit embeddings."""
    classes = make_taxonomy().n_classes
    owner_P = np.repeat(np.arange(classes), 2)
    prompts = tuple(Prompt(f"text {i}", int(c), "descriptor", f"phrase {i}") for i, c in enumerate(owner_P))
    embeddings_PD = F.normalize(torch.randn(2 * classes, D, generator=torch.Generator().manual_seed(0)), dim=1)
    weight_P = np.tile(np.array([1, 3], np.float32), classes)
    return TextBank(prompts, embeddings_PD, owner_P, weight_P, classes, pooling, "example")


def make_card(logit_scale: float = 10.0) -> ModelCard:
    return ModelCard("example", "1", "", "fp32", D, logit_scale, 0.0, 77)


@cache
def make_descriptors() -> DescriptorSet:
    """Two descriptors of each class."""
    taxa = [make_taxonomy().class_taxon(c) for c in range(make_taxonomy().n_classes)]
    words = {taxon.name: (Descriptor(f"a mark of {taxon.name}"), Descriptor("a short bill")) for taxon in taxa}
    return DescriptorSet(words, "example")

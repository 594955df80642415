"""What the checks use components on: a small tree with all that trees may have, texts, a batch, a model, a result.

Legend: B images, C classes, S texts, D embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention

from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import (
    ConfusionMatrix,
    CurvePoint,
    Descriptor,
    DescriptorSet,
    EvaluationFigures,
    Example,
    ExampleAnswer,
    ExampleSet,
    Measure,
    ModelCard,
    Prediction,
    Prompt,
    Provenance,
    Result,
    RunFigures,
    Step,
    SupportImages,
    Taxon,
    TaxonGroup,
    TextBank,
)
from bioclip_x.records.training import LossInput, Processes
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import TaxonomyBuilder
from bioclip_x.testing.checks import NotApplicable
from bioclip_x.training.class_bank import ClassBank
from bioclip_x.training.compute.world import World
from bioclip_x.training.truth import Truth, make_text_id, make_tree_tensors

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


def make_support(seed: int = 0) -> SupportImages:
    """Two labelled examples of each class, with random unit embeddings."""
    classes = make_taxonomy().n_classes
    embeddings_nD = F.normalize(torch.randn(2 * classes, D, generator=torch.Generator().manual_seed(seed)), dim=1)
    names = tuple(f"example {number}.jpg" for number in range(2 * classes))
    return SupportImages(embeddings_nD, np.repeat(np.arange(classes), 2), names)


def make_card(logit_scale: float = 10.0) -> ModelCard:
    return ModelCard("example", "1", "", "fp32", D, logit_scale, 0.0, 77)


@cache
def make_descriptors() -> DescriptorSet:
    """Two descriptors of each class."""
    taxa = [make_taxonomy().class_taxon(c) for c in range(make_taxonomy().n_classes)]
    words = {taxon.name: (Descriptor(f"a mark of {taxon.name}"), Descriptor("a short bill")) for taxon in taxa}
    return DescriptorSet(words, "example")


VIEWS = 2
LABELLED = (0, 1, 2, 3, 4, 5, 6, 2, 3)
"""The classes of nine images: every class, and two of them twice."""


def make_tables(seed: int = 0) -> dict[str, torch.Tensor]:
    """Raw embeddings of images, views and texts, and the logarithm of the logit scale; with gradients."""
    generator = torch.Generator().manual_seed(seed)
    sizes = {
        "images": len(LABELLED),
        "view 1": len(LABELLED),
        "view 2": len(LABELLED),
        "texts": 2 * make_taxonomy().n_classes,
    }
    tables = {name: torch.randn(rows, D, generator=generator, dtype=torch.float64) for name, rows in sizes.items()}
    tables["scale"] = torch.tensor(1.5, dtype=torch.float64)
    return {name: table.requires_grad_() for name, table in tables.items()}


def make_loss_input(
    tables: Mapping[str, torch.Tensor] | None = None,
    images: Sequence[int] | None = None,
    world: Processes | None = None,
    *,
    views: int = VIEWS,
    with_texts: bool = True,
    with_labels: bool = True,
) -> LossInput:
    """Makes a batch of some of the images, each with two texts of its class.

    with_texts: else there are none, as in runs whose losses need none. with_labels: else no image has a taxon.
    """
    taxonomy, tables = make_taxonomy(), make_tables() if tables is None else tables
    images, world = range(len(LABELLED)) if images is None else images, world or World()
    text_S, node_S = _list_texts()
    tree = make_tree_tensors(taxonomy, torch.device("cpu"))
    matcher = Truth([*zip(text_S, node_S)], tree)
    classes = [LABELLED[i] for i in images]
    texts = [2 * c + form for c in dict.fromkeys(classes) for form in range(len(FORMS))] if with_texts else []
    node_B = torch.tensor([node_S[2 * c] if with_labels else -1 for c in classes])
    text_id_T = torch.tensor([make_text_id(text_S[s]) for s in texts], dtype=torch.int64)
    own_id_BO = torch.full((len(classes), 0), -1)
    right_BT, known_BT = matcher.match(node_B, own_id_BO, text_id_T)
    raw = [tables[name][list(images)] for name in ("images", "view 1", "view 2")]
    drawn = [[texts.index(2 * c + form) for form in range(len(FORMS))] if with_texts else [] for c in classes]
    given = LossInput(
        image_BD=F.normalize(raw[0], dim=-1),
        image_raw_BD=raw[0],
        text_TD=F.normalize(tables["texts"][texts], dim=-1),
        text_BK=torch.tensor(drawn, dtype=torch.int64),
        node_B=node_B,
        text_id_T=text_id_T,
        text_node_T=torch.tensor([node_S[s] for s in texts], dtype=torch.int64),
        right_BT=right_BT,
        known_BT=known_BT,
        own_id_BO=own_id_BO,
        aspect_T=torch.full((len(texts),), -1),
        source_B=torch.zeros_like(node_B),
        logit_scale=tables["scale"].exp(),
        logit_bias=None,
        taxonomy=taxonomy,
        tree=tree,
        matcher=matcher,
        world=world,
        views=tuple(raw[1 : 1 + views]),
        bank=make_class_bank(world, raw[0].dtype),
    )
    if world.size > 1:  # not under the lock that cached properties of several threads have in common before Python 3.12
        vars(given)["gathered"] = vars(LossInput)["gathered"].func(given)
    return given


FORMS = ("{}", "a photo of {}")


def _list_texts() -> tuple[list[str], list[int]]:
    """Returns the texts of all classes, and the node that each is about."""
    taxonomy = make_taxonomy()
    node_C = [taxonomy.owner(int(node)) for node in taxonomy.leaf_node_C]
    text_S = [form.format(taxonomy.class_taxon(c).name) for c in range(taxonomy.n_classes) for form in FORMS]
    return text_S, [node for node in node_C for _ in FORMS]


class _ClassTexts:
    """The two texts of each class, as the class bank asks for them."""

    weight = 1.0

    def get_weighted_texts(self, node: int) -> Sequence[tuple[str, float]]:
        return [(text, 1 / len(FORMS)) for text, owner in zip(*_list_texts()) if owner == node]


def make_class_bank(world: Processes | None = None, dtype: torch.dtype = torch.float32) -> ClassBank:
    """Makes the bank of all classes' texts. All processes must call it."""
    text_S, node_S = _list_texts()
    table = F.normalize(make_tables()["texts"], dim=-1)
    bank = ClassBank([_ClassTexts()], node_S[:: len(FORMS)], D, world or World(), torch.device("cpu"), dtype)
    bank.refresh(lambda texts: table[[text_S.index(text) if text else 0 for text in texts]])
    return bank


MODEL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def make_small_encoder() -> Any:
    """Makes a small model to train, of the default family. Raises NotApplicable without one."""
    registry = create_registry()
    name = registry.default("encoders")
    if name is None:
        raise NotApplicable("no family of models is installed")
    return registry.make("encoders", name).trainable(MODEL, device="cpu", seed=0, image_size=None)


LINEAGE = (("class", "Aves"), ("family", "Paridae"), ("genus", "Parus"), ("species", "Parus major"))


def make_provenance() -> Provenance:
    return Provenance(
        version="0", model="example", revision="1", demo="", taxonomy="birds.csv", n_classes=2, n_prompts=2, recipe={},
        ranks=("class", "family", "genus", "species"),
    )  # fmt: skip


def make_result(name: str = "a.jpg", species: str = "Parus major") -> Result:
    lineage = (*LINEAGE[:-1], ("species", species))
    steps = tuple(Step(rank, taxon, 0.9) for rank, taxon in lineage)
    taxon = Taxon("species", species, lineage, {"en": ("great tit",)})
    return Result(name, predictions=(Prediction(taxon, 0.9, steps),), width=40, height=30)


def make_figures(source: str = "photos") -> EvaluationFigures:
    """The figures of an evaluation of one run on eight images."""
    curve = (CurvePoint(0.5, 0.75, 0.5, 0.9, 8, "half"),)
    true_k, predicted_k, count_k = np.array([(0, 0, 3), (0, 1, 1), (1, 1, 4)]).T
    matrix = ConfusionMatrix(
        "genus", ("Parus", "Turdus"), (TaxonGroup("order", "Passeriformes", 0, 2),), true_k, predicted_k, count_k, 0
    )
    measures = {"top-1": Measure(0.75, 0.5, 0.9, 8)}
    run = RunFigures("texts", "example", "taxonomic", measures, ("genus",), curve, curve, measures, curve, (matrix,))
    taxon = make_result().predictions[0].taxon
    shown = Example("a.jpg", taxon, (ExampleAnswer("texts", taxon, 0.9, True),))
    return EvaluationFigures(
        source, "2025-06-01", "0", (("example", "1"),), (), "birds.csv", 2, 8, 2, (run,), (),
        (ExampleSet("right", 6, 8, (shown,)),),
    )  # fmt: skip

"""Small batches on a small tree, whole or split over processes, in float64.

Images, views and texts are rows of tables of parameters, as the towers' outputs are functions of shared weights: gradients of
these tables, averaged over processes, are what the optimiser would see.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention

from bioclip_x.records.training import LossInput, Processes
from bioclip_x.taxonomy import TAXON, Taxonomy, TaxonomyBuilder
from bioclip_x.training.compute.world import World
from bioclip_x.training.truth import Truth, make_text_id, make_tree_tensors

LINEAGES = [
    ["Aves", "Paridae", "Parus", "Parus major"],
    ["Aves", "Paridae", "Parus", "Parus minor"],
    ["Aves", "Paridae", "Cyanistes", "Cyanistes caeruleus"],
    ["Aves", "", "", "Incerta avis"],
    ["Aves", "Corvidae", "Corvus", "Corvus corax"],
    ["Insecta", "Apidae", "Apis", "Apis mellifera"],
    ["Insecta", "Apidae", "Bombus", "Bombus hortorum"],
]
RANKS = ("class", "family", "genus", "species")


def make_tree() -> Taxonomy:
    """Four ranks; one species has neither genus nor family (holes), and the genus Corvus is a class besides its species."""
    builder = TaxonomyBuilder()
    for lineage in LINEAGES:
        builder.add_lineage([*zip(RANKS, lineage)])
    builder.add_lineage([*zip(RANKS, LINEAGES[4][:3])])
    return builder.build()


TREE = make_tree()
NODES = {name: node for node, name in enumerate(TREE.names) if TREE.kind_N[node] == TAXON}
TEXTS = [(form.format(name), node) for name, node in NODES.items() for form in ("{}", "a photo of {}")]
TEXTS += [("a bird with a black cap", NODES["Parus major"]), ("a bird with a black cap", NODES["Parus minor"])]


@dataclass
class Whole:
    """A batch of all processes.

    nodes: of the images, -1 for none. drawn: the texts drawn for each image. own: each image's own texts. aspects: of texts.
    """

    nodes: list[int]
    drawn: list[list[str]]
    own: list[list[str]] = field(default_factory=list)
    aspects: dict[str, int] = field(default_factory=dict)
    scale: float = 7.0
    bias: float | None = None
    seed: int = 0
    width: int = 6

    def __post_init__(self) -> None:
        self.own = self.own or [[] for _ in self.nodes]
        self.vocabulary = list(dict.fromkeys(text for texts in self.drawn for text in texts))
        generator = torch.Generator().manual_seed(self.seed)

        def draw(rows: int) -> torch.Tensor:
            table = torch.randn(rows, self.width, generator=generator, dtype=torch.float64)
            return table.requires_grad_()

        self.parameters = {name: draw(len(self.nodes)) for name in ("images", "view 1", "view 2")}
        self.parameters["texts"] = draw(len(self.vocabulary))
        self.parameters["scale"] = torch.tensor(self.scale, dtype=torch.float64).log().requires_grad_()
        if self.bias is not None:
            self.parameters["bias"] = torch.tensor(self.bias, dtype=torch.float64).requires_grad_()

    def take(self, rows: range | None = None, world: Processes | None = None) -> LossInput:
        """Returns the input of the process that has these images."""
        rows = range(len(self.nodes)) if rows is None else rows
        drawn = [self.drawn[i] for i in rows]
        texts = list(dict.fromkeys(text for one in drawn for text in one))
        node_B = torch.tensor([self.nodes[i] for i in rows], dtype=torch.int64)
        longest = max((len(self.own[i]) for i in rows), default=0)
        own_id_BO = torch.full((len(rows), longest), -1)
        for b, i in enumerate(rows):
            own_id_BO[b, : len(self.own[i])] = torch.tensor([*map(make_text_id, self.own[i])], dtype=torch.int64)
        text_id_T = torch.tensor([*map(make_text_id, texts)], dtype=torch.int64)
        tree = make_tree_tensors(TREE, torch.device("cpu"))
        matcher = Truth(TEXTS, tree)
        right_BT, known_BT = matcher.match(node_B, own_id_BO, text_id_T)
        raw = [self.parameters[name][rows.start : rows.stop] for name in ("images", "view 1", "view 2")]
        place = torch.tensor([self.vocabulary.index(text) for text in texts], dtype=torch.int64)
        return LossInput(
            image_BD=F.normalize(raw[0], dim=-1),
            image_raw_BD=raw[0],
            text_TD=F.normalize(self.parameters["texts"][place], dim=-1),
            text_BK=torch.tensor([[texts.index(text) for text in one] for one in drawn], dtype=torch.int64).reshape(
                len(rows), len(self.drawn[0])
            ),
            node_B=node_B,
            text_id_T=text_id_T,
            text_node_T=torch.tensor([find_subject(text) for text in texts], dtype=torch.int64),
            right_BT=right_BT,
            known_BT=known_BT,
            own_id_BO=own_id_BO,
            aspect_T=torch.tensor([self.aspects.get(text, -1) for text in texts], dtype=torch.int64),
            source_B=torch.zeros_like(node_B),
            logit_scale=self.parameters["scale"].exp(),
            logit_bias=self.parameters.get("bias"),
            taxonomy=TREE,
            tree=tree,
            matcher=matcher,
            world=world or World(),
            views=tuple(raw[1:]),
        )


def find_subject(text: str) -> int:
    """The node that a text is about, -1 for own texts and for texts of several taxa."""
    nodes = {node for one, node in TEXTS if one == text}
    return nodes.pop() if len(nodes) == 1 else -1


def make_mixed_batch(seed: int = 0, bias: float | None = None) -> Whole:
    """Eleven images, two texts each: repeated species and texts, labels at genus and family, no label, own texts, aspects."""
    labels = [
        "Parus major", "Parus major", "Parus minor", "Parus", "Cyanistes caeruleus", "Apis mellifera", "Apidae",
        "Incerta avis", "", "Apis mellifera", "Corvus",
    ]  # fmt: skip
    own = [[] for _ in labels]
    own[1], own[8], own[9] = ["bill: black"], ["bill: red", "tail: long"], ["bill: black", "tail: long"]
    drawn = [[label, f"a photo of {label}"] for label in labels]
    drawn[0] = ["Parus", "Parus major"]
    drawn[1] = ["bill: black", "a bird with a black cap"]
    drawn[2] = ["a bird with a black cap", "Parus minor"]
    drawn[3] = ["Parus", "Paridae"]
    drawn[4] = ["Cyanistes caeruleus", "Paridae"]
    drawn[5] = ["Apis mellifera", "Insecta"]
    drawn[8] = ["bill: red", "tail: long"]
    drawn[9] = ["bill: black", "Apis mellifera"]
    order = [0, 5, 2, 8, 4, 1, 6, 9, 3, 10, 7]  # so that texts return on other processes
    nodes = [NODES.get(labels[i], -1) for i in order]
    aspects = {"bill: black": 0, "bill: red": 0, "tail: long": 3}
    return Whole(nodes, [drawn[i] for i in order], [own[i] for i in order], aspects, seed=seed, bias=bias)

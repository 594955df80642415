from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TrainingError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import Prompt, PromptSet, TextRequest
from bioclip_x.taxonomy import TAXON, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.training.data.texts import TextKind, TextSampler, list_taxa_at_ranks


class Says:
    """Texts "{word}{class}.{i}" with weights 1, 2, …"""

    def __init__(self, word: str, each: int) -> None:
        self.word, self.each = word, each

    def build(self, request: TextRequest) -> PromptSet:
        return PromptSet(
            tuple(
                Prompt(f"{self.word}{c}.{i}", c, self.word, weight=i + 1.0)
                for c in request.classes
                for i in range(self.each)
            )
        )


@pytest.fixture
def draw() -> TextSampler:
    """Texts of three classes, nodes 1 to 3."""
    taxonomy = from_labels(["x", "y", "z"])
    request = TextRequest(taxonomy, range(3))
    return TextSampler([TextKind(Says("a", 1), request, 1), TextKind(Says("b", 3), request, 3)], own=0.5)


def test_kinds_and_prompts_are_drawn_by_weight(draw: TextSampler) -> None:
    rng = np.random.default_rng(0)
    n = 6000
    counts = Counter(draw(2, (), rng) for _ in range(n))
    assert set(counts) == {"a1.0", "b1.0", "b1.1", "b1.2"}
    for text, probability in {"a1.0": 1 / 4, "b1.0": 1 / 8, "b1.1": 2 / 8, "b1.2": 3 / 8}.items():
        assert counts[text] / n == pytest.approx(probability, abs=0.03)


def test_own_texts_of_an_image(draw: TextSampler) -> None:
    rng = np.random.default_rng(0)
    own = sum(draw(3, ("mine",), rng) == "mine" for _ in range(2000))
    assert own / 2000 == pytest.approx(0.5, abs=0.05)
    assert {draw(-1, ("mine", "too"), rng) for _ in range(50)} == {"mine", "too"}
    with pytest.raises(TrainingError, match="neither a taxon nor a text"):
        draw(-1, (), rng)


def test_one_kind_for_all_images_of_a_step(draw: TextSampler) -> None:
    """Drawn by weight, from seed, epoch and step alone; the texts are still drawn for each image."""
    rng = np.random.default_rng(0)
    for kind, prefix in enumerate("ab"):
        texts = [draw(node, (), rng, kind) for node in (1, 2, 3) for _ in range(20)]
        assert {text[0] for text in texts} == {prefix}
        assert len(set(texts)) == (3, 9)[kind]
    drawn = np.array([[draw.draw_kind(5, epoch, step) for step in range(600)] for epoch in (0, 1)])
    assert drawn.mean(1) == pytest.approx(0.75, abs=0.05)
    assert not (drawn[0] == drawn[1]).all() and drawn[1, 7] == draw.draw_kind(5, 1, 7)
    assert [draw.draw_kind(6, 0, step) for step in range(600)] != drawn[0].tolist()


class Names:
    """A text for each requested class: its rank and name; fails for a request of fewer than two classes."""

    def build(self, request: TextRequest) -> PromptSet:
        assert len(request.classes) > 1
        taxa = {c: request.taxonomy.class_taxon(c) for c in request.classes}
        return PromptSet(
            tuple(Prompt(f"{taxon.rank} {taxon.name}", c, "name") for c, taxon in taxa.items()), ("noted",)
        )


def test_texts_of_taxa_above_the_classes(birds_csv: Path) -> None:
    """Beside those of the classes, one of which is a genus itself."""
    taxonomy = read_taxonomy(create_registry(), birds_csv)
    named = {name: node for node, name in enumerate(taxonomy.names) if taxonomy.kind_N[node] == TAXON}
    request = TextRequest(taxonomy, range(taxonomy.n_classes))
    kind = TextKind(Names(), request, 1, [named["Parus"], named["Aves"]])
    for name, texts in {
        "Parus": ["genus Parus"], "Aves": ["class Aves"], "Parus major": ["species Parus major"],
        "Quercus": ["genus Quercus"], "Quercus robur": ["species Quercus robur"], "Paridae": [],
    }.items():  # fmt: skip
        assert kind.texts_of(named[name]) == texts
    rng = np.random.default_rng(0)
    sampler = TextSampler([kind], own=1)
    assert sampler(named["Parus"], (), rng) == "genus Parus" and sampler(named["Quercus"], (), rng) == "genus Quercus"
    assert set(sampler.pairs) == {
        (f"{taxonomy.rank(node)} {name}", node)
        for name, node in named.items()
        if taxonomy.class_of_N[node] >= 0 or name in ("Parus", "Aves")
    }
    assert kind.notes == ("noted",)
    with pytest.raises(TrainingError, match="no text was written for family Paridae"):
        sampler(named["Paridae"], (), rng)
    alone = TextKind(Names(), request, 1)
    assert [(text, node) for text, node in zip(alone.texts, alone.nodes)] == [
        (f"{taxonomy.class_taxon(c).rank} {taxonomy.class_taxon(c).name}", taxonomy.owner(int(taxonomy.leaf_node_C[c])))
        for c in range(taxonomy.n_classes)
    ]


def test_texts_of_the_taxa_above_at_some_ranks() -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("family", "F"), ("genus", "G"), ("species", "G a")])
    builder.add_lineage([("family", "F"), ("species", "odd")])
    taxonomy = builder.build()
    node = {name: i for i, name in enumerate(taxonomy.names) if taxonomy.kind_N[i] == TAXON}
    above = list_taxa_at_ranks(taxonomy, ["genus", "family"])
    assert above == [node["G"], node["F"]]
    kind = TextKind(Says("t", 1), TextRequest(taxonomy, range(2)), 1, above)
    sampler = TextSampler([kind], 1, taxonomy=taxonomy, ranks=["genus", "family"])
    assert sampler.find_at_ranks(node["G a"]) == [node["G"], node["F"]]
    assert sampler.find_at_ranks(node["odd"]) == [node["odd"], node["F"]], "a hole has no text"
    assert sampler.find_at_ranks(node["F"]) == [node["F"], node["F"]] and sampler.find_at_ranks(-1) == [-1, -1]
    assert len({sampler.node_of_text[kind.texts_of(node[name])[0]] for name in ("G a", "G", "F", "odd")}) == 4
    with pytest.raises(TrainingError, match="no taxon of rank 'tribe'; its ranks are family, genus, species"):
        list_taxa_at_ranks(taxonomy, ["tribe"])

"""Logits of a linear head in the taxonomy's order, and what `classify` does with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bioclip_x import Classifier
from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import RecipeError, ScoresError
from bioclip_x.hooks.components import LinearHead
from bioclip_x.hooks.registry import create_registry
from bioclip_x.plugin import save_linear_head
from bioclip_x.records import ImageFeatures
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x_plugins.scorers.linear import LinearScorer
from helpers import BIRDS, picture, write_model

D = 32


def make_taxonomy(*names: str) -> Taxonomy:
    builder = TaxonomyBuilder()
    for name in names:
        builder.add_lineage([("genus", name.split()[0]), ("species", name)])
    return builder.build(source="names")


def save(path: Path, taxonomy: Taxonomy, *, normalised: bool = True, dim: int = D) -> LinearHead:
    rng = torch.Generator().manual_seed(0)
    n = taxonomy.n_classes
    head = LinearHead(
        torch.randn(n, dim, generator=rng), torch.randn(n, generator=rng), taxonomy.leaf_node_C, normalised=normalised
    )
    save_linear_head(path, head, taxonomy)
    return head


def logits(scorer: LinearScorer, x_BD: torch.Tensor) -> torch.Tensor:
    features = ImageFeatures(x_BD, ("",) * len(x_BD))
    card = type("Card", (), {"name": "tiny"})()
    return scorer.logits(features, None, card, None).logits_BC  # type: ignore[arg-type]


def test_logits_are_those_of_the_layer_in_the_classes_order(tmp_path: Path) -> None:
    trained = make_taxonomy("A a", "B b", "C c")
    head = save(tmp_path / "head.safetensors", trained)
    scorer = LinearScorer(tmp_path / "head.safetensors")
    x = torch.nn.functional.normalize(torch.randn(2, D), dim=1)
    whole = x @ head.weight_CD.T + head.bias_C
    assert scorer.prepare(trained) == ()
    torch.testing.assert_close(logits(scorer, x), whole)
    assert "1 of 3 classes have no weights" in scorer.prepare(make_taxonomy("C c", "D d", "A a"))[0]
    got = logits(scorer, x)
    torch.testing.assert_close(got[:, [0, 2]], whole[:, [2, 0]])
    assert got[:, 1].tolist() == [-torch.inf] * 2
    torch.testing.assert_close(scorer.logits(
        ImageFeatures(x, ("", "")), None, None, None).part(2, 3), got[:, 2:].T)  # type: ignore[arg-type]  # fmt: skip


def test_heads_for_other_embeddings_are_refused(tmp_path: Path) -> None:
    taxonomy = make_taxonomy("A a")
    save(tmp_path / "raw.safetensors", taxonomy, normalised=False)
    with pytest.raises(ScoresError, match="embeddings that are not normalised"):
        LinearScorer(tmp_path / "raw.safetensors").prepare(taxonomy)
    save(tmp_path / "small.safetensors", taxonomy, dim=5)
    scorer = LinearScorer(tmp_path / "small.safetensors")
    scorer.prepare(taxonomy)
    with pytest.raises(ScoresError, match="a head for embeddings of 5 numbers; those of tiny have 32"):
        logits(scorer, torch.zeros(1, D))


def test_classify_uses_the_head_and_embeds_no_text(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    (tmp_path / "birds.csv").write_text(BIRDS, "utf-8")
    taxonomy = read_taxonomy(create_registry(), tmp_path / "birds.csv")
    head = save(tmp_path / "head.safetensors", taxonomy)
    options = {"taxonomy": tmp_path / "birds.csv", "scorer": f"linear:{tmp_path}/head.safetensors", "device": "cpu"}
    classifier = Classifier(f"local-dir:{model}", **options)  # type: ignore[arg-type]
    assert len(classifier.bank.prompts) == 0
    image = picture(3)
    [result] = classifier.classify(image)
    features = classifier.encoder.encode_images(classifier.encoder.preprocess(image)[None])
    expected = (features.embeddings_BD @ head.weight_CD.T + head.bias_C).softmax(dim=1)[0]
    best = int(expected.argmax())
    assert result.predictions[0].taxon.name == taxonomy.class_taxon(best).name
    assert result.predictions[0].probability == pytest.approx(float(expected[best]), rel=1e-4)
    lineages = [dict(taxonomy.class_taxon(c).lineage).values() for c in range(taxonomy.n_classes)]
    for head in ("rollup", "hedge:lambda_=0", "crm"):
        other = Classifier(f"local-dir:{model}", **options | {"head": head})  # type: ignore[arg-type]
        rolled = next(other.classify(image))
        assert rolled.ranks or head != "rollup"
        named = rolled.predictions[0]
        below = [c for c, lineage in enumerate(lineages) if named.taxon.name in lineage]
        assert named.probability == pytest.approx(float(expected[below].sum()), rel=1e-4)
    more = tmp_path / "more.csv"
    more.write_text(BIRDS + "Animalia,Chordata,Aves,Passeriformes,Paridae,Parus,Parus minor,,\n", "utf-8")
    wider = Classifier(f"local-dir:{model}", **options | {"taxonomy": more, "k": 20})  # type: ignore[arg-type]
    [listed] = wider.classify(image)
    assert len(listed.predictions) == taxonomy.n_classes  # the class without weights has no share
    assert listed.predictions[0].probability == pytest.approx(float(expected[best]), rel=1e-4)
    assert any("1 of 7 classes have no weights in head.safetensors" in note for note in wider.provenance.notes)
    with pytest.raises(RecipeError, match="needs logits of inner taxa"):
        Classifier(f"local-dir:{model}", **options | {"head": "top-down"})  # type: ignore[arg-type]


def test_a_calibration_is_valid_for_one_head(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    (tmp_path / "names.csv").write_text("genus,species\nA,A a\nB,B b\n", "utf-8")
    conditions = []
    for names in (("A a", "B b"), ("A a", "B b"), ("A a", "C c")):
        save(tmp_path / "head.safetensors", make_taxonomy(*names))
        classifier = Classifier(
            f"local-dir:{model}",
            taxonomy=tmp_path / "names.csv",
            scorer=f"linear:{tmp_path}/head.safetensors",
            device="cpu",
        )
        conditions.append(classifier.conditions)
    assert conditions[0] == conditions[1] != conditions[2]

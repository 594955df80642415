"""CBD's published descriptors of 200 birds (CUB-200-2011), with a CSV taxonomy, on a model with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bioclip_x import Classifier
from helpers import picture

BIRDS = """order,family,species,common_name
Procellariiformes,Diomedeidae,Phoebastria nigripes,black-footed albatross
Procellariiformes,Diomedeidae,Phoebastria immutabilis,Laysan albatross
Coraciiformes,Alcedinidae,Megaceryle alcyon,belted kingfisher
Coraciiformes,Alcedinidae,Megaceryle torquata,ringed kingfisher
Piciformes,Picidae,Dryocopus pileatus,pileated woodpecker
Passeriformes,Corvidae,Cyanocitta cristata,blue jay
Passeriformes,Hirundinidae,Hirundo rustica,barn swallow
Passeriformes,Troglodytidae,Troglodytes aedon,house wren
Charadriiformes,Alcidae,Fratercula corniculata,horned puffin
Passeriformes,Paridae,Parus major,great tit
"""


@pytest.fixture
def cub(shared_data: Path) -> Path:
    return shared_data / "descriptors" / "cbd" / "descriptors_cub.json"


def test_with_a_taxonomy(cub: Path, tiny_model: str, tmp_path: Path) -> None:
    table = tmp_path / "birds.csv"
    table.write_text(BIRDS)
    classifier = Classifier(tiny_model, taxonomy=table, plugins=["descriptors", "rollup"], descriptors=cub)
    published = json.loads(cub.read_text())
    written = [p.phrase for p in classifier.bank.prompts if p.class_index == 0]
    assert written == list(dict.fromkeys(published["Black-footed Albatross"]))
    notes = "\n".join(classifier.provenance.notes)
    assert "1 of 10 classes have no descriptors: Parus major" in notes
    assert f"{len(published) - 9} skipped that name no class of this taxonomy" in notes
    [result] = classifier.classify(picture())
    assert result.explanation is not None and abs(result.explanation.rest) < 1e-3
    assert [w.rank for w in result.ranks] == ["order", "family", "species"]


def test_all_two_hundred_as_labels_score_the_mean_of_their_cosines(cub: Path, tiny_model: str) -> None:
    """Against the definition, class by class and prompt by prompt, with the published prompts to the letter."""
    published = json.loads(cub.read_text())
    text = "descriptors:style=cbd-original,name=file"
    classifier = Classifier(tiny_model, labels=tuple(published), text=text, descriptors=cub, k=200)
    pixels = classifier.encoder.preprocess(picture())[None]
    image = classifier.encoder.encode_images(pixels).embeddings_BD[0].double().numpy()
    logits = {}
    for name in published:
        own = [p.text for p in classifier.bank.prompts if classifier.taxonomy.class_taxon(p.class_index).name == name]
        cosines = classifier.encoder.encode_texts(own).double().numpy() @ image
        logits[name] = classifier.encoder.card.logit_scale * float(np.mean(cosines))
    shares = np.exp(np.array(list(logits.values())) - max(logits.values()))
    expected = dict(zip(logits, shares / shares.sum()))
    [result] = classifier.classify(picture())
    found = {p.taxon.name: p.probability for p in result.predictions}
    assert found == pytest.approx(expected, abs=1e-5)

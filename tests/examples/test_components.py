"""The examples' components: the conformance checks of their kinds, and what is special about each."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x.hooks.registry import create_registry
from bioclip_x.plugin import LanguageModelError, NoAnswerError, RecipeError, Result, Source, Taxon
from bioclip_x.testing import conformance, make_loss_input, make_provenance, make_result, make_taxonomy
from example_commands import ROOT

EXAMPLES = ROOT / "examples"
SEASONS = EXAMPLES / "own-seasons.csv"
NOTES = EXAMPLES / "own-notes.csv"


def plugin(name: str) -> str:
    return str(EXAMPLES / f"{name}.py")


def make(kind: Any, example: str, component: str, **options: Any) -> Any:
    return create_registry([plugin(example)]).make(kind, component, options)


test_the_text_builder = conformance("text_builders", "drawing-of", plugins=[plugin("own_plugin")])
test_the_loss = conformance("losses", "softmax-margin", plugins=[plugin("own_loss")])
test_the_prior = conformance("adjust_logits", "season", plugins=[plugin("own_prior")], options={"file": SEASONS})
test_the_report = conformance("reports", "museum", plugins=[plugin("own_report")])


def write_notes(folder: Path) -> Path:
    """Notes that answer a prompt without a taxon, too, as the checks ask one."""
    file = folder / "notes.csv"
    file.write_text("species,notes\n,black plumage\n", "utf-8")
    return file


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_notes(tmp_path_factory.mktemp("notes"))


test_the_language_model = conformance(
    "language_models", "notes", plugins=[plugin("own_language_model")], options={"file": NOTES}
)


def test_the_loss_is_that_of_a_loop() -> None:
    batch, cost = make_loss_input(), 1.5
    tree = make_taxonomy()
    got = make("losses", "own_loss", "softmax-margin", cost=cost)(batch)
    losses = []
    for image, node in enumerate(batch.node_B.tolist()):
        path = {0, *tree.path(node)}
        own = batch.logit_scale * batch.image_BD[image] @ batch.text_TD[batch.text_BK[image, 0]]
        terms = [own]
        for text, other in enumerate(batch.text_node_T.tolist()):
            if batch.known_BT[image, text] and not batch.right_BT[image, text]:
                distance = 1 - len(path & {0, *tree.path(other)}) / len(path)
                logit = batch.logit_scale * batch.image_BD[image] @ batch.text_TD[text]
                terms.append(logit + cost * distance)
        losses.append(torch.stack(terms).logsumexp(0) - own)
    assert torch.allclose(got, torch.stack(losses).mean(), rtol=1e-6)


def test_the_prior_is_of_date_and_place(tmp_path: Path) -> None:
    file = tmp_path / "seasons.csv"
    file.write_text("taxon,first_month,last_month,south,north\nTurdus,11,2,,\nParus major,,,40,60\nNobody,1,2,,\n")
    taxonomy = make_taxonomy()
    prior = make("adjust_logits", "own_prior", "season", file=file, strength=2)
    metadata = [{"date": "2024-01-05T12:00:00"}, {"date": "2024-06-05", "latitude": -3.0}, {"date": "in May"}]
    sources = [Source(str(place), metadata=one) for place, one in enumerate(metadata)]
    offsets = prior.offsets(taxonomy, sources)
    names = [taxonomy.class_taxon(c).name for c in range(taxonomy.n_classes)]
    lowered = {(names[c], image): offsets[c, image].item() for c, image in offsets.nonzero().tolist()}
    assert lowered == {("Turdus merula", 1): -2, ("Turdus pilaris", 1): -2, ("Parus major", 1): -2}
    assert prior.notes(taxonomy) == ["season seasons.csv: 2 taxa, strength 2; not in the taxonomy: Nobody"]
    assert [one for [one] in prior.image_notes(taxonomy, sources)] == [
        "season: month 1", "season: month 6 and latitude -3.0", "season: neither date nor place known",
    ]  # fmt: skip


def test_a_line_of_seasons_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "seasons.csv"
    file.write_text("taxon,first_month,last_month,south,north\nTurdus,May,,,\n")
    with pytest.raises(RecipeError, match=r"seasons\.csv:2: expected taxon"):
        make("adjust_logits", "own_prior", "season", file=file).offsets(make_taxonomy(), [])


def test_notes_answer_for_their_species() -> None:
    model = make("language_models", "own_language_model", "notes", file=NOTES)
    settings: dict[str, Any] = {"temperature": None, "max_tokens": None, "schema": None}
    assert "- a yellow bill" in model.complete("?", taxon=Taxon("species", "Turdus merula", ()), **settings).text
    with pytest.raises(NoAnswerError, match="has no notes on Apus apus"):
        model.complete("?", taxon=Taxon("species", "Apus apus", ()), **settings)
    with pytest.raises(LanguageModelError, match="is no table of species and notes"):
        make("language_models", "own_language_model", "notes", file=SEASONS).complete("?", taxon=None, **settings)


def test_what_is_not_named_is_no_occurrence(tmp_path: Path) -> None:
    report = make("reports", "own_report", "museum", decimals=1)
    with report.open(tmp_path / "a.zip", make_provenance()) as writer:
        writer.write(make_result("a\t1.jpg"))
        writer.write(Result("b.jpg", refused="a blank"))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        header, row = archive.read("occurrence.txt").decode().splitlines()
        assert archive.read("not-named.txt").decode() == "b.jpg\ta blank\n"
    values = dict(zip(header.split("\t"), row.split("\t")))
    assert values["associatedMedia"] == "a 1.jpg" and values["specificEpithet"] == "major"
    assert values["identificationVerificationStatus"] == "unverified"
    assert math.isclose(float(values["identificationRemarks"].partition(":")[0]), 0.9)

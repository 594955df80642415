"""The page's requests: photos and their cards, phrases, texts left out, settings, and files of the results."""

from __future__ import annotations

import csv
import io
import json
import threading
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette")

from bioclip_x.app.choices import Settings
from bioclip_x.app.limits import Limits
from bioclip_x.inference.classifier import Classifier
from bioclip_x.prompts import DescriptorSet, load_descriptors
from bioclip_x.prompts.descriptors import write_descriptors
from bioclip_x.records import Result
from core.app.conftest import DRAWINGS, MakeSession
from core.app.pages import ORIGIN, PORT, TOKEN, Page
from helpers import picture

AGARIC, PEACOCK = DRAWINGS / "amanita-muscaria.png", DRAWINGS / "aglais-io.png"
HOSTILE = (
    "<img src=x onerror=alert(1)>.jpg",
    f"{'n' * 300}.png",
    "gpj.\u202eexe",
    "a\0b.png",
    "../../up.png",
    "C:\\x\\y.png",
)


@pytest.fixture
def page(make_session: MakeSession) -> Page:
    return Page(make_session())


def test_photos_are_named_as_by_classify(page: Page) -> None:
    assert [one["key"] for one in page.send(AGARIC, PEACOCK, ("note.txt", b"no image"))] == ["1", "2", "3"]
    agaric, peacock, note = page.items()
    loaded = page.session.loaded
    expected = [one.predictions[0] for one in loaded.classifier([str(AGARIC), str(PEACOCK)])]
    for item, prediction in zip((agaric, peacock), expected):
        assert item["state"] == "named" and item["name"] == prediction.taxon.name
        assert item["share"] == pytest.approx(prediction.probability, abs=1e-5)
    assert note["state"] == "failed" and str(page.session.store.folder) not in note["reason"]


def test_a_card_is_the_reports(page: Page) -> None:
    page.send(AGARIC)
    card = page.get("/api/cards/1")
    result = page.session.get_result("1")
    assert card["html"] == page.session.card_report.make_card(result, page.session.loaded.provenance)
    assert card["decision"]["name"] == "Amanita muscaria" and card["decision"]["margin"] > 0
    small = page.client.get("/api/photos/1/small")
    assert small.headers["content-type"] == "image/jpeg" and len(small.content) < 20_000


def test_names_of_files_are_shown_and_never_paths(page: Page) -> None:
    page.send(*((name, AGARIC.read_bytes()) for name in HOSTILE))
    shown = [item["file"] for item in page.items()]
    assert shown[0] == HOSTILE[0] and len(shown[1]) == 200 and shown[1].endswith(".png")
    assert "\u202e" not in shown[2] and shown[4:] == ["up.png", "y.png"]
    assert "&lt;img src=x" in page.get("/api/cards/1")["html"] and "<img src=x" not in page.get("/api/cards/1")["html"]
    kept = {one.name for one in page.session.store.folder.iterdir()} - {"results.bin"}
    assert kept == {
        f"photo-{number}{suffix}" for number, suffix in zip(range(1, 7), (".jpg", ".png", "", ".png", ".png", ".png"))
    }
    assert all(item["state"] == "named" for item in page.items())


def test_phrases_are_those_of_a_direct_computation(page: Page) -> None:
    page.send(AGARIC)
    loaded = page.session.loaded
    classifier, phrase = loaded.classifier, "white spots on the cap"
    found = page.post("/api/photos/1/phrase", {"phrase": phrase})
    _, image = page.session.find_image("1")
    x_D = image.embedding_D.double().numpy()
    text_D = classifier.encoder.encode_texts([phrase])[0].double().numpy()
    assert found["similarity"] == pytest.approx(float(x_D @ text_D), abs=1e-6)
    explanation = image.result.explanation
    assert explanation
    assert found["margin"] == pytest.approx(explanation.margin) and found["baseline"] == pytest.approx(
        explanation.baseline
    )
    assert classifier.bank.pooling == "mean"
    classes = dict.fromkeys(one.class_index for one in explanation.contributions)
    for sign, class_index, added in zip((1, -1), classes, found["added"]):
        added_D = classifier.encoder.encode_texts([added["text"]])[0].double().numpy()
        texts_PD = classifier.bank.embeddings_PD[classifier.bank.of_class(class_index)].double().numpy()
        without, with_it = texts_PD.mean(0) @ x_D, np.vstack([texts_PD, added_D]).mean(0) @ x_D
        change = classifier.encoder.card.logit_scale * (with_it - without)
        assert added["change"] == pytest.approx(float(change), abs=1e-5)
        assert added["margin"] == pytest.approx(explanation.margin + sign * float(change), abs=1e-5)
    heat_map = np.array(found["heat_map"]["values_hw"])
    assert heat_map.sum() == pytest.approx(found["similarity"], abs=1e-5)  # an exact decomposition
    assert found["spread"] >= heat_map.max() - heat_map.mean()


def test_a_phrase_is_measured_on_the_decision_at_hand(page: Page) -> None:
    page.send(AGARIC)
    result = page.session.get_result("1")
    assert result.explanation
    first = result.explanation.contributions[0]
    variant = {"struck": [[first.class_index, first.text]], "why_not": "Amanita phalloides"}
    decision = page.post("/api/cards/1", variant)["decision"]
    found = page.post("/api/photos/1/phrase", {"phrase": "a red cap", **variant})
    assert found["margin"] == pytest.approx(decision["margin"]) and found["margin"] != pytest.approx(
        result.explanation.margin
    )
    assert [one["class_name"] for one in found["added"]] == ["Amanita muscaria", "Amanita phalloides"]


def test_a_text_left_out_is_a_classifier_without_it(page: Page, tmp_path: Path) -> None:
    page.send(AGARIC)
    classifier = page.session.loaded.classifier
    own = classifier.encoder.card.descriptors
    assert own
    result = page.session.get_result("1")
    assert result.explanation
    struck = [(one.class_index, one.text) for one in result.explanation.contributions[:2]]
    changed = page.post("/api/cards/1", {"struck": [list(one) for one in struck]})

    descriptors = load_descriptors(own)
    left_out = {classifier.bank.prompts[row].phrase for c, text in struck for row in _rows(classifier, c, text)}
    names = {classifier.taxonomy.class_taxon(c).name for c, _ in struck}
    file = tmp_path / "without.yaml"
    write_descriptors(file, _drop(descriptors, names, left_out))
    rebuilt = Classifier.from_recipe(
        classifier.recipe, registry=classifier.registry, loaded=classifier.encoder, descriptors=file
    )
    assert len(rebuilt.bank.prompts) == len(classifier.bank.prompts) - 2
    expected = rebuilt(str(AGARIC))[0]
    assert changed["decision"]["name"] == expected.predictions[0].taxon.name
    assert changed["decision"]["share"] == pytest.approx(expected.predictions[0].probability, abs=1e-5)
    assert expected.explanation and result.explanation
    assert changed["decision"]["margin"] == pytest.approx(expected.explanation.margin, abs=1e-4)
    assert changed["decision"]["margin"] != pytest.approx(result.explanation.margin, abs=1e-3)
    assert page.get("/api/cards/1")["decision"]["margin"] == pytest.approx(result.explanation.margin)  # as before


def _rows(classifier: Classifier, class_index: int, text: str) -> list[int]:
    rows = classifier.bank.of_class(class_index)
    return [row for row in range(rows.start, rows.stop) if classifier.bank.prompts[row].text == text]


def _drop(descriptors: DescriptorSet, names: set[str], phrases: set[str]) -> DescriptorSet:
    kept = {
        name: tuple(one for one in entries if not (name in names and one.phrase in phrases))
        for name, entries in descriptors.classes.items()
    }
    return replace(descriptors, classes=kept)


def test_why_not_compares_with_the_taxon_asked_for(page: Page) -> None:
    page.send(AGARIC)
    found = page.post("/api/cards/1", {"why_not": "Boletus edulis"})
    assert found["decision"]["runner_up"] == "Boletus edulis" and "as asked" in found["html"]
    assert "there is no such taxon" in page.post("/api/cards/1", {"why_not": "Boletus edulus"}, 400)["error"]


@pytest.mark.parametrize(
    ("body", "message"),
    [({"struck": [[0, "no such text"]]}, "no text"), ({"struck": [[10**6, "x"]]}, "no text"), ({"struck": "all"}, "struck"),
     ({"struck": [[True, "x"]]}, "struck"), ({"why_not": 3}, "why_not"), ([], "JSON object"),
     ({"why_not": "x" * 400}, "characters")],
)  # fmt: skip
def test_bad_requests_are_told(page: Page, body: object, message: str) -> None:
    page.send(AGARIC)
    answer = page.client.post("/api/cards/1", content=json.dumps(body), headers=ORIGIN)
    assert answer.status_code in (400, 413) and message in answer.json()["error"]


def test_all_texts_of_a_class_cannot_be_left_out(page: Page) -> None:
    page.send(AGARIC)
    bank = page.session.loaded.classifier.bank
    texts = [[0, prompt.text] for prompt in bank.prompts[bank.of_class(0)]]
    assert "last text" in page.post("/api/cards/1", {"struck": texts}, 400)["error"]


def test_taxa_are_found_while_they_are_typed(page: Page) -> None:
    found = page.get("/api/taxa?typed=amanita")["taxa"]
    assert {"Amanita", "Amanitaceae", "Amanita muscaria"} <= {one["name"] for one in found}
    assert found[0]["name"] == "Amanita" and found[0]["rank"] == "genus"
    assert page.get("/api/taxa?typed=fly%20ag")["taxa"][0]["name"] == "Amanita muscaria"
    assert page.get("/api/taxa?typed=")["taxa"] == []


def test_other_texts_and_lists_name_the_photos_again(page: Page) -> None:
    page.send(AGARIC, PEACOCK)
    page.post("/api/settings", {"model": "field-guide", "taxonomy": "own", "descriptors": "none"})
    page.wait()
    assert (
        page.session.loaded.settings.descriptors == "none" and [one["state"] for one in page.items()] == ["named"] * 2
    )
    assert all(one.kind != "descriptor" for one in page.session.loaded.classifier.bank.prompts)
    rows = "kingdom,genus,species\nFungi,Amanita,Amanita muscaria\nFungi,Amanita,Amanita phalloides\n"
    form = {"file": ("<b>mine.csv", io.BytesIO(rows.encode()), "text/csv")}
    number = page.client.post("/api/files/taxonomy", files=form, headers=ORIGIN).json()["id"]
    page.post("/api/settings", {"model": "field-guide", "taxonomy": number, "descriptors": "none"})
    page.wait()
    state = page.get("/api/state")
    assert state["about"]["n_classes"] == 2 and state["choices"]["taxonomy"][-1]["name"] == "<b>mine.csv"


def test_what_cannot_be_loaded_is_told_and_the_classifier_stays(page: Page) -> None:
    page.send(AGARIC)
    before = page.session.loaded
    form = {"file": ("broken.csv", io.BytesIO(b"\x00\x01,\n"), "text/csv")}
    number = page.client.post("/api/files/taxonomy", files=form, headers=ORIGIN).json()["id"]
    page.post("/api/settings", {"model": "field-guide", "taxonomy": number, "descriptors": "none"})
    page.wait()
    error = page.get("/api/state")["error"]
    assert "broken.csv" in error and str(page.session.store.folder) not in error
    assert page.session.loaded is before and page.items()[0]["state"] == "named"
    assert page.post("/api/settings", {"model": "gpt", "taxonomy": "own", "descriptors": "none"}, 400)
    assert (
        "not on this machine"
        in page.post("/api/settings", {"model": "bioclip-2", "taxonomy": "own", "descriptors": "none"}, 409)["error"]
    )


def test_uploads_are_bounded(make_session: MakeSession) -> None:
    page = Page(make_session(Limits(photo_bytes=60_000, photos=3, total_bytes=100_000_000, files=1)))
    small = io.BytesIO()
    picture().save(small, "PNG")
    large = b"x" * 70_000
    answers = page.send(("large.png", large), *(("a.png", small.getvalue()) for _ in range(4)))
    assert ["error" in one for one in answers] == [True, False, False, False, True]
    assert "larger" in answers[0]["error"] and "3 photos" in answers[4]["error"]
    assert not (page.session.store.folder / "photo-1.png").exists()
    form = {"file": ("a.csv", b"species\nParus major\n", "text/csv")}
    assert page.client.post("/api/files/taxonomy", files=form, headers=ORIGIN).status_code == 200
    assert page.client.post("/api/files/taxonomy", files=form, headers=ORIGIN).status_code == 413
    assert page.client.post("/api/files/recipe", files=form, headers=ORIGIN).status_code == 404


def test_results_are_exported_by_the_reports(page: Page) -> None:
    page.send(AGARIC, PEACOCK)
    rows = list(csv.DictReader(io.StringIO(page.client.get("/api/export/csv").text)))
    assert {row["file_name"] for row in rows} == {"amanita-muscaria.png", "aglais-io.png"}
    assert "Amanita muscaria" in page.client.get("/api/export/html").text
    assert page.client.get("/api/export/parquet").content.startswith(b"PAR1")
    assert len(page.get("/api/export/json")["results"]) == 2
    assert page.get("/api/export/labels", 404)["error"].startswith("no name was corrected")
    assert "there is no format" in page.get("/api/export/exe", 404)["error"]
    page.post("/api/photos/1/label", {"label": "Amanita"})
    assert "Amanita" in page.client.get("/api/export/labels").text
    with zipfile.ZipFile(io.BytesIO(page.client.get("/api/export/zip").content)) as packed:
        assert {"labels.csv", "bioclip-x-results.csv", "bioclip-x-results.html"} <= set(packed.namelist())
    assert not [one for one in page.session.store.folder.iterdir() if one.is_dir()]


@pytest.mark.parametrize("change", ["another choice", "no photos"])
def test_an_export_is_of_one_classifier(page: Page, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    page.send(AGARIC, PEACOCK)
    session, before = page.session, page.session.loaded
    settings, read, n_read = page.get("/api/state")["settings"], session.store.get_result, 0

    def read_late(key: str) -> Result:
        nonlocal n_read
        n_read += 1
        result = read(key)
        if n_read == 3:  # in the second file of the archive
            if change == "no photos":
                session.clear()
            else:
                session.choose(Settings(**{**settings, "descriptors": "none"}))
                session.finish_choice(Settings(**{**settings, "descriptors": "none"}), replace(before, number=2))
        return result

    monkeypatch.setattr(session.store, "get_result", read_late)
    assert "export again" in page.get("/api/export/zip", 409)["error"]
    assert n_read == 3


def test_removing_all_leaves_labels(page: Page) -> None:
    page.send(AGARIC)
    page.post("/api/photos/1/label", {"label": "Amanita muscaria"})
    page.post("/api/clear", {})
    assert page.items() == [] and page.session.label_file.read()
    assert [one.name for one in page.session.store.folder.iterdir()] == ["results.bin"]


def test_two_photos_have_a_cosine(page: Page) -> None:
    page.send(AGARIC, PEACOCK)
    assert page.post("/api/similarity", {"one": "1", "other": "1"})["cosine"] == pytest.approx(1, abs=1e-5)
    assert page.post("/api/similarity", {"one": "1", "other": "2"})["cosine"] < 0.9


def test_cards_stream_in_while_others_are_classified(make_session: MakeSession) -> None:
    httpx, uvicorn = pytest.importorskip("httpx"), pytest.importorskip("uvicorn")
    from bioclip_x.app.server import bind, make_app

    session = make_session()
    with closing(bind(None)) as bound:
        port = bound.getsockname()[1]
        config = uvicorn.Config(make_app(session, TOKEN, port), lifespan="off", log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", params={"token": TOKEN}, timeout=60) as client:
                with client.stream("GET", "/api/changes", params={"token": TOKEN, "after": "0"}) as stream:
                    lines = stream.iter_lines()
                    assert next(line for line in lines if line.startswith("event")) == "event: state"
                    form = [("photo", (one.name, one.read_bytes())) for one in sorted(DRAWINGS.glob("*.png"))]
                    client.post("/api/photos", files=form)
                    named: list[int] = []
                    for line in lines:
                        if line.startswith("data: ["):
                            items = json.loads(line[6:])
                            named.append(sum(one["state"] == "named" for one in items))
                            if sum(named) >= len(form):
                                break
                assert len([one for one in named if one]) > 2, "one photo after the other, not all at once"
        finally:
            session.stop()
            server.should_exit = True
            thread.join(30)
    assert port != PORT

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import DescriptorError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.prompts import load_descriptors
from bioclip_x.records import PromptSet, TextRequest
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels


def published_sentence(word: str, descriptor: str) -> str:
    """The published rule, reimplemented from the paper's code."""
    starts = descriptor.startswith
    if starts("a") or starts("an"):
        return f"{word}, which is {descriptor}"
    if starts("has") or starts("often") or starts("typically") or starts("may") or starts("can"):
        return f"{word}, which {descriptor}"
    if starts("used"):
        return f"{word}, which is {descriptor}"
    return f"{word}, which has {descriptor}"


def build(taxonomy: Taxonomy, file: Path | None, missing: str = "name", **options: Any) -> PromptSet:
    builder = create_registry().make("text_builders", "descriptors", options)
    descriptors = load_descriptors(file) if file else None
    request = TextRequest(taxonomy, range(taxonomy.n_classes), descriptors=descriptors, missing=missing)
    written: PromptSet = builder.build(request)
    return written


def cbd(tmp_path: Path, classes: dict[str, list[str]]) -> Path:
    path = tmp_path / "cbd.json"
    path.write_text(json.dumps(classes))
    return path


def texts(written: PromptSet) -> list[str]:
    return [prompt.text for prompt in written.prompts]


def test_cbds_sentence_with_its_two_bugs_fixed(tmp_path: Path) -> None:
    file = cbd(tmp_path, {"bee": ["antennae", "an insect", "may sting", "mandibles", "used pollen"], "ant": []})
    taxonomy = from_labels(["bee", "ant"])
    written = build(taxonomy, file)
    assert texts(written) == [
        "bee, which has antennae",
        "bee, which is an insect",
        "bee, which may sting",
        "bee, which has mandibles",
        "bee, which is used pollen",
        "ant",
    ]
    assert [note for note in written.notes if "have no descriptors" in note] == [
        "1 of 2 classes have no descriptors: ant; their names are used instead"
    ]
    assert written.prompts[0].phrase == "antennae" and written.prompts[0].kind == "descriptor"
    assert written.prompts[-1].kind == "name"


def test_the_original_style_keeps_the_bugs(tmp_path: Path) -> None:
    file = cbd(tmp_path, {"bee": ["antennae", "mandibles"], "ant": []})
    written = build(from_labels(["bee", "ant"]), file, style="cbd-original")
    assert texts(written) == ["bee, which is antennae", "bee, which has mandibles", "ant, which has "]


def test_other_styles(tmp_path: Path) -> None:
    file = cbd(tmp_path, {"bee": ["a sting"]})
    taxonomy = from_labels(["bee"])
    assert texts(build(taxonomy, file, style="has")) == ["bee, which has a sting"]
    assert texts(build(taxonomy, file, style="bare")) == ["a sting"]


def test_a_file_sets_its_style_and_background(tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(
        "format: bioclip-x/descriptors/1\nstyle: has\n"
        "classes: {bee: {descriptor: [a sting], background: [among flowers]}}\n"
    )
    taxonomy = from_labels(["bee"])
    assert texts(build(taxonomy, file)) == ["bee, which has a sting"]
    assert texts(build(taxonomy, file, kinds="background")) == ["bee, among flowers"]
    assert texts(build(taxonomy, file, kinds="background", style="bare")) == ["among flowers"]
    assert texts(build(taxonomy, file, kinds="all", style="bare")) == ["a sting", "among flowers"]


def test_missing_error_refuses_and_names_the_class(tmp_path: Path) -> None:
    file = cbd(tmp_path, {"bee": ["a sting"], "ant": []})
    with pytest.raises(DescriptorError, match="1 of 2 classes have no descriptors: ant"):
        build(from_labels(["bee", "ant"]), file, missing="error")


def test_names_are_matched_and_unmatched_or_ambiguous_ones_are_noted(tmp_path: Path) -> None:
    builder = TaxonomyBuilder()
    for kingdom, species, common in [
        ("Animalia", "Parus major", "great tit"), ("Animalia", "Morus bassanus", "gannet"), ("Plantae", "Aus bus", "gannet")
    ]:  # fmt: skip
        builder.add_lineage([("kingdom", kingdom), ("species", species)], Details({"en": (common,)}))
    file = cbd(
        tmp_path, {"Great_Tit": ["a black cap"], "gannet": ["a beak"], "unicorn": ["a horn"], "Parus major": ["x"]}
    )
    written = build(builder.build(), file)
    assert texts(written) == ["great tit, which is a black cap", "gannet", "gannet"]
    notes = "\n".join(written.notes)
    assert "1 skipped that name no class of this taxonomy: unicorn" in notes
    assert "1 skipped that fit several classes: gannet" in notes
    assert "1 skipped that are the same class as 'Great_Tit': Parus major" in notes
    assert texts(build(builder.build(), file, name="scientific"))[0] == "Parus major, which is a black cap"
    assert texts(build(builder.build(), file, name="file"))[0] == "Great Tit, which is a black cap"


def test_no_file_or_one_that_matches_no_class_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DescriptorError, match="no descriptors: give --descriptors FILE"):
        build(from_labels(["bee"]), None)
    with pytest.raises(DescriptorError, match="none of its names is a class of this taxonomy"):
        build(from_labels(["bee"]), cbd(tmp_path, {"ant": ["legs"]}))


def test_parity_with_the_published_prompts_on_cbds_own_files(shared_data: Path) -> None:
    """Every prompt of every published data set, letter for letter, as often as it is listed, those of empty classes too."""
    for file in sorted((shared_data / "descriptors" / "cbd").glob("*.json")):
        published = json.loads(file.read_text())
        labels = list(published)
        if len({" ".join(label.replace("_", " ").casefold().split()) for label in labels}) < len(labels):
            continue  # ImageNet names two classes alike
        written = build(from_labels(labels), file, style="cbd-original", name="file")
        got: dict[str, Counter[str]] = {label: Counter() for label in labels}
        for prompt in written.prompts:
            got[labels[prompt.class_index]][prompt.text] += int(prompt.weight)
        for label, phrases in published.items():
            word = label.replace("_", " ")
            assert got[label] == Counter(published_sentence(word, phrase) for phrase in phrases or [""]), (
                file.name,
                label,
            )


def test_a_sentence_is_the_whole_text_and_weights_count(tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(
        "{format: bioclip-x/descriptors/1, style: sentence, classes: {bee: "
        "{descriptor: [{phrase: A bee has a sting., weight: 2}], background: [It is among flowers.]}}}"
    )
    written = build(from_labels(["bee"]), file, kinds="all")
    assert [(one.text, one.weight) for one in written.prompts] == [
        ("A bee has a sting.", 2),
        ("It is among flowers.", 1),
    ]


def make_bisons() -> Taxonomy:
    builder = TaxonomyBuilder()
    for species, common in (("Bison bison", "bison"), ("Bison bonasus", "wisent")):
        builder.add_lineage([("genus", "Bison"), ("species", species)], Details({"en": (common,)}))
    return builder.build()


def test_the_name_of_a_genus_that_is_the_common_name_of_a_class_means_the_class(tmp_path: Path) -> None:
    taxonomy = make_bisons()
    written = build(taxonomy, cbd(tmp_path, {"Bison": ["a hump"], "wisent": ["long legs"]}), style="bare")
    assert texts(written) == ["a hump", "long legs"]
    both = {"Bison": ["a hump"], "Bison bison": ["a big head"], "wisent": ["long legs"]}
    written = build(taxonomy, cbd(tmp_path, both), style="bare")
    assert texts(written) == ["a big head", "long legs"], "the class has an entry of its own"
    assert any("1 skipped that name taxa above the classes (--inherit): Bison" in note for note in written.notes)
    written = build(taxonomy, cbd(tmp_path, {"Bison": ["a hump"]}), style="bare", inherit=0.5)
    assert texts(written) == ["a hump", "a hump"], "with inheritance, the genus"


def test_the_original_style_repeats_descriptors_in_their_places(tmp_path: Path) -> None:
    """As places365's bazaar-indoor does: the mean counts a repeated text as often as it is listed."""
    listed = ["a space", "stalls", "goods", "stalls", "goods", "people"]
    file = cbd(tmp_path, {"bazaar": listed})
    written = build(from_labels(["bazaar"]), file, style="cbd-original")
    assert texts(written) == [published_sentence("bazaar", phrase) for phrase in listed]
    assert [prompt.weight for prompt in written.prompts] == [1.0] * 6
    once = build(from_labels(["bazaar"]), file, style="cbd")
    assert texts(once) == [
        "bazaar, which is a space", "bazaar, which has stalls", "bazaar, which has goods", "bazaar, which has people"
    ]  # fmt: skip


def test_imagenets_texts_end_with_a_full_stop(tmp_path: Path) -> None:
    file = cbd(tmp_path, {"tench": ["a freshwater fish", "small eyes"], "eft": []})
    written = build(from_labels(["tench", "eft"]), file, style="cbd-original", after=".")
    assert texts(written) == ["tench, which is a freshwater fish.", "tench, which has small eyes.", "eft, which has ."]


def test_the_order_of_the_published_prompts_on_cbds_own_files(shared_data: Path) -> None:
    for file in sorted((shared_data / "descriptors" / "cbd").glob("*.json")):
        published = json.loads(file.read_text())
        labels = list(published)
        if len({" ".join(label.replace("_", " ").casefold().split()) for label in labels}) < len(labels):
            continue  # ImageNet names two classes alike
        written = build(from_labels(labels), file, style="cbd-original", name="file")
        got: dict[str, list[str]] = {label: [] for label in labels}
        for prompt in written.prompts:
            got[labels[prompt.class_index]].append(prompt.text)
        for label, phrases in published.items():
            expected = [published_sentence(label.replace("_", " "), phrase) for phrase in phrases or [""]]
            assert got[label] == expected, (file.name, label)

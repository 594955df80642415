"""Formats of descriptor files that others publish."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioclip_x.errors import DescriptorError
from bioclip_x.prompts import Descriptor, DescriptorSet, load_descriptors, write_descriptors
from bioclip_x.prompts.formats import cub_attributes

EMPTY = {
    "descriptors_food101.json": 5,
    "descriptors_places365.json": 1,
    "descriptors_fgvcaircraft.json": 1,
    # 13 empty lists, and one with nothing but a blank.
    "descriptors_cars.json": 14,
}


def written(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def phrases(read: DescriptorSet) -> dict[str, list[str]]:
    return {name: [entry.phrase for entry in entries] for name, entries in read.classes.items()}


def test_cupl_is_sentences(tmp_path: Path) -> None:
    text = json.dumps(
        {"hen": ["A hen is a bird with a red comb.", "Hens are often brown or white birds."], "tench": []}
    )
    read = load_descriptors(written(tmp_path, text, "cupl.json"))
    assert (read.style, read.empty_classes) == ("sentence", ("tench",))


def test_a_full_stop_makes_no_sentence(tmp_path: Path) -> None:
    assert load_descriptors(written(tmp_path, '{"hen": ["red comb.", "Large bird."]}', "d.json")).style == ""


def test_files_of_a_folder_are_joined(tmp_path: Path) -> None:
    one, two = "A hen is a bird with a red comb.", "Hens are often brown or white birds."
    written(tmp_path, json.dumps({"hen": [one], "tench": []}), "cupl/full.json")
    written(tmp_path, json.dumps({"hen": [two, one]}), "cupl/base.json")
    read = load_descriptors(tmp_path / "cupl")
    assert read.classes == {"hen": (Descriptor(two), Descriptor(one, times=2)), "tench": ()}
    assert (read.style, read.provenance) == ("sentence", {"files": ["base.json", "full.json"]})


def test_a_folder_of_phrases_and_sentences_is_an_error(tmp_path: Path) -> None:
    written(tmp_path, '{"hen": ["red comb"]}', "mixed/a.json")
    written(tmp_path, '{"hen": ["A hen is a bird with a red comb."]}', "mixed/b.json")
    with pytest.raises(DescriptorError, match=r"a\.json is 'phrases', b\.json is 'sentence'"):
        load_descriptors(tmp_path / "mixed")


def test_peeb_keeps_the_part(tmp_path: Path) -> None:
    expected = {
        "hen": (Descriptor("back: brown", part="back"), Descriptor("under tail: white, soft", part="under tail"))
    }
    listed = written(tmp_path, '{"hen": ["back: brown", "under tail: white, soft"]}', "list.json")
    keyed = written(tmp_path, '{"hen": {"back": "brown", "under_tail": "white, soft"}}', "keys.json")
    assert load_descriptors(listed).classes == expected
    assert load_descriptors(keyed).classes == expected


def test_a_colon_alone_makes_no_part(tmp_path: Path) -> None:
    read = load_descriptors(written(tmp_path, '{"hen": ["colour: brown", "red comb", "two legs"]}', "d.json"))
    assert [entry.part for entry in read.classes["hen"]] == ["", "", ""]


def test_prose_is_taken_apart(tmp_path: Path) -> None:
    read = load_descriptors(written(tmp_path, '{"hen": "Hens are brown.They have 2 legs.  Small!"}', "d.json"))
    assert phrases(read) == {"hen": ["Hens are brown.", "They have 2 legs.", "Small!"]}
    assert read.style == "sentence"


def test_a_class_twice_in_published_json_is_joined(tmp_path: Path) -> None:
    read = load_descriptors(written(tmp_path, '{"hen": ["red comb"], "hen": ["two legs"]}', "d.json"))
    assert phrases(read) == {"hen": ["red comb", "two legs"]}
    assert "classes given twice, lists joined: hen" in read.notes[0]


def test_a_class_twice_in_our_json_is_an_error(tmp_path: Path) -> None:
    text = '{"format": "bioclip-x/descriptors/1", "classes": {"hen": ["red comb"], "hen": ["two legs"]}}'
    with pytest.raises(DescriptorError, match="line 1: not valid JSON: the key 'hen' is given twice"):
        load_descriptors(written(tmp_path, text, "d.json"))


def test_long_table(tmp_path: Path) -> None:
    text = 'class,descriptor,kind,weight,part\nhen,red comb,,2,head\nhen,"brown, soft",,,\nhen,a yard,background,,\ntench,,,,\n'
    read = load_descriptors(written(tmp_path, text, "d.csv"))
    assert read.classes == {
        "hen": (
            Descriptor("red comb", part="head", weight=2),
            Descriptor("brown, soft"),
            Descriptor("a yard", "background"),
        ),
        "tench": (),
    }


def test_wide_table(tmp_path: Path) -> None:
    text = "Name;Descriptor1;Descriptor2\nhen;red comb;two legs\ntench;green\n"
    assert phrases(load_descriptors(written(tmp_path, text, "d.csv"))) == {
        "hen": ["red comb", "two legs"],
        "tench": ["green"],
    }
    tabs = text.replace(";", "\t")
    assert phrases(load_descriptors(written(tmp_path, tabs, "d.tsv")))["hen"] == ["red comb", "two legs"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hen,red comb\n", "line 1: expected a header: class,descriptor"),
        ("", "line 1: expected a header"),
        ("class,colour\nhen,red\n", "line 1: expected a header"),
        ("class,descriptor\nhen,3\n", "line 2: 'hen': expected phrases, got 3.0"),
        ("class,descriptor\n,red comb\n", "line 2: expected the name of a class, got a blank"),
        (
            "class,descriptor\nhen,red comb, soft\n",
            "line 2: 3 cells, but the header has 2; a comma in a phrase needs quotes",
        ),
        ("class,descriptor,kind\n\nhen,woods,habitat\n", "line 3: 'hen' has the unknown kind habitat; known kinds"),
        ("class,descriptor,weight\nhen,comb,-1\n", "line 2: 'hen': expected a weight from 1e-30 to .*, got '-1'"),
        ("class,descriptor1,descriptor2\nhen,a b,c d\nhen,e f,g h\n", "line 3: 'hen' is given twice, first in line 2"),
        ('class,descriptor\nhen,"red\n', "not valid CSV"),
    ],
)
def test_what_is_no_table_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DescriptorError, match=message):
        load_descriptors(written(tmp_path, text, "d.csv"))


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DescriptorError) as problem:
        load_descriptors(written(tmp_path, '{"hen": [3, null], "tench": "green", "rat": ["grey"]}', "d.json"))
    lines = str(problem.value).splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "'hen': expected phrases, got 3; put it in quotes if it is text",
        "'hen': expected phrases, got None; put it in quotes if it is text",
        "'tench': expected a list of phrases, got a str",
    ]


def test_parts_and_weights_of_ours(tmp_path: Path) -> None:
    classes = {"hen": (Descriptor("red comb", part="head", weight=2.5), Descriptor("two legs", times=2))}
    write_descriptors(tmp_path / "d.yaml", DescriptorSet(classes, ""))
    assert load_descriptors(tmp_path / "d.yaml").classes == classes


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "{colour: red}",
            "expected 'phrase' and optionally part, weight, got {'colour': 'red'}; a phrase with a colon",
        ),
        ("{phrase: red, weight: 0}", "expected a weight from 1e-30 to .*, got 0"),
        ("{phrase: red, weight: yes}", "expected a weight from 1e-30 to .*, got True"),
        ("{phrase: red, part: 3}", "expected the name of a part, got 3"),
        ("{phrase: null}", "expected phrases, got None"),
    ],
)
def test_what_is_no_entry_of_ours(tmp_path: Path, entry: str, message: str) -> None:
    text = f"{{format: bioclip-x/descriptors/1, classes: {{hen: [{entry}]}}}}"
    with pytest.raises(DescriptorError, match=message):
        load_descriptors(written(tmp_path, text, "d.yaml"))


def cub(folder: Path, matrix: str = "10 60 50\n0 0 100\n") -> Path:
    written(folder, "1 001.Black_footed_Albatross\n2 002.House_Wren\n", "classes.txt")
    attributes = "1 has_wing_color::grey\n2 has_bill_shape::curved_(up_or_down)\n3 has_bill_length::longer_than_head\n"
    written(folder, attributes, "attributes/attributes.txt")
    written(folder, matrix, "attributes/class_attribute_labels_continuous.txt")
    return folder


def test_cub_attributes(tmp_path: Path) -> None:
    read = load_descriptors(cub(tmp_path))
    length = Descriptor("a bill longer than the head", part="bill")
    assert read.classes == {
        "Black footed Albatross": (Descriptor("a curved bill (up or down)", part="bill"), length),
        "House Wren": (length,),
    }
    assert read.style == "has"
    assert len(cub_attributes.read(tmp_path, least=10).classes["Black footed Albatross"]) == 3


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ("1 2 3\n", "1 lines for the 2 classes"),
        ("1 2 3\n1 2\n", "line 2: 2 numbers for 3"),
        ("1 2 3\n1 x 3\n", "line 2: could not"),
    ],
)
def test_cub_attributes_that_do_not_fit(tmp_path: Path, matrix: str, message: str) -> None:
    with pytest.raises(DescriptorError, match=message):
        load_descriptors(cub(tmp_path, matrix))


def test_everything_published_loads_and_names_its_empty_classes(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "descriptors"
    files = [*folder.glob("*/*.json"), *folder.glob("peeb/data/descriptors/*/*.json"), folder / "cub_attributes"]
    if len(files) < 2:
        pytest.skip("shared/data has no descriptors")
    for file in files:
        read = load_descriptors(file)
        assert len(read.empty_classes) == EMPTY.get(file.name, 0), file
        write_descriptors(tmp_path / "d.yaml", read)
        assert load_descriptors(tmp_path / "d.yaml").classes == read.classes, file


def test_peeb_as_published_has_its_twelve_parts(shared_data: Path) -> None:
    read = load_descriptors(shared_data / "descriptors/peeb/data/descriptors/chatgpt/descriptors_cub.json")
    parts = {entry.part for entries in read.classes.values() for entry in entries}
    assert {"back", "beak", "belly", "crown", "wings"} < parts
    assert len(parts) == 12

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioclip_x.prompts import load_descriptors

LIST = """{
  "Yellow Warbler (Setophaga petechia)": [
    "It has a yellow head and a white belly.",
    "Its bill is thin and dark."
  ]
}"""
RAW = f'Summary: A small "yellow" bird.\n\nThree possible species: 1) Yellow Warbler\n\nOutput JSON:\n{LIST}'


def read(folder: Path, replies: dict[str, str]) -> dict[str, list[str]]:
    (folder / "replies.json").write_text(json.dumps(replies))
    found = load_descriptors(folder / "replies.json")
    return {name: [entry.phrase for entry in entries] for name, entries in found.classes.items()}


@pytest.mark.parametrize(
    "reply",
    [
        LIST,
        RAW,
        f"```json\n{LIST}\n```",
        "{**\n" + LIST + "\n**}",
        LIST.replace('dark."\n', 'dark.",\n'),
        LIST[: LIST.rindex("]")],
    ],
)
def test_a_reply_alone_or_after_other_text(tmp_path: Path, reply: str) -> None:
    phrases = ["It has a yellow head and a white belly.", "Its bill is thin and dark."]
    assert read(tmp_path, {"Cerulean Warbler_0": reply}) == {"Yellow Warbler": phrases}


def test_the_lists_of_all_images_are_joined_by_class(tmp_path: Path) -> None:
    found = read(tmp_path, {
        "Pug_0": '{"Pug, Chinese Pug": ["It has a short and stocky body shape.", "Its coat is smooth and light brown."]}',
        "Pug_1": '{"Pug": ["Its coat is smooth and light brown.", "It has a short and curled tail."]}',
        "Pug_2": "I cannot see the photo.",
    })  # fmt: skip
    stocky, coat = "It has a short and stocky body shape.", "Its coat is smooth and light brown."
    assert found == {"Pug": [stocky, coat, "It has a short and curled tail."], "Chinese Pug": [stocky, coat]}
    descriptors = load_descriptors(tmp_path / "replies.json")
    assert descriptors.style == "sentence"
    assert "1 of 3 replies hold no list of phrases: Pug_2" in descriptors.notes[0]


def test_prose_is_no_reply(tmp_path: Path) -> None:
    found = read(tmp_path, {"great tit": "A bird with a black cap. It has a yellow breast."})
    assert list(found) == ["great tit"]

from pathlib import Path

import pytest

from bioclip_x.errors import RecipeError
from bioclip_x.io.labels import read_labels


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_names_are_separated_by_commas() -> None:
    assert read_labels("red fox, gray wolf,") == ("red fox", "gray wolf")
    assert read_labels("labels,labels.txt") == ("labels", "labels.txt")
    assert read_labels("fox") == ("fox",)
    assert len(read_labels("a,b," + "c" * 5000)) == 3


def test_a_file_has_one_label_per_line() -> None:
    Path("labels").write_bytes("Parus major, male\r\n\r\n fox\u2028red \n".encode("utf-16"))
    assert read_labels("labels") == ("Parus major, male", "fox\u2028red")
    Path("lists").mkdir()
    Path("lists/labels").write_text("wolf\n")
    assert read_labels("labels", folder=Path("lists")) == ("wolf",)


def test_an_existing_file_wins_over_commas() -> None:
    Path("fox,wolf").write_text("red fox\n")
    Path("birds,2024.txt").write_text("great tit\n")
    assert read_labels("fox,wolf") == ("red fox",)
    assert read_labels("birds,2024.txt") == ("great tit",)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("label\nred fox\ngray wolf\n", ("red fox", "gray wolf")),
        ("id;Class Name\n1;red fox\n2;gray wolf\n", ("red fox", "gray wolf")),
        ("species,label\nVulpes vulpes,red fox\n", ("red fox",)),
        ('red fox\n"wolf, gray"\n', ("red fox", "wolf, gray")),
    ],
)
def test_a_table_is_read_by_its_header(text: str, labels: tuple[str, ...]) -> None:
    Path("labels.csv").write_text(text)
    assert read_labels("labels.csv") == labels


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        *((f"gone{suffix}", "no such file") for suffix in (".txt", ".csv", ".TSV", ".yaml", ".yml", ".json")),
        ("lists/gone", "lists/gone: no such file"),
        ("lists/", "is a folder"),
        ("lists", "is a folder"),
        ("", "names nothing"),
        (" , ", "names nothing"),
        ("latin.txt", "latin.txt, line 2: not valid utf-8; save the file as UTF-8"),
        ("table.csv", r"none of its columns \(file, box\) holds labels"),
        ("empty.csv", "names nothing"),
    ],
)
def test_what_is_no_list_of_labels(labels: str, message: str) -> None:
    Path("lists").mkdir()
    Path("latin.txt").write_bytes("fox\nBär\n".encode("latin-1"))
    Path("table.csv").write_text("file,box\na.jpg,1\n")
    Path("empty.csv").write_text("label\n")
    with pytest.raises(RecipeError, match=message):
        read_labels(labels)
